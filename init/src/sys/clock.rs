//! Clocks, clock_gettime(2).

use rustix::process::Pid;

use super::{nr, syscall};

/// A clock's number, clock_gettime(2).
#[derive(Clone, Copy)]
pub(crate) struct Clock(usize);

impl Clock {
    /// Time that only goes forward.
    pub(crate) const MONOTONIC: Clock = Clock(1);
    /// CPU time of this process.
    pub(crate) const PROCESS_CPU: Clock = Clock(2);

    /// CPU time of all threads of another process, `include/linux/posix-timers_types.h`.
    pub(crate) fn of_process(pid: Pid) -> Clock {
        const CPUCLOCK_SCHED: usize = 2;
        Clock((!(pid.as_raw_nonzero().get() as usize) << 3) | CPUCLOCK_SCHED)
    }
}

/// A clock's time in nanoseconds; `None` if the clock does not exist. By a system call rather than by the vDSO
/// (vdso(7)), whose parser would be bytes without a use: we read clocks a dozen times a run.
pub(crate) fn clock(clock: Clock) -> Option<u64> {
    let mut time = [0i64; 2];
    // SAFETY: the kernel writes one `struct timespec`, two 64-bit words, to `time`.
    unsafe { syscall(nr::CLOCK_GETTIME, [clock.0, time.as_mut_ptr() as usize, 0, 0, 0]) }.ok()?;
    Some(time[0] as u64 * 1_000_000_000 + time[1] as u64)
}
