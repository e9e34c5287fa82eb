//! The census: what exists on the machine, so that whatever a run leaves behind is seen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Kernel threads are children of kthreadd; they come and go on their own.
const KTHREADD: &str = "2";
/// Settings that a run must not change. (Others, like random/*, change by themselves.)
const SETTINGS: [&str; 8] = [
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/swaps",
];

/// One look at the machine.
pub(crate) struct Census(BTreeSet<String>);

impl Census {
    /// Looks now.
    pub(crate) fn take() -> Census {
        let mut found = BTreeSet::new();
        found.extend(processes());
        found.extend(lines("mount", "/proc/self/mountinfo"));
        for table in ["/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"] {
            found.extend(lines("ipc object", table));
        }
        found.extend(lines("module", "/proc/modules").map(|line| first_words(&line, 2)));
        for path in SETTINGS {
            found.extend(lines(path, path));
        }
        found.extend(cgroups().iter().map(|path| format!("cgroup {}", path.display())));
        Census(found)
    }

    /// What is there now and was not there `before`.
    pub(crate) fn since(&self, before: &Census) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

fn processes() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().into_string().ok().filter(|name| name.parse::<u32>().is_ok())?;
        // The process may be gone by now: then it is not a leftover.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once(") ")?;
        let parent = rest.split(' ').nth(1)?;
        let ours = pid != KTHREADD && parent != KTHREADD;
        ours.then(|| format!("process {name})"))
    })
}

fn lines(kind: &'static str, path: &str) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| format!("{kind} {line}")).collect::<Vec<_>>().into_iter()
}

fn first_words(line: &str, count: usize) -> String {
    line.split(' ').take(count).collect::<Vec<_>>().join(" ")
}

/// Every cgroup below the root of each hierarchy.
pub(crate) fn cgroups() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let root = Path::new("/sys/fs/cgroup");
    collect_directories(root, &mut found);
    // Version 1 has a directory for each hierarchy, which is a mount, before the first cgroup.
    found.retain(|path| !(path.parent() == Some(root) && path.join("release_agent").exists()));
    found
}

fn collect_directories(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
            collect_directories(&entry.path(), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_that_was_left_behind_is_named() {
        let before = Census::take();
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        let found = Census::take().since(&before);
        child.kill().unwrap();
        child.wait().unwrap();
        let expected = format!("process {} (sleep)", child.id());
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
}
