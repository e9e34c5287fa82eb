//! Time: CLOCK_MONOTONIC in nanoseconds, which no clock setting disturbs (clock_gettime(2)).

use rustix::process::Pid;
use rustix::time::Timespec;

use crate::sys::{self, Clock};

/// Nanoseconds since an arbitrary point before boot; the same point for every process of a run.
pub(crate) fn now() -> u64 {
    sys::clock(Clock::MONOTONIC).unwrap_or(0)
}

/// A span as the kernel wants it.
pub(crate) fn timespec(nanoseconds: u64) -> Timespec {
    Timespec { tv_sec: (nanoseconds / 1_000_000_000) as i64, tv_nsec: (nanoseconds % 1_000_000_000) as i64 }
}

/// Sleeps. A signal may cut it short, which suits its callers: they try again.
pub(crate) fn sleep_ms(milliseconds: u64) {
    let _ = rustix::thread::nanosleep(&timespec(milliseconds * 1_000_000)); // an interrupted sleep is a short one
}

/// CPU time that a process has used, in nanoseconds; `None` once it is gone.
pub(crate) fn cpu_time_of(process: Pid) -> Option<u64> {
    sys::clock(Clock::of_process(process))
}

/// CPU time of this process so far, in nanoseconds.
pub(crate) fn own_cpu_time() -> u64 {
    sys::clock(Clock::PROCESS_CPU).unwrap_or(0)
}
