//! On which CPUs this process runs, and for how long at a time.

use rustix::io::Errno;

use super::{nr, syscall};
use crate::cpus::Cpus;

/// Which CPUs this process may run on, sched_setaffinity(2).
pub(crate) fn affinity() -> Cpus {
    let mut cpus = Cpus::NONE;
    let (len, words) = (size_of::<Cpus>(), cpus.words.as_mut_ptr() as usize);
    // SAFETY: the kernel writes at most `len` bytes, which is all of `cpus`.
    let result = unsafe { syscall(nr::SCHED_GETAFFINITY, [0, len, words, 0, 0]) };
    debug_assert!(result.is_ok(), "only a set that is too small can fail");
    cpus
}

/// Lets this process run on these CPUs only, sched_setaffinity(2).
///
/// # Errors
/// EINVAL: none of them is here, or is ours to use.
pub(crate) fn set_affinity(cpus: &Cpus) -> Result<(), Errno> {
    let (len, words) = (size_of::<Cpus>(), cpus.words.as_ptr() as usize);
    // SAFETY: the kernel reads at most `len` bytes, which is all of `cpus`.
    unsafe { syscall(nr::SCHED_SETAFFINITY, [0, len, words, 0, 0]) }.map(|_| ())
}

/// How this process waits for its turn on a CPU, sched(7).
#[derive(Clone, Copy)]
pub(crate) enum Turns {
    /// As an ordinary process: class SCHED_OTHER, nice value 0, turns of the kernel's own length.
    Ordinary,
    /// The same in the shortest turns that the kernel takes: a process with a shorter slice than the running one does not
    /// wait for that one's slice to end (`Documentation/scheduler/sched-eevdf.rst`). Before Linux 6.12 it changes nothing.
    Short,
    /// Before every ordinary process: class SCHED_FIFO, the lowest priority of that.
    First,
}

/// Sets it, sched_setattr(2). What this process starts is ordinary whatever the class is here.
///
/// # Errors
/// EPERM: a nice value above 0 may not be lowered, or a real-time class not be had (CAP_SYS_NICE; a control group without
/// a share of real-time).
pub(crate) fn take_turns(turns: Turns) -> Result<(), Errno> {
    const FIFO: u32 = 1;
    const RESET_ON_FORK: u64 = 1;
    const SHORTEST: u64 = 100_000; // nanoseconds
    let ordinary = SchedulingAttributes {
        size: size_of::<SchedulingAttributes>() as u32,
        flags: RESET_ON_FORK,
        ..SchedulingAttributes::default()
    };
    let attributes = match turns {
        Turns::Ordinary => ordinary,
        Turns::Short => SchedulingAttributes { runtime: SHORTEST, ..ordinary },
        Turns::First => SchedulingAttributes { policy: FIFO, priority: 1, ..ordinary },
    };
    let place = (&raw const attributes) as usize;
    // SAFETY: the kernel reads as many bytes as the first field says, which is all of `attributes`.
    unsafe { syscall(nr::SCHED_SETATTR, [0, place, 0, 0, 0]) }.map(drop)
}

/// `struct sched_attr` as it was first, linux/sched/types.h.
#[repr(C)]
#[derive(Default)]
struct SchedulingAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// The number of the CPU that this runs on, getcpu(2).
pub(crate) fn current_cpu() -> usize {
    let mut cpu = 0u32;
    // SAFETY: the kernel writes one 32-bit number to `cpu`; the node is not asked for.
    let result = unsafe { syscall(nr::GETCPU, [(&raw mut cpu) as usize, 0, 0, 0, 0]) };
    debug_assert!(result.is_ok(), "only a bad pointer can fail");
    cpu as usize
}
