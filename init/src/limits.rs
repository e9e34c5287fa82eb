//! The limits as values, with their defaults. `rlimits`, `cgroup`, `watch` and `streams` hold the submission to them.

/// The limits of one run. `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// CPU time of all its processes together, in nanoseconds.
    pub cpu_time: Option<u64>,
    /// CPU time of all its processes together in each tenth of a second, in nanoseconds.
    pub cpu_quota: Option<u64>,
    /// Time from exec to exit, in nanoseconds.
    pub wall_time: Option<u64>,
    /// Wall time minus CPU time, in nanoseconds.
    pub idle_time: Option<u64>,
    /// Memory of all its processes and its files together, in bytes.
    pub memory: Option<u64>,
    /// Processes and threads at one time.
    pub pids: Option<u64>,
    /// Bytes on each stream and in each file.
    pub output: Option<u64>,
    /// Stack of the main thread, in bytes.
    pub stack: Option<u64>,
    /// Descriptors of one process.
    pub open_files: Option<u64>,
    /// Bytes in /tmp, /dev/shm and the work directory together. Always limited: tmpfs is memory.
    pub tmp: u64,
}

/// The time that a quota of CPU time is for, in nanoseconds: what the kernel takes unless it is told
/// (`Documentation/scheduler/sched-bwc.rst`).
pub(crate) const QUOTA_PERIOD: u64 = 100_000_000;

impl Limits {
    /// The limits of a run whose caller names none: no time limit, and enough of the rest for a compiler.
    pub const DEFAULT: Limits = Limits {
        cpu_time: None,
        cpu_quota: None,
        wall_time: None,
        idle_time: None,
        memory: Some(256 << 20),
        pids: Some(64),
        output: Some(16 << 20),
        stack: Some(64 << 20),
        open_files: Some(64),
        tmp: 64 << 20,
    };
}
