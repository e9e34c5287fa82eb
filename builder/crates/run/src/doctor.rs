//! `capsule doctor`: what this host can enforce, what each missing thing weakens, and what would fix it.
//!
//! Nothing is guessed from settings: the init that this program carries does a trial run, and its report says which
//! guards were up. Settings are read only to name the one to change.

mod mend;
mod timing;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter, Write as _};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bundle::init::INIT;
use init::contract::{DEFAULT_RANGE, Range};
use serde::Serialize;

pub use timing::{Setting, TimingDiagnosis, diagnose_timing};

use crate::error::Error;
use crate::init_command::InitCommand;
use crate::kernel_holes::{self, AS_OF, KernelHole};
use crate::report::{Failure, Report};
use crate::stale_cgroups;

/// How the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Human-readable.
    Text,
    /// One JSON object.
    Json,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// The kernel's release.
    pub kernel: String,
    /// The cgroup version that held the trial run: `v2`, `v1` or `none`.
    pub cgroup: String,
    /// Whether the trial run worked at all.
    pub runs: bool,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Holes of this kernel that no sandbox closes, by their numbers; absent where its version does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_bad: Option<Vec<&'static str>>,
    /// Every guard of the runner.
    pub guards: BTreeMap<String, String>,
    /// Whether a run that asks for nothing has every guard.
    pub defaults_hold: bool,
    /// What is missing or in the way.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// A guard's name, or a part of the host.
    pub subject: String,
    /// What was found.
    pub state: String,
    /// What it weakens.
    pub weakens: &'static str,
    /// The one setting that fixes it.
    pub mend: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Finding { subject, state, weakens, mend } = self;
        writeln!(f, "{subject}: {state}\n  weakens: {weakens}\n  mend: {mend}")
    }
}

/// What a guard's absence means: guard, what it weakens.
const WEAKENS: &[(&str, &str)] = &[
    (
        "memory",
        "memory is limited for each process by RLIMIT_DATA, not for all together; files in /tmp do not count",
    ),
    ("swap", "a submission at its memory limit can go on in swap"),
    (
        "oom-group",
        "after an out-of-memory kill the rest of the submission lives until the supervisor ends it",
    ),
    ("pids", "processes are counted for the user (RLIMIT_NPROC), not for the run"),
    ("cpu-accounting", "CPU time of child processes is seen only once they have ended"),
    ("cgroup-namespace", "/proc/self/cgroup shows the host's cgroup path"),
    ("seccomp", "every system call of the kernel is within reach of a submission"),
    ("cpuset", "`--cpus` is an affinity that a submission can widen again"),
    ("cpu-quota", "`--cpu-quota` is not held: a run can have all CPUs for itself"),
    (
        "first-in-line",
        "a busy machine may delay a limit of time: the process that watches it is an ordinary one",
    ),
    ("user-namespace", "`--userns` is not available: the submission's uid is the same inside and outside"),
    ("unique-uid", "runs side by side are one user to the kernel, which counts some things by user"),
    (
        "uid",
        "PID 1, the submission and runs side by side are one user; device nodes are the host's, so record locks are pretended",
    ),
    ("groups", "the submission keeps the caller's supplementary groups"),
];

/// How the state of a guard begins that a host does not have.
const UNAVAILABLE: &str = "unavailable: ";

/// Examines this host.
pub fn diagnose() -> Result<Diagnosis, Error> {
    stale_cgroups::remove();
    let mut report = trial(&[])?;
    let runs = report.status == "ok";
    let defaults_hold = runs && !report.guards.values().any(|state| state.starts_with(UNAVAILABLE));
    let cpus = allowed_cpus().unwrap_or_else(|| "0".to_owned());
    let asked_for: [(&str, &[&str]); 4] = [
        ("user-namespace", &["--userns"]),
        ("cpuset", &["--cpus", &cpus]),
        ("cpu-quota", &["--cpu-quota", "100ms"]),
        ("first-in-line", &["--wall-time", "60s"]),
    ];
    for (guard, options) in asked_for {
        // The trial run did not ask for these. A host that lacks one must not fail the runs that do not need it. Where no run
        // is possible, each would only repeat why.
        if let Some(state) = report.guards.get_mut(guard).filter(|state| runs && *state == "off") {
            *state = state_with(guard, options)?;
        }
    }
    let failure = report.error.as_ref().map(Failure::to_string);
    let mut findings: Vec<Finding> =
        report.guards.iter().filter_map(|(guard, state)| missing(guard, state)).collect();
    if !runs {
        findings.insert(0, cannot_run(&report));
    }
    findings.extend(host_findings());
    let known_bad = kernel_holes::of_this_machine().map(Iterator::collect::<Vec<_>>);
    findings.extend(kernel_findings(&report.kernel, known_bad.as_deref()));
    if rustix::process::geteuid().is_root() {
        let file = |path| read(path).unwrap_or_default();
        findings.extend(uid_findings(&file("/etc/passwd"), &file("/etc/subuid")));
    }
    Ok(Diagnosis {
        kernel: report.kernel,
        cgroup: report.cgroup,
        runs,
        failure,
        known_bad: known_bad.map(|holes| holes.iter().map(|hole| hole.cve).collect()),
        guards: report.guards,
        defaults_hold,
        findings,
    })
}

