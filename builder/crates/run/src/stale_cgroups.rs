//! Cgroups that are left over when a supervisor and its PID 1 are killed in the same instant.
//!
//! The one that outlives the other removes the run's cgroup. When neither does, the cgroup stays, empty, until the next
//! capsule removes it here. Its name says which supervisor made it and when; rmdir(2) fails while a process is in it
//! (cgroups(7)).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use init::contract::cgroup::{RunName, SETUP_LIMIT};
use rustix::time::{ClockId, clock_gettime};

/// A run enters its cgroup within init's limit for set-up, or fails: an older, empty cgroup has had its run.
const YOUNG: Duration = Duration::from_nanos(2 * SETUP_LIMIT);

/// Removes those that this process may remove. One that it may not remove, or that is in use, stays: not a failure.
pub(crate) fn remove() {
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for place in places(&memberships) {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        for entry in entries {
            let run = RunName::parse(entry.file_name().as_bytes());
            if run.is_some_and(|run| is_left(run, now)) {
                // The kernel refuses one that a process is in, and another capsule may have removed it already.
                fs::remove_dir(entry.path()).ok();
            }
        }
    }
}

/// Where init makes cgroups: in our own or any above it, in each hierarchy (/proc/self/cgroup, cgroups(7)).
fn places(memberships: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for line in memberships.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(own)) = (fields.next(), fields.next()) else { continue };
        let roots = match controllers {
            "" => vec!["".to_owned(), "unified".to_owned()],
            names => names.split(',').map(str::to_owned).collect(),
        };
        for root in roots {
            let root = Path::new("/sys/fs/cgroup").join(root);
            places.extend(
                Path::new(own).ancestors().filter_map(|path| Some(root.join(path.strip_prefix("/").ok()?))),
            );
        }
    }
    places
}

/// Whether the run was long enough ago, and no process has its supervisor's pid.
fn is_left(run: RunName, now: Duration) -> bool {
    let age = now.saturating_sub(Duration::from_nanos(run.made_at));
    age > YOUNG && !Path::new("/proc").join(run.supervisor.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_young_and_the_living_are_not_left() {
        let now = Duration::from_secs(1000);
        let living = RunName { supervisor: std::process::id(), made_at: 0 };
        assert!(!is_left(living, now));
        // No pid is as high as this (proc_sys_kernel(5), pid_max).
        let dead = RunName { supervisor: u32::MAX, made_at: 0 };
        assert!(is_left(dead, now));
        let made_at = (now - YOUNG + Duration::from_secs(1)).as_nanos() as u64;
        assert!(!is_left(RunName { made_at, ..dead }, now));
    }

    #[test]
    fn every_hierarchy_is_looked_at_up_to_its_root() {
        let found = places("1:cpu,cpuacct:/a\n0::/b/c\n");
        let wanted =
            ["cpu/a", "cpu", "cpuacct/a", "cpuacct", "b/c", "b", "", "unified/b/c", "unified/b", "unified"];
        assert_eq!(found, wanted.map(|path| Path::new("/sys/fs/cgroup").join(path)));
    }
}
