//! What execve(2) keeps, set to the kernel's defaults.

use rustix::io::Errno;

use super::{nr, syscall};
use crate::arch::COUNTER_CAN_BE_FORBIDDEN;

/// The default of PR_SET_TIMERSLACK(2const), in nanoseconds.
const TIMER_SLACK: usize = 50_000;

const PR_SET_TSC: usize = 26;

/// prctl(2) options with the value that every process starts with (`include/uapi/linux/prctl.h`).
const ATTRIBUTES: [(usize, usize); 3] = [
    (29, TIMER_SLACK), // PR_SET_TIMERSLACK: a caller's second would delay each sleep by as much
    (PR_SET_TSC, 1),   // to PR_TSC_ENABLE: otherwise reading the time stamp counter is SIGSEGV
    (41, 0),           // PR_SET_THP_DISABLE: page sizes change what memory and time a program takes
];

/// Timer slack, time stamp counter and huge pages.
pub(crate) fn reset_attributes() -> Result<(), Errno> {
    ATTRIBUTES.iter().try_for_each(|(option, value)| {
        // SAFETY: numbers only; they change how this process is treated, and none of its memory.
        match unsafe { syscall(nr::PRCTL, [*option, *value, 0, 0, 0]) } {
            Err(Errno::INVAL) if *option == PR_SET_TSC && !COUNTER_CAN_BE_FORBIDDEN => Ok(()),
            result => result.map(drop),
        }
    })
}

/// No class and no level of its own, so that both follow the nice value (ioprio_set(2)).
pub(crate) fn reset_io_priority() -> Result<(), Errno> {
    const IOPRIO_WHO_PROCESS: usize = 1;
    // SAFETY: numbers only; 0 is this process.
    match unsafe { syscall(nr::IOPRIO_SET, [IOPRIO_WHO_PROCESS, 0, 0, 0, 0]) } {
        // A kernel without CONFIG_BLOCK has none.
        Ok(_) | Err(Errno::NOSYS) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// PER_LINUX without any flag.
pub(crate) fn reset_personality() -> Result<(), Errno> {
    // SAFETY: a number; it changes what execve(2) and mmap(2) do from now on, and no memory that exists.
    unsafe { syscall(nr::PERSONALITY, [0, 0, 0, 0, 0]) }.map(drop)
}
