//! Why a traced thread has stopped or ended. Signals are numbers here, because real-time signals have no names.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

/// `__WALL` and `__WNOTHREAD` of wait(2): children of any kind, of this thread only. rustix names neither.
const WALL: u32 = 0x4000_0000;
const NO_THREAD: u32 = 0x2000_0000;
/// PTRACE_O_TRACESYSGOOD adds this bit to SIGTRAP when a thread has stopped at a system call (ptrace(2)).
const AT_CALL: i32 = 0x80;
const SIGTRAP: i32 = 5;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// With the exit code, or 128 + N for signal N.
    Ended(i32),
    /// Before or after a system call.
    Call,
    /// A `PTRACE_EVENT_…` that the tracer has asked for with PTRACE_SETOPTIONS.
    Event(i32),
    /// Before this signal is delivered.
    Signal(i32),
}

impl Stop {
    /// Waits for the next stop; `None` when no child is left.
    pub(super) fn next() -> Result<Option<(Pid, Stop)>, Errno> {
        let options = WaitOptions::from_bits_retain(WALL | NO_THREAD);
        loop {
            match wait(options) {
                Ok(Some((pid, status))) => {
                    if let Some(stop) = Stop::of(status) {
                        return Ok(Some((pid, stop)));
                    }
                }
                Ok(None) | Err(Errno::INTR) => {}
                Err(Errno::CHILD) => return Ok(None),
                Err(errno) => return Err(errno),
            }
        }
    }

    fn of(status: WaitStatus) -> Option<Stop> {
        if let Some(signal) = status.stopping_signal() {
            // `status >> 8 == (SIGTRAP | (PTRACE_EVENT_… << 8))` (ptrace(2)).
            let event = status.as_raw() >> 16;
            return Some(match signal {
                _ if event != 0 => Stop::Event(event),
                signal if signal == SIGTRAP | AT_CALL => Stop::Call,
                signal => Stop::Signal(signal),
            });
        }
        let killed = || status.terminating_signal().map(|signal| 128 + signal);
        status.exit_status().or_else(killed).map(Stop::Ended)
    }
}