/// The state of a guard for a run that asks for it.
fn state_with(guard: &str, options: &[&str]) -> Result<String, Error> {
    let report = trial(options)?;
    Ok(match (report.guards.get(guard), &report.error) {
        (_, Some(failure)) => format!("unavailable: {failure}"),
        (state, None) => state.cloned().unwrap_or_default(),
    })
}

/// The CPUs that this process may run on, as a list.
fn allowed_cpus() -> Option<String> {
    let status = read("/proc/self/status")?;
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(|list| list.trim().to_owned())
}

/// Where the trial's root may be, after the directory for temporary files: a host may lack it, or mount it so that
/// nothing can be written or started there.
const PLACES: [&str; 4] = ["/var/tmp", "/dev/shm", "/run", "."];

/// Runs init's own version command in a sandbox whose root holds nothing but init.
///
/// # Errors
/// That of the first place, where none can be used.
fn trial(options: &[&str]) -> Result<Report, Error> {
    let unusable = match trial_in(&std::env::temp_dir(), options) {
        Ok(outcome) => return outcome,
        Err(error) => error,
    };
    let mut others = PLACES.iter().filter_map(|place| trial_in(Path::new(place), options).ok());
    others.next().unwrap_or(Err(unusable))
}

/// The outer error: nothing can be written, or started, in `place`.
fn trial_in(place: &Path, options: &[&str]) -> Result<Result<Report, Error>, Error> {
    let root = tempfile::tempdir_in(place).map_err(|error| Error::write(place, error))?;
    furnish(root.path()).map_err(|error| Error::write(root.path(), error))?;
    let mut init = InitCommand::new(&root.path().join("init"), root.path());
    init.option("report", "fd:2").option("wall-time", "10s");
    init.given(options.iter().map(OsString::from)).command(["/init", "--version"]);
    let output = init.to_process().output();
    let output = output.map_err(|error| Error::Start { path: init.init().to_path_buf(), error })?;
    Ok(Report::parse(&output.stderr, "the trial run's").map_err(|_| Error::Report {
        whose: "the trial run's",
        what: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }))
}

