//! The processes of a sandbox, held by descriptors: one owner, which ends them at the latest when it is let go.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::sys::fd::Fd;

/// PID 1, and the submission once it is made.
pub struct Sandbox {
    init: Fd,
    submission: Option<Fd>,
    ended: bool,
}

impl Sandbox {
    /// From the pidfd of its PID 1, a child of this process.
    pub fn new(init: Fd) -> Self {
        Sandbox { init, submission: None, ended: false }
    }

    /// Its PID 1 has made the submission's process, and sent this pidfd.
    pub fn has_submission(&mut self, pidfd: Option<Fd>) {
        self.submission = pidfd;
    }

    /// Kills the submission alone. PID 1 lives on: to see it die, to say when, and to end what it left. (Killed with its
    /// PID 1, the submission would seem to live until the kernel has taken the whole sandbox apart: milliseconds.)
    pub fn stop(&self) {
        kill(self.submission.as_ref().unwrap_or(&self.init));
    }

    /// Kills all, and returns when nothing of it lives. The second time it does nothing.
    pub fn end(&mut self) {
        if core::mem::replace(&mut self.ended, true) {
            return;
        }
        // Without a pid namespace PID 1 is no PID 1, and takes nobody along.
        self.submission.iter().chain([&self.init]).for_each(kill);
        let _ = waitid(WaitId::PidFd(self.init.as_fd()), WaitIdOptions::EXITED); // ECHILD cannot be: here only
    }
}

fn kill(process: &Fd) {
    let _ = pidfd_send_signal(process, Signal::KILL); // ESRCH: it has just ended by itself
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// Readable when PID 1 has ended.
impl AsFd for Sandbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.init.as_fd()
    }
}
