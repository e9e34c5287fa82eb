//! Starts init for one step, and reads what it says.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use rustix::io::FdFlags;

use super::Start;
use super::child::Child;
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
    let nothing = File::open("/dev/null").map_err(fail)?;
    let (mut said, says) = io::pipe().map_err(fail)?;
    let (mut reports, reporter) = inherited_pipe().map_err(fail)?;
    let streams = [nothing.as_fd(), says.as_fd(), says.as_fd()].map(Some);
    let child = reporting(start, &reporter, streams).map_err(fail)?;
    // Our ends of what only init shall write to.
    drop((says, reporter));
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
    let child = reporting(start, &reporter, [None; 3]).map_err(fail)?;
    drop(reporter);
    let mut report = String::new();
    reports.read_to_string(&mut report).map_err(fail)?;
    Ok((code(child.wait().map_err(fail)?), report))
}

/// Runs in our stead: init, which has the last word anyway, becomes this process. Comes back only with an error.
pub fn become_run(start: &Start) -> Error {
    let error = Command::new(&start.init).arg("run").args(&start.words).exec();
    Error::Start { path: start.init.clone(), error }
}

/// A child that reports to us, and does not outlive us.
fn reporting(
    start: &Start,
    reporter: &PipeWriter,
    streams: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<Child> {
    let report = ["run".into(), "--report".into(), format!("fd:{}", reporter.as_raw_fd()).into()];
    let init = start.init.clone().into_os_string();
    let words: Vec<OsString> = [init].into_iter().chain(report).chain(start.words.iter().cloned()).collect();
    Child::start(words, streams)
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
