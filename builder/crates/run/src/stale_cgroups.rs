//! Cgroups of runs that are no more: what is left when a supervisor and its PID 1 are killed in the same instant.
//!
//! Whoever of the two outlives the other removes the run's cgroup; when none does, it stays, empty, until somebody looks.
//! Its name tells whose it was and when it was made; the kernel removes none in which a process is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A run is in its cgroup within 30 seconds or fails (init, `SETUP_LIMIT`): what is older and empty had its run.
const YOUNG: Duration = Duration::from_secs(60);

/// Removes those that this process may remove. What it may not, or what is in use, stays: that is no failure.
pub fn sweep() {
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for place in places(&memberships) {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        let is_left = |path: &PathBuf| Made::from_name(path).is_some_and(|made| made.is_left(now));
        for path in entries.map(|entry| entry.path()).filter(is_left) {
            fs::remove_dir(path).ok(); // it is in use after all, or somebody else was faster
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

/// Whose a run's cgroup is, and since when.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    supervisor: u32,
    /// Since the machine was started.
    at: Duration,
}

impl Made {
    /// From `capsule-PID-NANOSECONDS`, both hexadecimal.
    fn from_name(path: &Path) -> Option<Made> {
        let (supervisor, at) = path.file_name()?.to_str()?.strip_prefix("capsule-")?.split_once('-')?;
        let at = Duration::from_nanos(u64::from_str_radix(at, 16).ok()?);
        Some(Made { supervisor: u32::from_str_radix(supervisor, 16).ok()?, at })
    }

    /// Whether it is long enough ago, and nobody has the supervisor's number.
    fn is_left(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) > YOUNG && !Path::new("/proc").join(self.supervisor.to_string()).exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whose_it_was_and_since_when() {
        let made = Made::from_name(Path::new("/x/capsule-0000002a-00000000000f4240"));
        assert_eq!(made, Some(Made { supervisor: 42, at: Duration::from_millis(1) }));
        for other in ["/x/capsule-2a", "/x/user.slice", "/x/capsule-zz-0"] {
            assert_eq!(Made::from_name(Path::new(other)), None);
        }
    }

    #[test]
    fn the_young_and_the_living_are_not_left() {
        let now = Duration::from_secs(1000);
        let living = Made { supervisor: std::process::id(), at: Duration::ZERO };
        assert!(!living.is_left(now));
        // No pid is as high as this (proc_sys_kernel(5), pid_max).
        let dead = Made { supervisor: u32::MAX, at: Duration::ZERO };
        assert!(dead.is_left(now));
        assert!(!Made { at: now - Duration::from_secs(59), ..dead }.is_left(now));
    }

    #[test]
    fn every_hierarchy_is_looked_at_up_to_its_root() {
        let found = places("1:cpu,cpuacct:/a\n0::/b/c\n");
        let wanted =
            ["cpu/a", "cpu", "cpuacct/a", "cpuacct", "b/c", "b", "", "unified/b/c", "unified/b", "unified"];
        assert_eq!(found, wanted.map(|path| Path::new("/sys/fs/cgroup").join(path)));
    }
}
