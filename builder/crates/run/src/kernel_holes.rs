//! Holes of kernels that no sandbox closes, and the version of each stable branch that has the mend.
//!
//! The versions are those of the kernel's own CVE records (the fields `affected` of CVEProject/cvelistV5, assigner Linux), as
//! they stood on [`AS_OF`]; for two branches of CVE-2026-46242 and of CVE-2026-43500, of distributions' notes about the same
//! commit; for CVE-2026-43074, of pages that quote the NVD and OSV. A branch for which no mended version was found is left out: nothing is said of it.
//!
//! A kernel's version says nothing where its maker keeps an old number and takes mends over (Ubuntu's `6.8.0-117`, Red Hat's
//! `5.14.0-687`). Debian's has the real version in the other field of uname(2). vm-tests includes this file by its path, so
//! it uses nothing but std.

use std::sync::OnceLock;

/// The day on which the records were read.
pub const AS_OF: &str = "2026-11-30";

/// A hole.
#[derive(Debug, PartialEq, Eq)]
pub struct KernelHole {
    /// Its number.
    pub cve: &'static str,
    /// Its name, and what it lets a submission do.
    pub what: &'static str,
    /// The first release with it.
    since: [u16; 2],
    /// Where it was mended before that.
    mended: &'static [Branch],
    /// The first release without it.
    gone: [u16; 2],
}

/// A stable branch: its release, and the first patch level without the hole.
type Branch = ([u16; 2], u16);

/// Most dangerous first.
pub const HOLES: &[KernelHole] = &[
    KernelHole {
        cve: "CVE-2026-46242",
        what: "Bad Epoll: a race of epoll(7), which submissions may use, makes root of any user",
        since: [6, 4],
        mended: &[([6, 6], 144), ([6, 12], 95), ([6, 18], 33), ([7, 0], 10)],
        gone: [7, 1],
    },
    KernelHole {
        cve: "CVE-2026-43074",
        what: "a second race of epoll(7), with the same end",
        since: [6, 4],
        mended: &[([6, 6], 136), ([6, 12], 83), ([6, 18], 24), ([6, 19], 14)],
        gone: [7, 0],
    },
    KernelHole {
        cve: "CVE-2026-43091",
        what: "the end of a network namespace, which each run has, frees memory in use",
        since: [4, 9],
        mended: &[([6, 6], 136), ([6, 12], 83), ([6, 18], 24), ([6, 19], 14)],
        gone: [7, 0],
    },
    KernelHole {
        cve: "CVE-2026-31431",
        what: "Copy Fail: AF_ALG writes into files that may only be read; the default policy refuses the socket",
        since: [4, 14],
        mended: &[
            ([5, 10], 254),
            ([5, 15], 204),
            ([6, 1], 170),
            ([6, 6], 137),
            ([6, 12], 85),
            ([6, 18], 22),
            ([6, 19], 12),
        ],
        gone: [7, 0],
    },
    KernelHole {
        cve: "CVE-2026-43284",
        what: "Dirty Frag: ESP in UDP writes into files that may only be read; the default policy refuses the option",
        since: [4, 11],
        mended: &[
            ([5, 10], 255),
            ([5, 15], 206),
            ([6, 1], 172),
            ([6, 6], 138),
            ([6, 12], 87),
            ([6, 18], 28),
            ([7, 0], 5),
        ],
        gone: [7, 1],
    },
    KernelHole {
        cve: "CVE-2026-43500",
        what: "Dirty Frag by RxRPC; the default policy refuses the socket",
        since: [5, 3],
        mended: &[([6, 6], 140), ([6, 12], 88), ([6, 18], 29), ([7, 0], 6)],
        gone: [7, 1],
    },
    KernelHole {
        cve: "CVE-2026-46300",
        what: "Fragnesia, of the same family: a mark of shared pages is lost when packets are divided",
        since: [3, 9],
        mended: FRAGNESIA,
        gone: [7, 1],
    },
    KernelHole {
        cve: "CVE-2026-43503",
        what: "of the same family: the mark is lost when packets are joined",
        since: [3, 9],
        mended: FRAGNESIA,
        gone: [7, 1],
    },
    KernelHole {
        cve: "CVE-2026-46223",
        what: "rmdir(2) of a cgroup can wait for ever for a process that its caller must reap",
        since: [7, 0],
        mended: &[([7, 0], 9)],
        gone: [7, 1],
    },
];

const FRAGNESIA: &[Branch] = &[
    ([5, 10], 257),
    ([5, 15], 208),
    ([6, 1], 174),
    ([6, 6], 141),
    ([6, 12], 91),
    ([6, 18], 33),
    ([7, 0], 10),
];

/// The holes of a kernel, by its release and its version (uname(2)); `None` where its numbers do not say which it has: a
/// maker's own number, or a branch that nobody mends.
pub fn known_bad(release: &str, version: &str) -> Option<impl Iterator<Item = &'static KernelHole> + use<>> {
    let kernel = upstream(release, version).filter(|kernel| is_judged(*kernel))?;
    Some(HOLES.iter().filter(move |hole| hole.is_in(kernel)))
}

