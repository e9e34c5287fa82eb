//! A container with cgroups of version 2 of its own: the runner is its PID 1, alone in the root of its cgroup namespace,
//! and holds all limits there all the same.
//!
//! Three programs, each of which is this agent: one outside, one that makes the namespaces ([`inside`]), and one that waits
//! until it is alone and becomes init ([`alone`]).

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

use crate::probe::sys::{self, Arg};

/// The agent's arguments for the second program, then those of init.
pub const INSIDE: &str = "enclosed-inside";
/// For the third one.
pub const ALONE: &str = "enclosed-alone";

const ROOT: &str = "/sys/fs/cgroup";
const CONTAINER: &str = "/sys/fs/cgroup/container";
/// Where init puts what it finds in the way (init/src/cgroup/v2.rs).
const LEAF: &str = "/sys/fs/cgroup/container/capsule";

/// Runs one submission so, and returns what is wrong. Version 1 has no such rule, and nothing to try.
///
/// # Errors
/// The container cannot be made.
pub fn all(init: &Path, root: &Path) -> io::Result<Vec<String>> {
    if !Path::new(ROOT).join("cgroup.controllers").exists() {
        println!("# version 1: a cgroup with processes has children with limits");
        return Ok(Vec::new());
    }
    fs::write(format!("{ROOT}/cgroup.subtree_control"), "+memory +pids")?;
    fs::create_dir(CONTAINER)?;
    let mut command = Command::new(env::current_exe()?);
    command.arg(INSIDE).arg(init).arg("run").arg("--root").arg(root).args(["--report", "fd:1"]);
    command.args([
        "--require",
        "memory,swap,oom-group,pids,cpu-accounting",
        "--",
        "/bin/bash",
        "-c",
        "exit 3",
    ]);
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let mut wrong = Vec::new();
    if !(said.contains(r#""status":"nonzero-exit""#) && said.contains(r#""cgroup":"v2""#)) {
        wrong.push(format!("the report is {said}"));
    }
    // The leaf is the container's, and goes with it.
    wrong.extend(fs::remove_dir(LEAF).err().map(|error| format!("{LEAF}: {error}")));
    fs::remove_dir(CONTAINER)?;
    Ok(wrong)
}

/// Makes the container around a process that becomes `argv`.
///
/// # Errors
/// A namespace cannot be made, or the process not be started.
pub fn inside(argv: &[&str]) -> io::Result<()> {
    // By this the way back is open when its name leads elsewhere.
    let mut outside = OpenOptions::new().write(true).open(format!("{ROOT}/cgroup.procs"))?;
    fs::write(format!("{CONTAINER}/cgroup.procs"), "0")?;
    let flags = libc::CLONE_NEWCGROUP | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    sys::call(libc::SYS_unshare, &mut [Arg::N(flags.into())])
        .map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // The machine's own is in the way: one file system is not mounted twice in one place (mount(2), EBUSY).
    unmount(ROOT, UnmountFlags::DETACH)?;
    mount("none", ROOT, "cgroup2", MountFlags::empty(), None)?;
    let mut command = Command::new(env::current_exe()?);
    let mut child = command.arg(ALONE).args(argv).stdin(Stdio::piped()).spawn()?;
    outside.write_all(b"0")?;
    child.stdin.take().map(|mut go| go.write_all(b"!")).transpose()?;
    child.wait().map(drop)
}

/// Becomes `argv` when a byte has come.
///
/// # Errors
/// It cannot be started.
pub fn alone(argv: &[&str]) -> io::Result<()> {
    io::stdin().read_exact(&mut [0])?;
    if std::process::id() != 1 {
        return Err(io::Error::other("not PID 1 of its namespace"));
    }
    let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Err(Command::new(program).args(args).stdin(Stdio::null()).exec())
}
