//! Starts init for one step, and reads what it says.
#![allow(unsafe_code)] // `Command::pre_exec` is unsafe; the parent-death signal must be set in the child.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use rustix::io::FdFlags;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use super::Start;
use crate::error::Error;

/// What came of a compile step.
pub struct Compiled {
    /// init's report, one JSON object.
    pub report: String,
    /// What the compiler said, its start.
    pub text: Vec<u8>,
}

/// Compiles: no input, stdout and stderr are the compiler's text.
pub fn compile(start: &Start, longest_text: usize) -> Result<Compiled, Error> {
    let fail = |error| Error::Start { path: start.init.clone(), error };
    let (mut said, says) = io::pipe().map_err(fail)?;
    let (mut reports, reporter) = inherited_pipe().map_err(fail)?;
    let mut command = reporting(start, &reporter);
    command.stdin(Stdio::null()).stdout(says.try_clone().map_err(fail)?).stderr(says);
    let mut child = command.spawn().map_err(fail)?;
    // Our ends of what only init shall write to.
    drop((command, reporter));
    let text = beginning(&mut said, longest_text).map_err(fail)?;
    let mut report = String::new();
    reports.read_to_string(&mut report).map_err(fail)?;
    child.wait().map_err(fail)?;
    Ok(Compiled { report, text })
}

/// Runs on our own streams. Gives the exit code, and init's report.
pub fn run(start: &Start) -> Result<(u8, String), Error> {
    let fail = |error| Error::Start { path: start.init.clone(), error };
    let (mut reports, reporter) = inherited_pipe().map_err(fail)?;
    let mut child = reporting(start, &reporter).spawn().map_err(fail)?;
    drop(reporter);
    let mut report = String::new();
    reports.read_to_string(&mut report).map_err(fail)?;
    Ok((code(child.wait().map_err(fail)?), report))
}

/// Runs in our stead: init, which has the last word anyway, becomes this process. Comes back only with an error.
pub fn become_run(start: &Start) -> Error {
    Error::Start { path: start.init.clone(), error: command(start, []).exec() }
}

fn command(start: &Start, more: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new(&start.init);
    command.arg("run").args(more).args(&start.words);
    command
}

/// A child that reports to us, and does not outlive us.
fn reporting(start: &Start, reporter: &PipeWriter) -> Command {
    let report = [OsString::from("--report"), format!("fd:{}", reporter.as_raw_fd()).into()];
    let mut command = command(start, report);
    let parent = getpid();
    let die_with_us = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before that.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    };
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads: it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(die_with_us) };
    command
}

/// The same step without init: only its root is another one.
pub fn bare(root: &Path, words: &[String], environment: &[String]) -> Command {
    let Some((program, arguments)) = words.split_first() else { return Command::new("") };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/home/judge")
        .env("LANG", "C.UTF-8");
    command.envs(environment.iter().filter_map(|variable| variable.split_once('=')));
    let root = root.to_path_buf();
    let enter = move || {
        rustix::process::chroot(&root)?;
        Ok(rustix::process::chdir("/home/judge/box")?)
    };
    // SAFETY: `pre_exec` requires that the closure does only what is safe between fork and exec in a program with
    // threads: it makes two system calls, whose paths are short enough to need no memory from the heap.
    unsafe { command.pre_exec(enter) };
    command
}

/// A pipe whose writing end the child keeps.
fn inherited_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    rustix::io::fcntl_setfd(&writer, FdFlags::empty())?;
    Ok((reader, writer))
}

/// The first bytes of what is read to its end.
fn beginning(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    from.by_ref().take(most as u64).read_to_end(&mut kept)?;
    io::copy(from, &mut io::sink())?;
    Ok(kept)
}

/// As a shell has it: init itself ends by a signal only when somebody kills it.
fn code(status: ExitStatus) -> u8 {
    let signal = || 128 + status.signal().unwrap_or(0);
    u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(super::SANDBOX_ERROR)
}
