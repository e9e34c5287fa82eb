//! Why a traced thread has stopped, or ended. Signals are numbers here: real-time ones have no names.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

/// wait(2): threads of any kind, and only those of this thread's own.
const WALL: u32 = 0x4000_0000;
const WITHOUT_THREADS: u32 = 0x2000_0000;
/// What PTRACE_O_TRACESYSGOOD adds to SIGTRAP when a thread has stopped at a system call.
const AT_CALL: i32 = 0x80;
const SIGTRAP: i32 = 5;

/// What became of a thread.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has ended: its exit code, or 128 and the signal.
    Ended(i32),
    /// It is about to make a system call, or has made one.
    Call,
    /// It did what the tracer asked to be told of; which event.
    Event(i32),
    /// A signal is there for it.
    Signal(i32),
}

impl Stop {
    /// Waits for the next one; none when nothing is left to wait for.
    pub fn next() -> Result<Option<(Pid, Stop)>, Errno> {
        let options = WaitOptions::from_bits_retain(WALL | WITHOUT_THREADS);
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
            // ptrace(2): the event stands above the signal.
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
