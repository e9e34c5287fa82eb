//! The cgroups that a run leaves, told from those of earlier runs whose supervisor had the same pid.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::census;

/// How long the kernel may take to empty a cgroup whose processes were killed.
const SETTLING: Duration = Duration::from_secs(30);

/// What stood before the first run. A killed supervisor of some other program's may have left a cgroup, which stands
/// until the next start of `capsule`: meanwhile pids start again from the first, and one of our supervisors has its pid.
pub(crate) struct Cgroups {
    before: BTreeSet<PathBuf>,
}

impl Cgroups {
    /// Looks now.
    pub(crate) fn take() -> Cgroups {
        Cgroups { before: census::cgroups().into_iter().collect() }
    }

    /// Those that a supervisor has left, human-readable.
    pub(crate) fn left_by(&self, supervisor: u32) -> Vec<String> {
        let left = self.of(supervisor, census::cgroups());
        left.iter().map(|path| format!("left behind: cgroup {}", path.display())).collect()
    }

    /// Removes them, which the kernel allows as soon as they have no process. One that does not exist was removed by a
    /// supervisor that was killed a moment later.
    pub(crate) fn remove_those_of(&self, supervisor: u32) -> Result<(), String> {
        for path in self.of(supervisor, census::cgroups()) {
            let deadline = Instant::now() + SETTLING;
            while let Err(cause) = fs::remove_dir(&path) {
                if cause.kind() == io::ErrorKind::NotFound {
                    break;
                }
                if Instant::now() >= deadline {
                    return Err(format!("cgroup {} is not empty: {cause}", path.display()));
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    fn of(&self, supervisor: u32, mut now: Vec<PathBuf>) -> Vec<PathBuf> {
        now.retain(|path| !self.before.contains(path) && maker(path) == Some(supervisor));
        now
    }
}

/// The pid in a name of `capsule-PID-NANOSECONDS`, both in hexadecimal.
fn maker(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let pid = name.strip_prefix("capsule-")?.split('-').next()?;
    u32::from_str_radix(pid, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_runs_cgroup_with_the_same_pid_is_not_ours() {
        let path = |time: &str| PathBuf::from(format!("/sys/fs/cgroup/capsule-0000002a-{time}"));
        let standing = Cgroups { before: [path("0000000000000001")].into() };
        let now =
            vec![path("0000000000000001"), path("0000000000000002"), "/sys/fs/cgroup/user.slice".into()];
        assert_eq!(standing.of(42, now.clone()), [path("0000000000000002")]);
        assert!(standing.of(43, now).is_empty());
    }
}
