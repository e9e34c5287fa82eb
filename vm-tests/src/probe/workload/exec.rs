//! Workloads that execute: a chain, too many arguments, none, a loop.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{Program, UNREACHED, errno, errno_of, number, print_text};
use crate::probe::sys;

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("exec-chain", exec_chain),
    ("exec-huge", exec_huge),
    ("exec-without-arguments", |_| errno_of(sys::exec_without_arguments(c"/proc/self/exe"))),
    ("exec-script-of-itself", exec_script_of_itself),
];

/// Executes itself again and again, with a smaller number each time.
fn exec_chain(args: &[&str]) -> u8 {
    let left = number(args);
    if left == 0 {
        return print_text("done\n");
    }
    let Ok(program) = std::env::current_exe() else { return UNREACHED };
    let cause = Command::new(program).args(["verdict", "exec-chain", &(left - 1).to_string()]).exec();
    errno(&cause)
}

/// Itself with 7 MiB of arguments: more than the kernel takes, whatever the stack's limit (execve(2)).
fn exec_huge(_: &[&str]) -> u8 {
    let word = "x".repeat(100 << 10);
    let args = std::iter::repeat_n(word, 70);
    errno(&Command::new("/proc/self/exe").args(args).exec())
}

/// A script whose interpreter is the script.
fn exec_script_of_itself(_: &[&str]) -> u8 {
    const PATH: &str = "/tmp/script";
    let made = fs::write(PATH, format!("#!{PATH}\n"))
        .and_then(|()| fs::set_permissions(PATH, fs::Permissions::from_mode(0o755)));
    if made.is_err() { UNREACHED } else { errno(&Command::new(PATH).exec()) }
}
