//! The end of the output: what is left is passed on, and its reader may take its time, but not for ever.

use rustix::fd::AsFd;

use super::signals::Watched;
use super::wait::Sources;
use crate::clock;
use crate::error::Error;
use crate::options::Options;
use crate::streams::{self, Pump};

/// How long a reader may take what is left, at the least, in nanoseconds.
pub(super) const GRACE: u64 = 1_000_000_000;

/// Until when the readers may take what is left of a run that began at `started`. `None`: until a signal asks to end.
///
/// A run that ended by itself has all of its wall time for it; where that has no limit, the caller wants to wait.
pub(super) fn deadline(options: &Options<'_>, started: u64, ended_by_itself: bool) -> Option<u64> {
    let soon = clock::now().saturating_add(options.drain_time.unwrap_or(GRACE));
    if options.drain_time.is_some() || !ended_by_itself {
        return Some(soon);
    }
    options.limits.wall_time.map(|wall| soon.max(started.saturating_add(wall)))
}

/// Passes on what is left, up to the deadline.
///
/// # Errors
/// A signal asks to end.
pub(super) fn drain(
    pumps: &mut [Option<Pump<'_>>; 3],
    signals: &Watched,
    deadline: Option<u64>,
) -> Result<(), Error> {
    // At least once, for what can be taken now.
    let mut now = clock::now();
    let mut is_signalled = false;
    while pumps.iter().flatten().any(|pump| !pump.is_done()) {
        // A signal is for a reader that does not read. Whoever ends a group of processes sends several, and the second must
        // not cost the report of the first.
        if is_signalled {
            signals.take()?;
        }
        let sources = Sources { pumps: streams::wanted(pumps), ..Sources::of(signals.as_fd()) };
        let ready = sources.wait(deadline.map(|at| at.saturating_sub(now)))?;
        streams::turn(pumps, ready.pumps);
        is_signalled = ready.signal;
        now = clock::now();
        if deadline.is_some_and(|at| now >= at) {
            break;
        }
    }
    Ok(())
}
