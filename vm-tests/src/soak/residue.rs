//! What a machine holds that a run could leave: by name where the kernel names it, by number where it only counts.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel may take: network namespaces are torn down by a worker, dead cgroups by another.
const SETTLING: Duration = Duration::from_secs(30);

/// Something that the kernel counts.
struct Count {
    name: &'static str,
    read: fn() -> Option<u64>,
    /// How much more there may be after this many runs, on a machine on which others work as well.
    noise: fn(usize) -> u64,
}

/// A run that leaves one of them leaves as many as there were runs: a quarter of that is found. The fixed part is what
/// the allocator's statistics (slabs on their way through the CPUs' lists) and other programs are wrong by.
fn one_in_four(runs: usize) -> u64 {
    runs as u64 / 4 + 100
}

const COUNTS: [Count; 6] = [
    Count { name: "open files", read: open_files, noise: |runs| one_in_four(runs) + 1000 },
    // The submission writes more than two MiB into its tmpfs: sixteen MiB are eight runs.
    Count { name: "KiB of tmpfs", read: || meminfo("Shmem:"), noise: |_| 16 << 10 },
    Count { name: "mounts", read: || slab("mnt_cache"), noise: |runs| one_in_four(runs) + 200 },
    Count { name: "network namespaces", read: || slab("net_namespace"), noise: one_in_four },
    Count { name: "pid namespaces", read: || slab("pid_namespace"), noise: one_in_four },
    Count { name: "dead cgroups", read: dead_cgroups, noise: one_in_four },
];

/// One look.
pub(crate) struct Residue {
    named: BTreeSet<String>,
    counted: [Option<u64>; COUNTS.len()],
}

impl Residue {
    /// Looks now.
    pub(crate) fn take() -> Residue {
        let mut named: BTreeSet<String> = lines("mount", "/proc/self/mountinfo");
        for table in ["/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"] {
            named.extend(lines("ipc object", table));
        }
        let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        named.extend(descriptors.map(|entry| format!("descriptor {}", entry.file_name().display())));
        Residue { named, counted: COUNTS.map(|count| (count.read)()) }
    }

    /// Looks again until there is no more than noise, or until [`SETTLING`] is over. Returns the last look and what is
    /// too much in it.
    pub(crate) fn settle(&self, runs: usize, look: impl Fn() -> Residue) -> (Residue, Vec<String>) {
        let deadline = Instant::now() + SETTLING;
        loop {
            let now = look();
            let grown = now.grown_since(self, runs);
            if grown.is_empty() || Instant::now() > deadline {
                return (now, grown);
            }
            thread::sleep(Duration::from_millis(250));
        }
    }

    fn grown_since(&self, before: &Residue, runs: usize) -> Vec<String> {
        let named = self.named.difference(&before.named).map(|what| format!("left behind: {what}"));
        let counted =
            COUNTS.iter().zip(self.counted).zip(before.counted).filter_map(|((count, now), before)| {
                let more = now?.saturating_sub(before?);
                let noise = (count.noise)(runs);
                (more > noise).then(|| format!("left behind: {more} {} (noise is {noise})", count.name))
            });
        named.chain(counted).collect()
    }

    /// The counts, human-readable.
    pub(crate) fn since<'a>(&'a self, before: &'a Residue) -> Increase<'a> {
        Increase { before, after: self }
    }
}

/// Two looks side by side.
pub(crate) struct Increase<'a> {
    before: &'a Residue,
    after: &'a Residue,
}

impl fmt::Display for Increase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than before:")?;
        let counts = COUNTS.iter().zip(self.after.counted).zip(self.before.counted);
        for ((count, after), before) in counts {
            match (after, before) {
                (Some(after), Some(before)) => {
                    write!(f, " {} {:+};", count.name, after as i64 - before as i64)?;
                }
                _ => write!(f, " {} not reported by this kernel;", count.name)?,
            }
        }
        let named = self.after.named.difference(&self.before.named).count();
        write!(f, " by name {named}")
    }
}

fn lines(kind: &str, path: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| format!("{kind} {line}")).collect()
}

/// Of the whole machine (proc_sys_fs(5), file-nr).
fn open_files() -> Option<u64> {
    fs::read_to_string("/proc/sys/fs/file-nr").ok()?.split_whitespace().next()?.parse().ok()
}

fn meminfo(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// Objects in use (slabinfo(5)); for root only, and only where caches are not merged.
fn slab(cache: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let line = text.lines().find(|line| line.split(' ').next() == Some(cache))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Version 2 counts those that are removed and not yet freed; in version 1 they are among the memory controller's.
fn dead_cgroups() -> Option<u64> {
    let dying = fs::read_to_string("/sys/fs/cgroup/cgroup.stat").ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("nr_dying_descendants "))?.parse().ok()
    });
    let of_memory = || {
        let text = fs::read_to_string("/proc/cgroups").ok()?;
        text.lines().find(|line| line.starts_with("memory\t"))?.split('\t').nth(2)?.parse().ok()
    };
    dying.or_else(of_memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residue(named: &[&str], files: u64) -> Residue {
        let mut counted = [Some(0); COUNTS.len()];
        counted[0] = Some(files);
        Residue { named: named.iter().map(|name| name.to_string()).collect(), counted }
    }

    #[test]
    fn whatever_has_a_name_is_too_much() {
        let before = residue(&["mount a"], 0);
        assert!(residue(&["mount a"], 0).grown_since(&before, 10).is_empty());
        assert_eq!(residue(&["mount a", "mount b"], 0).grown_since(&before, 10), ["left behind: mount b"]);
    }

    #[test]
    fn a_count_may_grow_by_noise_only() {
        let before = residue(&[], 1000);
        assert!(residue(&[], 1500).grown_since(&before, 10_000).is_empty());
        assert_eq!(residue(&[], 11_000).grown_since(&before, 10_000).len(), 1);
    }

    #[test]
    fn a_descriptor_of_our_own_is_seen() {
        let before = Residue::take();
        let kept: Vec<fs::File> = (0..8).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(!Residue::take().grown_since(&before, 0).is_empty());
        drop(kept);
    }
}
