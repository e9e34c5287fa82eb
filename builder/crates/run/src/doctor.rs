//! `capsule doctor`: what this host can enforce, what each missing thing weakens, and what would mend it.
//!
//! Nothing is guessed from settings: the init that this program carries does a trial run, and its report says which
//! guards were up. Settings are read only to name the one to change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::build::INIT;
use crate::error::Error;
use crate::leftover;

/// How the answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
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
    /// Every guard of the runner.
    pub guards: BTreeMap<String, String>,
    /// What is missing or in the way.
    pub findings: Vec<Finding>,
}

/// One thing to know.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// A guard's name, or a part of the host.
    pub subject: String,
    /// What is the case.
    pub state: String,
    /// What it weakens.
    pub weakens: &'static str,
    /// The one setting that mends it.
    pub mend: String,
}

/// The part of a report that is read here.
#[derive(Debug, Deserialize)]
struct Report {
    status: String,
    #[serde(default)]
    kernel: String,
    #[serde(default)]
    cgroup: String,
    #[serde(default)]
    guards: BTreeMap<String, String>,
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    step: String,
    call: String,
    errno: String,
    subject: Option<String>,
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
    ("user-namespace", "`--userns` cannot be had: the submission's uid is the same inside and outside"),
    ("unique-uid", "runs side by side are one user to the kernel, which counts some things by user"),
    (
        "uid",
        "PID 1, the submission and runs side by side are one user; device nodes are the host's, so record locks are pretended",
    ),
    ("groups", "the submission keeps the caller's supplementary groups"),
];

/// Examines this host.
pub fn diagnose() -> Result<Diagnosis, Error> {
    leftover::sweep();
    let mut report = trial(&[])?;
    let cpus = allowed_cpus().unwrap_or_else(|| "0".to_owned());
    let asked_for: [(&str, &[&str]); 3] = [
        ("user-namespace", &["--userns"]),
        ("unique-uid", &["--uid-range", "61000-61999"]),
        ("cpuset", &["--cpus", &cpus]),
    ];
    for (guard, options) in asked_for {
        // Nobody asked for it yet. What a host lacks here must not fail the runs that do without.
        if let Some(state) = report.guards.get_mut(guard).filter(|state| *state == "off") {
            *state = state_with(guard, options)?;
        }
    }
    let runs = report.status == "ok";
    let failure = report.error.as_ref().map(Failure::to_line);
    let mut findings: Vec<Finding> =
        report.guards.iter().filter_map(|(guard, state)| missing(guard, state)).collect();
    if !runs {
        findings.insert(0, cannot_run(&report));
    }
    findings.extend(host_findings());
    Ok(Diagnosis {
        kernel: report.kernel,
        cgroup: report.cgroup,
        runs,
        failure,
        guards: report.guards,
        findings,
    })
}

/// The state of a guard where somebody asks for it.
fn state_with(guard: &str, options: &[&str]) -> Result<String, Error> {
    let report = trial(options)?;
    Ok(match (report.guards.get(guard), &report.error) {
        (_, Some(failure)) => format!("unavailable: {}", failure.to_line()),
        (state, None) => state.cloned().unwrap_or_default(),
    })
}

/// The CPUs that this process may run on, as a list.
fn allowed_cpus() -> Option<String> {
    let status = read("/proc/self/status")?;
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(|list| list.trim().to_owned())
}

