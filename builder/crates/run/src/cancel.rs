//! Calling work off from another thread: before it has begun, and while programs run for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::write;

/// Whether work is called off. A run that has it ends when it is set.
#[derive(Debug, Default)]
pub struct Cancel {
    is_set: AtomicBool,
    /// What a thread sleeps on that waits for a run. Work that only waits for its turn has no descriptor.
    wake: OnceLock<OwnedFd>,
}

impl Cancel {
    /// Calls the work off.
    pub fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        if let Some(wake) = self.wake.get() {
            ring(wake);
        }
    }

    /// Whether the work is called off.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// A descriptor that is ready to be read from the moment when the work is called off.
    ///
    /// # Errors
    /// This process has too many descriptors open.
    pub fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        let wake = match self.wake.get() {
            Some(wake) => wake,
            None => {
                let made = eventfd(0, EventfdFlags::CLOEXEC)?;
                self.wake.get_or_init(|| made)
            }
        };
        // A call that did not find the descriptor has set the flag before it looked.
        if self.is_set() {
            ring(wake);
        }
        Ok(wake.as_fd())
    }
}

/// No thread reads the counter, so the descriptor stays ready, and it has room for more writes (eventfd(2)).
fn ring(wake: &OwnedFd) {
    let _has_room = write(wake, &1u64.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_ready(cancel: &Cancel) -> bool {
        let mut ends = [PollFd::from_borrowed_fd(cancel.descriptor().unwrap(), PollFlags::IN)];
        poll(&mut ends, Some(&Timespec::default())).unwrap() > 0
    }

    #[test]
    fn it_can_be_set_before_a_thread_waits_for_it() {
        let cancel = Cancel::default();
        cancel.set();
        cancel.set();
        assert!(cancel.is_set() && is_ready(&cancel));
    }

    #[test]
    fn who_waits_for_it_is_woken_and_stays_so() {
        let cancel = Cancel::default();
        assert!(!cancel.is_set() && !is_ready(&cancel));
        cancel.set();
        assert!(is_ready(&cancel) && is_ready(&cancel));
    }
}
