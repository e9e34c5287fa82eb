//! The signals that the supervisor answers, at every moment of a run.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::inherited::ENDING;
use crate::sys;
use crate::sys::fd::Fd;

/// Follows the caller's terminal.
const SIGWINCH: u8 = 28;

/// The signals as a descriptor. They are blocked since the start, so none that came before is lost: it is pending
/// (signalfd(2)).
pub(super) struct Watched(Fd);

impl Watched {
    pub(super) fn new() -> Result<Watched, Error> {
        // An ignored signal is not watched: blocked, it would be pending like the others (`sig_ignored` in
        // kernel/signal.c).
        let watched = ENDING.without(sys::ignored_signals(ENDING)).and(SIGWINCH);
        sys::signalfd(watched).map(Watched).map_err(at(Step::Supervise, Call::Signalfd, Subject::None))
    }

    /// Takes what has come; returns whether the terminal's size has changed.
    ///
    /// # Errors
    /// A signal asks to end.
    pub(super) fn take(&self) -> Result<bool, Error> {
        let mut resized = false;
        while let Some(signal) = sys::read_signal(self.0.as_fd()) {
            if signal != SIGWINCH {
                return Err(at(Step::Supervise, Call::Interrupted, Subject::None)(Errno::INTR));
            }
            resized = true;
        }
        Ok(resized)
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
