//! SIGINT, SIGTERM and SIGHUP during a build: a handler only sets a flag, and the build ends at its next check of it.
//! So the unfinished bundle is removed before the process ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::Error;

/// The last signal that asked this process to end, if one did.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// A flag that no signal sets, for callers that leave the default actions in place.
    pub fn never() -> Interrupt {
        Interrupt::default()
    }

    /// Installs the handlers.
    ///
    /// # Errors
    /// sigaction(2) fails.
    pub fn install() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or(usize::MAX);
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupt.signal), number)?;
        }
        Ok(interrupt)
    }

    /// # Errors
    /// [`Error::Interrupted`] after a signal.
    pub fn check(&self) -> Result<(), Error> {
        self.signal().map_or(Ok(()), |signal| Err(Error::Interrupted { signal: signal.into() }))
    }

    /// The number of the signal, after one.
    pub fn signal(&self) -> Option<u8> {
        u8::try_from(self.signal.load(Ordering::Relaxed)).ok().filter(|signal| *signal != 0)
    }
}