/// Runs init's own version command in a sandbox whose root holds nothing but init.
fn trial(options: &[&str]) -> Result<Report, Error> {
    let root = tempfile::tempdir().map_err(|error| Error::write(&std::env::temp_dir(), error))?;
    furnish(root.path()).map_err(|error| Error::write(root.path(), error))?;
    let init = root.path().join("init");
    let mut command = Command::new(&init);
    command.args(["run", "--report", "fd:2", "--wall-time", "10s", "--root"]).arg(root.path());
    let output = command.args(options).args(["--", "/init", "--version"]).output();
    let output = output.map_err(|error| Error::Start { path: init, error })?;
    serde_json::from_slice(&output.stderr).map_err(|_| Error::Manifest {
        path: "the report of the trial run".into(),
        what: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
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

impl Failure {
    fn to_line(&self) -> String {
        let subject = self.subject.as_deref().map(|subject| format!("`{subject}`: ")).unwrap_or_default();
        format!("{}: {}: {subject}{}", self.step, self.call, self.errno)
    }
}

/// A guard that the trial run did not have.
fn missing(guard: &str, state: &str) -> Option<Finding> {
    let why = state.strip_prefix("unavailable: ")?;
    let weakens = WEAKENS.iter().find(|(name, _)| *name == guard).map_or("", |(_, weakens)| weakens);
    Some(Finding { subject: guard.to_owned(), state: why.to_owned(), weakens, mend: mend(guard, why) })
}

fn mend(guard: &str, why: &str) -> String {
    if why.starts_with("not root") {
        return "run it as root".to_owned();
    }
    if why.contains("cgroup") || why.contains("controller") {
        return cgroup_mend();
    }
    match guard {
        "user-namespace" => {
            user_namespace_switch().unwrap_or_else(|| "use a kernel with CONFIG_USER_NS".to_owned())
        }
        "oom-group" => "boot with cgroup version 2: `systemd.unified_cgroup_hierarchy=1`".to_owned(),
        "unique-uid" => "let root write to /run".to_owned(),
        "swap" => "boot with `swapaccount=1`, or `swapoff -a`".to_owned(),
        "seccomp" => "use a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        _ => "run it as root on a kernel of 5.12 or later".to_owned(),
    }
}

/// As root any hierarchy will do; an ordinary user must be given one.
fn cgroup_mend() -> String {
    if rustix::process::geteuid().is_root() {
        "mount cgroup version 2: `mount -t cgroup2 none /sys/fs/cgroup`".to_owned()
    } else {
        "delegate a cgroup, and start from one below it (README, \"Who a submission is\"), or run it as root"
            .to_owned()
    }
}

/// Why not even the trial run came to its end.
fn cannot_run(report: &Report) -> Finding {
    let state = report.error.as_ref().map_or_else(|| report.status.clone(), Failure::to_line);
    let clone_refused = report.error.as_ref().is_some_and(|error| error.step == "clone");
    let mend = match (clone_refused, user_namespace_switch()) {
        (true, Some(switch)) => switch,
        (true, None) => "run it as root, or let ordinary users make user namespaces".to_owned(),
        (false, _) => {
            "see the call that failed; in a container it needs `--privileged` or its like".to_owned()
        }
    };
    Finding { subject: "sandbox".to_owned(), state, weakens: "no submission can be run", mend }
}

/// The setting that keeps ordinary users from making user namespaces: file, value that forbids, what to write.
const USER_NAMESPACE_SWITCHES: &[(&str, &str, &str)] = &[
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
];

fn user_namespace_switch() -> Option<String> {
    let forbids = |(file, value, _): &&(&str, &str, &str)| read(file).as_deref() == Some(*value);
    USER_NAMESPACE_SWITCHES.iter().find(forbids).map(|(.., mend)| format!("`{mend}`"))
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

/// A setting, without its newline.
fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

impl Diagnosis {
    /// Whether everything can be enforced here.
    pub fn is_healthy(&self) -> bool {
        self.runs && self.findings.is_empty()
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
        for finding in &self.findings {
            let _ = writeln!(text, "\n{}: {}", finding.subject, finding.state); // likewise
            let _ = writeln!(text, "  weakens: {}\n  mend: {}", finding.weakens, finding.mend);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_that_is_up_is_no_finding() {
        assert_eq!(missing("memory", "on"), None);
    }

    #[test]
    fn a_missing_guard_says_what_it_weakens_and_what_mends_it() {
        let finding = missing("uid", "unavailable: not root: one user is mapped").unwrap();
        assert_eq!((finding.weakens, finding.mend.as_str()), (WEAKENS[10].1, "run it as root"));
    }

    #[test]
    fn every_guard_that_a_host_can_lack_says_what_it_weakens() {
        let named: Vec<_> =
            init::guard::Guard::ALL.iter().map(|guard| str::from_utf8(guard.name()).unwrap()).collect();
        for (guard, weakens) in WEAKENS {
            assert!(named.contains(guard) && !weakens.is_empty(), "{guard}");
        }
    }
}