/// The same of the kernel that runs here.
pub fn of_this_machine() -> Option<impl Iterator<Item = &'static KernelHole> + use<>> {
    static KERNEL: OnceLock<Option<[String; 2]>> = OnceLock::new();
    // As uname(2) has them (proc_sys_kernel(5)), but not what a personality makes of the release.
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
    let kernel = KERNEL.get_or_init(|| Some([read("osrelease")?, read("version")?])).as_ref();
    kernel.and_then(|[release, version]| known_bad(release.trim(), version.trim()))
}

impl KernelHole {
    fn is_in(&self, [major, minor, patch]: [u16; 3]) -> bool {
        let release = [major, minor];
        let branch = self.mended.iter().find(|(branch, _)| *branch == release);
        (self.since..self.gone).contains(&release) && branch.is_some_and(|(_, mended)| patch < *mended)
    }
}

/// Whether the list can say which holes a kernel has: not where one was open in its release, and no mend of any names its
/// branch (6.17, say, whose last version came before the mends).
fn is_judged([major, minor, _]: [u16; 3]) -> bool {
    let release = [major, minor];
    let has_mends = |hole: &KernelHole| hole.mended.iter().any(|(branch, _)| *branch == release);
    HOLES.iter().any(has_mends) || !HOLES.iter().any(|hole| (hole.since..hole.gone).contains(&release))
}

/// The number of the kernel that this one is, or was made from.
fn upstream(release: &str, version: &str) -> Option<[u16; 3]> {
    // `#1 SMP PREEMPT_DYNAMIC Debian 6.1.159-1 (2025-12-30)`, where the release is `6.1.0-42-amd64`.
    if let Some((_, debians)) = version.split_once(" Debian ") {
        return numbers(debians).map(|(kernel, _)| kernel);
    }
    let (kernel, rest) = numbers(release)?;
    // A maker's own number after `.0`: whatever was mended, the first three stay.
    let is_makers = kernel[2] == 0
        && rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    (!is_makers).then_some(kernel)
}

/// The three numbers at the start of a text, and what follows. A third one that is absent is 0.
fn numbers(text: &str) -> Option<([u16; 3], &str)> {
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let mut parts = numbers.split('.').map(|part| part.parse().ok());
    Some(([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(release: &str, version: &str) -> Option<Vec<&'static str>> {
        known_bad(release, version).map(|holes| holes.map(|hole| hole.cve).collect())
    }

    #[test]
    fn a_branch_has_a_hole_up_to_its_mend() {
        let has = |release: &str, cve: &str| holes(release, "#1 SMP").expect("known").contains(&cve);
        assert!(has("6.12.94", "CVE-2026-46242") && !has("6.12.95", "CVE-2026-46242"));
        assert!(has("6.18.23-custom", "CVE-2026-43091") && !has("6.18.24", "CVE-2026-43091"));
        assert!(has("7.0.8", "CVE-2026-46223") && !has("7.0.9", "CVE-2026-46223"));
        assert!(has("7.0", "CVE-2026-46223"), "a release before its first patch level");
        // Before it, after it, and where it was never mended.
        for release in ["6.1.170", "7.1.0", "7.2"] {
            assert!(!has(release, "CVE-2026-46242"), "{release}");
        }
        for nobody_mends in ["6.5.3", "6.17.13", "4.19.325", "4.4.302"] {
            assert_eq!(holes(nobody_mends, "#1 SMP"), None, "{nobody_mends}");
        }
        assert_eq!(holes("6.18.44-fc-v595", "#1 SMP"), Some(Vec::new()));
    }

    #[test]
    fn a_makers_own_number_says_nothing_and_debians_is_found() {
        assert_eq!(holes("6.8.0-117-generic", "#117-Ubuntu SMP"), None);
        assert_eq!(holes("5.14.0-687.20.3.el9_8.x86_64", "#1 SMP"), None);
        assert_eq!(holes("strange", ""), None);
        let debian = |version: &str| {
            holes("6.1.0-42-amd64", &format!("#1 SMP PREEMPT_DYNAMIC Debian {version} (2026-01-01)"))
        };
        assert_eq!(
            debian("6.1.170-1").expect("known"),
            ["CVE-2026-43284", "CVE-2026-46300", "CVE-2026-43503"]
        );
        assert_eq!(debian("6.1.192-3").expect("known"), [""; 0]);
    }

    #[test]
    fn the_operators_guide_has_the_same_list() {
        let guide = include_str!("../../../../docs/operator.md");
        assert!(guide.contains(&format!("as of {AS_OF}")));
        for hole in HOLES {
            let row = guide.lines().find(|line| line.starts_with("| CVE-") && line.contains(hole.cve));
            let row = row.unwrap_or_else(|| panic!("{} has no row", hole.cve));
            let mut mended: Vec<String> = hole
                .mended
                .iter()
                .map(|([major, minor], patch)| format!("{major}.{minor}.{patch}"))
                .collect();
            mended.push(format!("{}.{}", hole.gone[0], hole.gone[1]));
            assert!(row.ends_with(&format!("| {} |", mended.join(", "))), "{row}: {mended:?}");
        }
    }

    #[test]
    fn each_hole_has_its_branches_in_order_within_its_releases() {
        for hole in HOLES {
            assert!(hole.mended.is_sorted() && !hole.mended.is_empty(), "{}", hole.cve);
            assert!(
                hole.mended.iter().all(|(branch, _)| (hole.since..hole.gone).contains(branch)),
                "{}",
                hole.cve
            );
        }
    }
}