fn furnish(root: &Path) -> io::Result<()> {
    for directory in ["proc", "dev", "tmp", "home/judge"] {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::write(root.join("init"), INIT)?;
    for path in [root.to_path_buf(), root.join("init")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A guard that the trial run did not have.
fn missing(guard: &str, state: &str) -> Option<Finding> {
    let why = state.strip_prefix(UNAVAILABLE)?;
    let weakens = WEAKENS.iter().find(|(name, _)| *name == guard).map_or("", |(_, weakens)| weakens);
    Some(Finding { subject: guard.to_owned(), state: why.to_owned(), weakens, mend: mend::guard(guard, why) })
}

/// Why even the trial run failed.
fn cannot_run(report: &Report) -> Finding {
    let state = report.error.as_ref().map_or_else(|| report.status.clone(), Failure::to_string);
    let mend = mend::sandbox(report.error.as_ref());
    Finding { subject: "sandbox".to_owned(), state, weakens: "no submission can be run", mend }
}

/// Settings of the host that no guard of the runner can change.
fn host_findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(pattern) = read("/proc/sys/kernel/core_pattern").filter(|pattern| pattern.starts_with('|')) {
        findings.push(Finding {
            subject: "core_pattern".to_owned(),
            state: pattern,
            weakens: "a crash that dumps core starts a program of the host's; runs have RLIMIT_CORE 0, which pipes heed as 1 only",
            mend: "`sysctl kernel.core_pattern=core`".to_owned(),
        });
    }
    if read("/sys/kernel/mm/ksm/run").as_deref() == Some("1") {
        findings.push(Finding {
            subject: "ksm".to_owned(),
            state: "same-page merging is on".to_owned(),
            weakens: "a submission can learn by timing what other memory holds",
            mend: "`echo 0 > /sys/kernel/mm/ksm/run`".to_owned(),
        });
    }
    findings
}

/// The holes of the kernel, or that nothing is known of them.
fn kernel_findings(kernel: &str, known_bad: Option<&[&KernelHole]>) -> Vec<Finding> {
    let finding = |state, weakens, mend: &str| Finding {
        subject: "kernel".to_owned(),
        state,
        weakens,
        mend: mend.to_owned(),
    };
    let Some(holes) = known_bad else {
        let state =
            format!("{kernel} does not say what was mended: a maker's own number, or a branch without mends");
        let mend = "a kernel of a stable branch, or compare with the maker's advisories: docs/operator.md has the holes";
        return vec![finding(state, "holes of the kernel are holes of each sandbox", mend)];
    };
    let mend = format!("a newer kernel of the same branch (as known on {AS_OF})");
    holes.iter().map(|hole| finding(format!("{kernel} has {}", hole.cve), hole.what, &mend)).collect()
}

/// Accounts and subordinate ids of the host that are in the range from which runs take their uids.
fn uid_findings(passwd: &str, subuid: &str) -> Vec<Finding> {
    let Range { first, last } = DEFAULT_RANGE;
    // NAME:PASSWORD:UID:… (passwd(5)) and NAME:FIRST:COUNT (subuid(5)).
    // In a container of capsule's own image all of the range have the name of its files: those are the runs.
    let others = passwd.lines().filter(|line| !line.ends_with(":60000::/home/judge:/bin/sh"));
    let accounts = others.filter_map(|line| Some((line, line.split(':').nth(2)?.parse().ok()?, 1)));
    let subordinate = subuid.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(1);
        Some((line, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    let is_inside = |(_, start, count): &(&str, u32, u32)| {
        *start <= last && u64::from(*start) + u64::from(*count) > first.into()
    };
    let finding = |(line, ..): (&str, u32, u32)| Finding {
        subject: "uids".to_owned(),
        state: format!("`{line}` is in the range {first}-{last}, from which runs take their uids"),
        weakens: "a submission and that user are one user to the kernel",
        mend: "give runs another range: `--uid-range 1900000000-1900065535`".to_owned(),
    };
    accounts.chain(subordinate).filter(is_inside).map(finding).collect()
}

/// A setting, without its newline.
fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

impl Diagnosis {
    /// Whether a run that asks for nothing has every guard here. Other findings are advice.
    pub fn is_healthy(&self) -> bool {
        self.defaults_hold
    }

    /// In the form asked for, with its last newline.
    pub fn render(&self, form: Form) -> String {
        match form {
            Form::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
            Form::Text => self.to_text(),
        }
    }

    fn to_text(&self) -> String {
        let on = self.guards.values().filter(|state| *state == "on").count();
        let mut text = format!("kernel {}, cgroup {}\n", self.kernel, self.cgroup);
        let _ = writeln!(text, "{on} of {} guards can be had here", self.guards.len()); // a String takes all
        let _ = match self.defaults_hold {
            true => writeln!(text, "a run that asks for nothing has every guard"),
            false => writeln!(text, "a run that asks for nothing lacks guards"),
        };
        for finding in &self.findings {
            let _ = write!(text, "\n{finding}"); // likewise
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_of_the_kernel_is_a_finding_with_its_mend_and_an_unknown_kernel_too() {
        let holes: Vec<_> = kernel_holes::known_bad("7.0.9", "").unwrap().collect();
        let findings = kernel_findings("7.0.9", Some(&holes));
        assert_eq!(findings[0].state, "7.0.9 has CVE-2026-46242");
        assert!(findings[0].weakens.starts_with("Bad Epoll") && findings[0].mend.contains(AS_OF));
        assert!(kernel_findings("7.0.12", Some(&[])).is_empty());
        assert!(kernel_findings("6.8.0-117-generic", None)[0].state.contains("maker's own number"));
    }

    #[test]
    fn a_guard_that_is_up_is_no_finding() {
        assert_eq!(missing("memory", "on"), None);
    }

    #[test]
    fn a_missing_guard_says_what_it_weakens_and_what_mends_it() {
        let finding = missing("uid", "unavailable: not root: one user is mapped").unwrap();
        let weakens = WEAKENS.iter().find(|(name, _)| *name == "uid").map(|(_, weakens)| *weakens);
        assert_eq!((Some(finding.weakens), finding.mend.as_str()), (weakens, "run it as root"));
    }

    #[test]
    fn accounts_and_subordinate_ids_in_the_range_of_runs_are_findings() {
        let root = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
        assert_eq!(uid_findings(root, "me:100000:65536\n"), []);
        assert_eq!(uid_findings("judge:x:60706:60000::/home/judge:/bin/sh\n", ""), []);
        assert_eq!(uid_findings(&format!("{root}me:x:61000:61000::/:/bin/sh\n"), "").len(), 1);
        assert_eq!(uid_findings(root, "me:60000:707\nyou:61183:1\nshe:61184:9\nhe:60000:706\n").len(), 2);
    }

    #[test]
    fn every_guard_that_a_host_can_lack_says_what_it_weakens() {
        let named: Vec<_> =
            init::contract::Guard::ALL.iter().map(|guard| str::from_utf8(guard.name()).unwrap()).collect();
        for (guard, weakens) in WEAKENS {
            assert!(named.contains(guard) && !weakens.is_empty(), "{guard}");
        }
    }
}
