//! Starts init for one step, and collects what it writes.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::pool::Pool;
use super::supervisor::Supervisor;
use crate::ending_signals::{Heeded, Heeding};
use crate::error::Error;
use crate::init_command::InitCommand;

/// What a compile step wrote.
pub(super) struct Compiled {
    /// init's report, one JSON object; empty when init did not understand its options.
    pub report: String,
    /// The start of the compiler's text, or init's message about its options.
    pub text: Vec<u8>,
}

/// Compiles, without input; stdout and stderr are the compiler's text. What is heeded ends the step.
pub(super) fn compile(
    pool: Option<&Pool>,
    init: InitCommand,
    longest_text: usize,
    heeded: Heeded<'_>,
) -> Result<Compiled, Error> {
    let fail = |error| Error::Start { path: init.init().to_path_buf(), error };
    let nothing = File::open("/dev/null").map_err(fail)?;
    let (said, says) = io::pipe().map_err(fail)?;
    let streams = [nothing.as_fd(), says.as_fd(), says.as_fd()].map(Some);
    let supervisor = reporting(pool, init.clone(), streams).map_err(fail)?;
    // While our own copy of the writing end is open, reading would never end.
    drop(says);
    compiled(supervisor, said, longest_text, heeded).map_err(fail)
}

/// What comes of a compile step that has started, and whose text comes from the pipe.
pub(super) fn compiled(
    supervisor: Supervisor,
    mut said: PipeReader,
    longest_text: usize,
    heeded: Heeded<'_>,
) -> io::Result<Compiled> {
    let pass_on = |signal| supervisor.signal(signal);
    let mut from = Heeding { heeded, from: &mut said, end: supervisor.end(), pass_on: &pass_on };
    let text = beginning(&mut from, longest_text)?;
    let (_code, report) = supervisor.wait(heeded)?;
    Ok(Compiled { report, text })
}

/// A supervisor that does not outlive us, and whose report we get.
pub(crate) fn reporting(
    pool: Option<&Pool>,
    init: InitCommand,
    streams: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<Supervisor> {
    Supervisor::start(pool, init, streams, None)
}

/// The same, with the pipe whose byte it waits for when everything else is done. If the pipe is closed instead, it ends
/// without a run.
pub(super) fn waiting(
    pool: Option<&Pool>,
    mut init: InitCommand,
    streams: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<(Supervisor, PipeWriter)> {
    let (starts, starter) = io::pipe()?;
    init.option("start-on", format!("fd:{}", starts.as_raw_fd()));
    let supervisor = Supervisor::start(pool, init, streams, Some(starts.as_fd()))?;
    Ok((supervisor, starter))
}

/// The first bytes of a stream, which is read to its end: a writer that is not read from would block.
fn beginning(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    from.by_ref().take(most as u64).read_to_end(&mut kept)?;
    io::copy(from, &mut io::sink())?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::super::pool::Done;
    use super::*;
    use std::path::Path;

    #[test]
    fn the_answer_of_a_pool_ends_a_compile_step_whose_slot_does_not_end() {
        let (pool, _slot) = Pool::without_server();
        let mut init = InitCommand::new(Path::new("init"), Path::new("/r"));
        init.command(["/bin/true"]);
        let report = "{\"status\":\"sandbox-error\"}\n";
        let compiled = std::thread::scope(|scope| {
            scope.spawn(|| pool.answer_first(Done { code: 125, report: report.to_owned() }));
            compile(Some(&pool), init, 100, Heeded::default()).unwrap()
        });
        assert_eq!((compiled.report.as_str(), compiled.text), (report, Vec::new()));
    }
}
