//! Version 2: one hierarchy for all controllers (cgroups(7), `Documentation/admin-guide/cgroup-v2.rst`).

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{CWD, Mode};

use super::{
    CpuTime, Place, SLOTS, Setting, Version, keyed, membership, open_directory, self_and_above, writable,
};
use crate::guard::{Guard, Guards};
use crate::kernel_file;
use crate::path::PathBuffer;
use crate::text::Parts;

/// The slot of `Place` and `Cgroup` in which the one hierarchy stands.
pub(super) const UNIFIED: usize = 0;

pub(super) const SETTINGS: &[Setting] = &[
    Setting { guard: Guard::Memory, slot: UNIFIED, file: 1, value: |limits| limits.memory, optional: false },
    // The kernel counts swap apart from memory here, and may be built or booted without counting it (swapaccount=0).
    Setting { guard: Guard::Swap, slot: UNIFIED, file: 2, value: |_| Some(0), optional: true },
    Setting { guard: Guard::OomGroup, slot: UNIFIED, file: 3, value: |_| Some(1), optional: false },
    Setting { guard: Guard::Pids, slot: UNIFIED, file: 4, value: |limits| limits.pids, optional: false },
];

/// The unified hierarchy is mounted at one of these: the second where version 1 has the controllers (systemd's
/// "hybrid").
const ROOTS: [&[u8]; 2] = [b"/sys/fs/cgroup", b"/sys/fs/cgroup/unified"];

/// A directory that may hand memory and pids on to children: our own cgroup or the nearest one above it, so that as
/// many as possible of the limits above us keep counting.
pub(super) fn find(memberships: &[u8], guards: &Guards) -> Option<Place> {
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270; // linux/magic.h
    // A hierarchy of version 1 that has the controller keeps it from this one (cgroups(7), "Cgroups version 2").
    if membership(memberships, b"memory").is_some() {
        return None;
    }
    let own = membership(memberships, b"")?;
    let mut buffer = PathBuffer::new();
    for root in ROOTS {
        for below in self_and_above(own) {
            let Ok(path) = buffer.join(&[root, below]) else { continue };
            let Ok(directory) = open_directory(CWD, path) else { continue };
            let is_v2 =
                rustix::fs::fstatfs(&directory).is_ok_and(|fs| fs.f_type as u64 == CGROUP2_SUPER_MAGIC);
            if own == b"/" {
                step_down(directory.as_fd());
            }
            if is_v2 && hands_on(directory.as_fd(), b"+memory +pids", &[b"memory", b"pids"]) {
                let cpuset =
                    guards.has(Guard::Cpuset) && hands_on(directory.as_fd(), b"+cpuset", &[b"cpuset"]);
                let quota = guards.has(Guard::CpuQuota) && hands_on(directory.as_fd(), b"+cpu", &[b"cpu"]);
                let [cpuset, quota] = [cpuset, quota].map(|is_set| is_set.then_some(UNIFIED));
                let mut parents = [const { None }; SLOTS];
                parents[UNIFIED] = Some(directory);
                return Some(Place::new(Version::V2, parents, cpuset, quota));
            }
        }
    }
    None
}

/// Whether children of this directory get these controllers, after asking for them.
fn hands_on(directory: BorrowedFd<'_>, request: &[u8], controllers: &[&[u8]]) -> bool {
    // A process that starts another one in a child of this directory takes it out of its own cgroup. The kernel asks
    // for write access to cgroup.procs of the nearest directory above both, which is this one (cgroups(7), "Cgroup
    // delegation containment").
    if !writable(directory, c".") || !writable(directory, c"cgroup.procs") {
        return false;
    }
    let has_all = || {
        let mut enabled = [0; 256];
        let enabled =
            kernel_file::read(directory, c"cgroup.subtree_control", &mut enabled).unwrap_or_default();
        let is_enabled =
            |wanted: &&[u8]| Parts::new(enabled.trim_ascii_end(), b' ').any(|word| word == *wanted);
        controllers.iter().all(is_enabled)
    };
    // A directory that has processes itself hands nothing on, unless it is the root: EBUSY (cgroups(7), "no internal
    // processes" rule). So where a subtree was delegated to us, we must be in a cgroup of our own below it. The
    // controllers may be on already, and then there is nothing to write.
    has_all() || (kernel_file::write(directory, c"cgroup.subtree_control", request).is_ok() && has_all())
}

/// Leaves the root of a container's cgroup namespace, for a child of it: with a process in it, it hands nothing on.
fn step_down(directory: BorrowedFd<'_>) {
    // The machine's own root has no type, and hands on what it will.
    if writable(directory, c"cgroup.type") {
        let _ = rustix::fs::mkdirat(directory, c"capsule", Mode::from_raw_mode(0o755)); // it may be there
        let _ = kernel_file::write(directory, c"capsule/cgroup.procs", b"0"); // then the controllers are missing
    }
}

/// From cpu.stat, whose times are in microseconds.
pub(super) fn cpu_time(stat: &[u8]) -> Option<CpuTime> {
    let micros = |key: &[u8]| keyed(stat, key).map(|value| value * 1_000);
    Some(CpuTime { total: micros(b"usage_usec")?, user: micros(b"user_usec")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a host with version 2 this process's own line would be enough.
    #[test]
    fn memory_that_is_version_1s_is_not_looked_for_here() {
        assert!(find(b"3:memory:/\n0::/\n", &Guards::ALL_ON).is_none());
    }
}
