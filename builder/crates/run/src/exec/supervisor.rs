//! The supervisor of a run: a process of our own, or one of a pool's.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::child::Child;
use super::pool::{Pool, PooledRun};
use crate::error::SANDBOX_ERROR;
use crate::init_command::InitCommand;

/// One that nobody waits for is killed at the end of this value.
#[derive(Debug)]
pub(crate) enum Supervisor {
    Own(Child),
    Pooled(PooledRun),
}

impl Supervisor {
    /// Starts it; `kept` are the descriptors that options of `init` name. A pool that does not take the run, or has gone,
    /// makes no difference but in time.
    pub(crate) fn start(
        pool: Option<&Pool>,
        init: &InitCommand,
        streams: [Option<BorrowedFd<'_>>; 3],
        kept: &[BorrowedFd<'_>],
    ) -> io::Result<Supervisor> {
        match pool.map(|pool| pool.run(init, streams)) {
            Some(Ok(Some(run))) => Ok(Supervisor::Pooled(run)),
            _ => Child::start(init.to_argv(), streams, kept).map(Supervisor::Own),
        }
    }

    /// Waits for its end, and returns init's exit code as a shell would give it.
    pub(crate) fn wait(self) -> io::Result<u8> {
        match self {
            Supervisor::Own(child) => child.wait().map(code),
            Supervisor::Pooled(run) => run.wait().map(|done| done.code),
        }
    }

    /// Sends it a signal, which reaches no other process.
    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Supervisor::Own(child) => child.signal(signal),
            Supervisor::Pooled(run) => run.signal(signal),
        }
    }

    /// What `look` sees at its pid; `None` when a run of a pool is over.
    pub(crate) fn observe<T>(&self, look: impl FnOnce(i32) -> T) -> Option<T> {
        match self {
            Supervisor::Own(child) => Some(look(child.pid())),
            Supervisor::Pooled(run) => run.observe(look),
        }
    }
}

/// The exit code as a shell would give it. init itself ends by a signal only when another process kills it.
fn code(status: ExitStatus) -> u8 {
    let signal = || 128 + status.signal().unwrap_or(0);
    u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(SANDBOX_ERROR)
}
