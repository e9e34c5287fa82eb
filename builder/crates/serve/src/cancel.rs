//! Calling a job off: before it has begun, and while its program runs.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use run::exec::Running;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{Errno, retry_on_intr, write};

/// Whether a job is called off.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    is_set: AtomicBool,
    /// What the job's thread sleeps on, once it runs something.
    wake: OnceLock<OwnedFd>,
}

impl Cancel {
    /// Calls it off.
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        if let Some(wake) = self.wake.get() {
            let _full_is_awake = write(wake, &1u64.to_ne_bytes());
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Sleeps until the run is over or called off; in the latter case it is ended.
    pub(crate) fn watch(&self, running: &Running) -> Result<(), Errno> {
        if self.wake.get().is_none() {
            let _another_run_of_this_job_made_it = self.wake.set(eventfd(0, EventfdFlags::CLOEXEC)?);
        }
        let Some(wake) = self.wake.get() else { return Ok(()) };
        // Only after `wake` is there: what is set before is seen here, what is set later wakes.
        if !self.is_set() {
            let mut ends =
                [running.as_fd(), wake.as_fd()].map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
            retry_on_intr(|| poll(&mut ends, None))?;
        }
        if self.is_set() {
            running.terminate();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_set_before_there_is_anything_to_wake() {
        let cancel = Cancel::default();
        assert!(!cancel.is_set());
        cancel.set();
        cancel.set();
        assert!(cancel.is_set());
    }
}
