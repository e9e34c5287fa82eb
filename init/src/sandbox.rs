//! The processes of a sandbox, held by descriptors: one owner, which ends them at the latest when it is dropped.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, pidfd_send_signal, waitid};

use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::sys::fd::Fd;

/// How long the kernel may take to end what was killed, in nanoseconds. It takes milliseconds, unless a process sleeps
/// where no signal wakes it (a dead network file system).
const DEATH_LIMIT: u64 = 30_000_000_000;

/// PID 1, and the submission once it is made.
pub(crate) struct Sandbox {
    init: Fd,
    /// The same. The number is PID 1's until it is reaped, which happens here alone.
    pid: Pid,
    submission: Option<Fd>,
    ended: bool,
    is_stuck: bool,
}

impl Sandbox {
    /// From its PID 1, a child of this process.
    pub(crate) fn new(pid: Pid, init: Fd) -> Self {
        Sandbox { init, pid, submission: None, ended: false, is_stuck: false }
    }

    /// Takes the pidfd of the submission's process, which PID 1 has made and sent.
    pub(crate) fn set_submission(&mut self, pidfd: Option<Fd>) {
        self.submission = pidfd;
    }

    /// Kills the submission alone, if it is made. PID 1 lives on, to see it die, to report when, and to end what it left. (Killed
    /// with its PID 1, the submission would seem to live until the kernel has taken the whole sandbox apart:
    /// milliseconds.)
    pub(crate) fn stop(&self) {
        if self.submission.as_ref().is_some_and(|submission| kill(submission).is_err()) {
            let _ = self.kill_init(); // `end` comes a little later, and returns the error
        }
    }

    /// Kills all, and returns when nothing of it lives. The second time it does nothing. PID 1 has so much time to end by
    /// itself, in nanoseconds.
    ///
    /// # Errors
    /// It cannot be killed, or does not end. Then it is not waited for: PID 1 ends it when this process is gone.
    pub(crate) fn end(&mut self, patience: u64) -> Result<(), Error> {
        if core::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        self.is_stuck = true; // until all of it is reaped
        // Both: without a pid namespace (`--without pid-namespace`) our PID 1 is not one to the kernel, and its death
        // ends no other process (pid_namespaces(7)).
        let _ = self.submission.as_ref().map(kill); // where there is a pid namespace, it dies with PID 1 anyway
        let mut ended = self.wait(patience);
        if ended == Ok(0) {
            self.kill_init().map_err(at(Step::Supervise, Call::Kill, Subject::None))?;
            ended = self.wait(DEATH_LIMIT);
        }
        if ended == Ok(0) {
            return Err(at(Step::Supervise, Call::Wait, Subject::None)(Errno::TIMEDOUT));
        }
        // ECHILD cannot occur: PID 1 is our child, and is reaped only here.
        let _ = waitid(WaitId::PidFd(self.init.as_fd()), WaitIdOptions::EXITED);
        self.is_stuck = false;
        Ok(())
    }

    /// Sleeps until the last process of the pid namespace is reaped (pid_namespaces(7)), or so long; then it returns 0.
    fn wait(&self, time: u64) -> Result<usize, Errno> {
        let mut fds = [PollFd::new(&self.init, PollFlags::IN)];
        loop {
            match poll(&mut fds, Some(&clock::timespec(time))) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// Whether a process of it may live or be unreaped, although all were to end.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    fn kill_init(&self) -> Result<(), Errno> {
        // A host's filter may not know pidfd_send_signal(2), and refuse it.
        kill(&self.init).or_else(|_| kill_process(self.pid, Signal::KILL))
    }
}

fn kill(process: &Fd) -> Result<(), Errno> {
    // By pidfd: a pid could belong to another process by now (pidfd_send_signal(2)).
    match pidfd_send_signal(process, Signal::KILL) {
        Err(Errno::SRCH) => Ok(()), // it has just ended by itself
        result => result,
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.end(0); // an error has come before this one
    }
}

/// Readable when PID 1 has ended.
impl AsFd for Sandbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.init.as_fd()
    }
}
