//! Version 1: a hierarchy for each controller (cgroups(7), `Documentation/admin-guide/cgroup-v1/`).

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

use super::{Place, SLOTS, Setting, Version, membership, open_directory, self_and_above, writable};
use crate::guard::{Guard, Guards};
use crate::kernel_file;
use crate::path::PathBuffer;
use crate::sys::fd::{self, Fd};
use crate::text::Text;

/// Slots of `Place` and `Cgroup`: one for each controller that we use.
pub(super) const MEMORY: usize = 0;
pub(super) const PIDS: usize = 1;
pub(super) const CPUACCT: usize = 2;
const CPUSET: usize = 3;
const CPU: usize = 4;

/// In the order that the kernel demands: it refuses a limit of memory and swap together that is below the limit of
/// memory alone, which is unlimited at first (cgroup-v1/memory.rst, 2.4).
pub(super) const SETTINGS: &[Setting] = &[
    Setting { guard: Guard::Memory, slot: MEMORY, file: 5, value: |limits| limits.memory, optional: false },
    Setting { guard: Guard::Swap, slot: MEMORY, file: 6, value: |limits| limits.memory, optional: true },
    Setting { guard: Guard::Pids, slot: PIDS, file: 4, value: |limits| limits.pids, optional: false },
];

/// For each controller the directory of our own cgroup, or of the nearest one above it that can be written.
pub(super) fn find(memberships: &[u8], guards: &Guards) -> Option<Place> {
    let parent = |controller: &[u8]| parent(memberships, controller);
    let mut parents: [_; SLOTS] = [parent(b"memory"), parent(b"pids"), parent(b"cpuacct"), None, None];
    let (mut cpuset, mut quota) = (None, None);
    if guards.has(Guard::Cpuset) {
        parents[CPUSET] = parent(b"cpuset");
        cpuset = parents[CPUSET].is_some().then_some(CPUSET);
    }
    if guards.has(Guard::CpuQuota) {
        // Mostly one hierarchy has both (systemd's `cpu,cpuacct`): then the run has one directory for both.
        let has_both = |parent: &Fd| writable(parent.as_fd(), c"cpu.shares");
        if parents[CPUACCT].as_ref().is_some_and(has_both) {
            quota = Some(CPUACCT);
        } else {
            parents[CPU] = parent(b"cpu");
            quota = parents[CPU].is_some().then_some(CPU);
        }
    }
    parents.iter().any(Option::is_some).then(|| Place::new(Version::V1, parents, cpuset, quota))
}

fn parent(memberships: &[u8], controller: &[u8]) -> Option<Fd> {
    let mut buffer = PathBuffer::new();
    self_and_above(membership(memberships, controller)?).find_map(|below| {
        let path = buffer.join(&[b"/sys/fs/cgroup/", controller, below]).ok()?;
        open_directory(CWD, path).ok().filter(|directory| writable(directory.as_fd(), c"."))
    })
}

/// Copies the parent's memory nodes: a new cpuset has none, and takes no process before it has some (cpuset(7)).
pub(super) fn copy_memory_nodes(parent: BorrowedFd<'_>, directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut nodes = [0; 256];
    kernel_file::read(parent, c"cpuset.effective_mems", &mut nodes)
        .and_then(|nodes| kernel_file::write(directory, c"cpuset.mems", nodes))
}

/// A descriptor that becomes readable when the OOM killer strikes in the cgroup of this directory
/// (cgroup-v1/memory.rst, "OOM Control"): an eventfd whose number is written with that of memory.oom_control.
pub(super) fn oom_notice(directory: BorrowedFd<'_>) -> Option<Fd> {
    let notice = fd::event().ok()?;
    let control = kernel_file::open(directory, c"memory.oom_control", OFlags::RDONLY).ok()?;
    let mut line = [0; 32];
    let mut line = Text::new(&mut line);
    line.number(notice.as_fd().as_raw_fd() as u64).push(b" ").number(control.as_fd().as_raw_fd() as u64);
    kernel_file::write(directory, c"cgroup.event_control", line.as_bytes()).ok()?;
    Some(notice)
}

/// The most that was ever used, and its limit: of memory, and of memory with swap.
pub(super) const PEAKS: [(&CStr, &CStr); 2] = [
    (c"memory.max_usage_in_bytes", c"memory.limit_in_bytes"),
    (c"memory.memsw.max_usage_in_bytes", c"memory.memsw.limit_in_bytes"),
];

/// Whether an allocation can have failed at the limit. Version 1 has no count of that. (Its `failcnt` counts allocations
/// that succeeded after reclaim, too.) The OOM killer comes for allocations of up to 8 pages (`PAGE_ALLOC_COSTLY_ORDER`),
/// and what was used before such a one may be by as much below the limit.
pub(super) fn is_full(peak: u64, limit: u64) -> bool {
    const LARGEST_ALLOCATION: u64 = 8 * 4096;
    peak.saturating_add(LARGEST_ALLOCATION) > limit
}

/// `total`, divided as `part` is to `rest`.
pub(super) fn share(total: u64, part: u64, rest: u64) -> u64 {
    let whole = part as f64 + rest as f64;
    // 53 bits are microseconds of centuries. 0 divided by 0 is NaN, which becomes 0.
    (total as f64 * (part as f64 / whole)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_near_the_limit_is_full_and_no_limit_never_is() {
        assert!(is_full(64 << 20, 64 << 20) && is_full((64 << 20) - 4096, 64 << 20));
        assert!(!is_full(60 << 20, 64 << 20));
        assert!(!is_full(1 << 30, 0x7fff_ffff_ffff_f000));
    }

    #[test]
    fn a_share_keeps_the_total() {
        assert_eq!(share(100, 3, 1), 75);
        assert_eq!(share(u64::MAX, 1, 0), u64::MAX);
        assert_eq!(share(5, 0, 0), 0);
    }
}
