//! Ctrl-C and friends: noticed at the next step, so that the half-made bundle is removed before we end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::Error;

/// Remembers the last signal that asked us to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Never interrupts: for library users that handle signals themselves.
    pub fn never() -> Interrupt {
        Interrupt::default()
    }

    /// Takes over SIGINT, SIGTERM and SIGHUP of this process.
    pub fn install() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or(usize::MAX);
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupt.signal), number)?;
        }
        Ok(interrupt)
    }

    /// An error once a signal came.
    pub fn check(&self) -> Result<(), Error> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(Error::Interrupted { signal: i32::try_from(signal).unwrap_or(SIGINT) }),
        }
    }
}
