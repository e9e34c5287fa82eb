//! The supervisor of a run: a process of our own, or one of a pool's.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::child::Child;
use super::pool::{Done, Pool, PooledRun};
use crate::ending_signals::{Heeded, Heeding, until_ready};
use crate::error::SANDBOX_ERROR;
use crate::init_command::InitCommand;

/// One that nobody waits for is killed at the end of this value.
#[derive(Debug)]
pub(crate) enum Supervisor {
    /// It reports to a pipe, which ends with it.
    Own { child: Child, reports: PipeReader },
    /// The pool's answer has the report. It comes before the process has tidied up, and also when that does not end: asleep
    /// in a file system that does not answer, it would keep every pipe open.
    Pooled(PooledRun),
}

impl Supervisor {
    /// Starts it; `start_on` is the descriptor that this option of `init` names. A pool that does not take the run, or has
    /// gone, makes no difference but in time.
    pub(crate) fn start(
        pool: Option<&Pool>,
        mut init: InitCommand,
        streams: [Option<BorrowedFd<'_>>; 3],
        start_on: Option<BorrowedFd<'_>>,
    ) -> io::Result<Supervisor> {
        if let Some(Ok(Some(run))) = pool.map(|pool| pool.run(&init, streams)) {
            return Ok(Supervisor::Pooled(run));
        }
        let (reports, reporter) = io::pipe()?;
        init.option("report", format!("fd:{}", reporter.as_raw_fd()));
        let kept: Vec<_> = [reporter.as_fd()].into_iter().chain(start_on).collect();
        let child = Child::start(init.to_argv(), streams, &kept)?;
        Ok(Supervisor::Own { child, reports })
    }

    /// Waits for the end of the run, and returns init's exit code as a shell would give it, and the report. What is
    /// heeded meanwhile goes on to the supervisor.
    pub(crate) fn wait(self, heeded: Heeded<'_>) -> io::Result<(u8, String)> {
        match self {
            Supervisor::Own { child, mut reports } => {
                let mut report = String::new();
                let pass_on = |signal| child.signal(signal);
                let mut from = Heeding { heeded, from: &mut reports, end: None, pass_on: &pass_on };
                from.read_to_string(&mut report)?;
                Ok((code(child.wait()?), report))
            }
            Supervisor::Pooled(run) => {
                until_ready(heeded, &[run.as_fd()], &|signal| run.signal(signal))?;
                let Done { code, report } = run.wait()?;
                Ok((code, report))
            }
        }
    }

    /// Sends it a signal, which reaches no other process.
    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Supervisor::Own { child, .. } => child.signal(signal),
            Supervisor::Pooled(run) => run.signal(signal),
        }
    }

    /// What `look` sees at its pid; `None` when a run of a pool is over.
    pub(crate) fn observe<T>(&self, look: impl FnOnce(i32) -> T) -> Option<T> {
        match self {
            Supervisor::Own { child, .. } => Some(look(child.pid())),
            Supervisor::Pooled(run) => run.observe(look),
        }
    }

    /// Ready when nothing more is written to the run's streams, for a supervisor that may have them open for longer.
    pub(crate) fn end(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Supervisor::Own { .. } => None,
            Supervisor::Pooled(run) => Some(run.as_fd()),
        }
    }
}

/// Ready to be read when the run is over.
impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Supervisor::Own { reports, .. } => reports.as_fd(),
            Supervisor::Pooled(run) => run.as_fd(),
        }
    }
}

/// The exit code as a shell would give it. init itself ends by a signal only when another process kills it.
fn code(status: ExitStatus) -> u8 {
    let signal = || 128 + status.signal().unwrap_or(0);
    u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(SANDBOX_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_answer_of_a_pool_ends_a_run_whose_slot_does_not_end() {
        let (pool, _slot) = Pool::without_server();
        let mut init = InitCommand::new(Path::new("init"), Path::new("/r"));
        init.command(["/bin/true"]);
        let supervisor = Supervisor::start(Some(&pool), init, [None; 3], None).unwrap();
        let done = Done { code: 125, report: "{\"status\":\"sandbox-error\"}\n".to_owned() };
        pool.answer_first(done.clone());
        assert_eq!(supervisor.wait(Heeded::default()).unwrap(), (done.code, done.report));
    }
}
