//! Starts init for one step, and collects what it writes.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::pool::Pool;
use super::supervisor::Supervisor;
use crate::ending_signals::{EndingSignals, Heeding};
use crate::error::Error;
use crate::init_command::InitCommand;

/// What a compile step wrote.
pub(super) struct Compiled {
    /// init's report, one JSON object; empty when init did not understand its options.
    pub report: String,
    /// The start of the compiler's text, or init's message about its options.
    pub text: Vec<u8>,
}

/// Compiles, without input; stdout and stderr are the compiler's text. Signals that are held end the step.
pub(super) fn compile(
    pool: Option<&Pool>,
    init: InitCommand,
    longest_text: usize,
    signals: Option<&EndingSignals>,
) -> Result<Compiled, Error> {
    let fail = |error| Error::Start { path: init.init().to_path_buf(), error };
    let nothing = File::open("/dev/null").map_err(fail)?;
    let (mut said, says) = io::pipe().map_err(fail)?;
    let streams = [nothing.as_fd(), says.as_fd(), says.as_fd()].map(Some);
    let (child, mut reports) = reporting(pool, init.clone(), streams).map_err(fail)?;
    // While our own copy of the writing end is open, reading would never end.
    drop(says);
    let pass_on = |signal| child.signal(signal);
    let heeding = |from| Heeding { signals, from, pass_on: &pass_on };
    let text = beginning(&mut heeding(&mut said), longest_text).map_err(fail)?;
    let mut report = String::new();
    heeding(&mut reports).read_to_string(&mut report).map_err(fail)?;
    child.wait().map_err(fail)?;
    Ok(Compiled { report, text })
}

/// A supervisor that does not outlive us, and the pipe to which it reports.
pub(crate) fn reporting(
    pool: Option<&Pool>,
    mut init: InitCommand,
    streams: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<(Supervisor, PipeReader)> {
    let (reports, reporter) = report_to_pipe(&mut init)?;
    let child = Supervisor::start(pool, &init, streams, &[reporter.as_fd()])?;
    Ok((child, reports))
}

/// The same, with the pipe whose byte it waits for when everything else is done. If the pipe is closed instead, the child
/// ends without a run.
pub(super) fn waiting(
    pool: Option<&Pool>,
    mut init: InitCommand,
    streams: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<(Supervisor, PipeReader, PipeWriter)> {
    let (reports, reporter) = report_to_pipe(&mut init)?;
    let (starts, starter) = io::pipe()?;
    init.option("start-on", format!("fd:{}", starts.as_raw_fd()));
    let child = Supervisor::start(pool, &init, streams, &[reporter.as_fd(), starts.as_fd()])?;
    Ok((child, reports, starter))
}

fn report_to_pipe(init: &mut InitCommand) -> io::Result<(PipeReader, PipeWriter)> {
    let (reports, reporter) = io::pipe()?;
    init.option("report", format!("fd:{}", reporter.as_raw_fd()));
    Ok((reports, reporter))
}

/// The first bytes of a stream, which is read to its end: a writer that is not read from would block.
fn beginning(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    from.by_ref().take(most as u64).read_to_end(&mut kept)?;
    io::copy(from, &mut io::sink())?;
    Ok(kept)
}
