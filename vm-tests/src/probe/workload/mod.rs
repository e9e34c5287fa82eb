//! Workloads: programs with a known end. They stand for submissions that are wrong, greedy or just unusual, one file
//! for each kind of limit that they run into.

use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use super::sys;

mod cpu;
mod endings;
mod exec;
mod files;
mod memory;
mod processes;
mod streams;
mod waiting;

/// Takes the arguments after its name, and returns an exit code.
type Program = fn(&[&str]) -> u8;

fn find(name: &str) -> Option<Program> {
    let kinds = [
        endings::PROGRAMS,
        exec::PROGRAMS,
        streams::PROGRAMS,
        cpu::PROGRAMS,
        waiting::PROGRAMS,
        memory::PROGRAMS,
        processes::PROGRAMS,
        files::PROGRAMS,
    ];
    kinds.into_iter().flatten().find(|(known, _)| *known == name).map(|(_, program)| *program)
}

/// Runs one of them.
pub fn run(name: &str, args: &[&str]) -> ExitCode {
    match find(name) {
        Some(program) => ExitCode::from(program(args)),
        None => {
            eprintln!("error: `{name}` is not a workload");
            ExitCode::from(UNREACHED)
        }
    }
}

/// Whether there is such a workload.
#[cfg(test)]
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// The exit code of a program that went on where it should have ended: no table expects it.
pub(crate) const UNREACHED: u8 = 77;

/// The first argument as a number; 0 without one.
fn number(args: &[&str]) -> usize {
    args.first().and_then(|arg| arg.parse().ok()).unwrap_or(0)
}

/// The exit code: 0 when the whole text was written.
fn print_text(text: &str) -> u8 {
    let mut out = io::stdout();
    u8::from(out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err())
}

fn spin_for_ever() -> u8 {
    loop {
        black_box(0u64);
    }
}

fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        black_box(0u64);
    }
}

fn sleep_for_ever() -> u8 {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn wait_for_child(body: impl FnOnce() -> u8) -> u8 {
    match sys::in_child(body) {
        Ok(_) => UNREACHED,
        Err(errno) => errno_of(errno),
    }
}

/// The error as an exit code.
fn errno(cause: &io::Error) -> u8 {
    cause.raw_os_error().unwrap_or(0) as u8
}

/// The same for a raw call.
fn errno_of(errno: sys::Errno) -> u8 {
    errno.0 as u8
}
