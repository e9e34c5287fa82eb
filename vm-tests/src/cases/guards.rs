//! Guard removal: each guard is shown twice, once up, where something is stopped, and once removed, where exactly
//! that gets through. A guard that no row takes away, or whose removal changes nothing, is unproven and fails.
//!
//! Guards overlap on purpose: what one lets through, the next stops. So a row removes, in both of its runs, the
//! others that stand in the way (`beside`); the one that it is about makes the difference.

use std::path::Path;
use std::process::{Command, Stdio};

use super::streams::report_is_ours;
use super::{PROBE, attacks, case, neighbours};
use crate::case::{Case, Expect, Rule};
use crate::message::Observation;
use crate::plan::{Peek, Place, Stdin, Step};
use crate::probe::Outcome;

/// One guard and what shows it.
struct Row {
    guard: &'static str,
    beside: &'static [&'static str],
    options: &'static [&'static str],
    place: Place,
    shown_by: Shown,
}

/// What stops happening, or starts to, when the guard is gone.
pub(super) enum Shown {
    /// This attack escapes.
    Attack(&'static str),
    /// This channel from a run beside it, with the same options, carries.
    Channel(&'static str),
    /// This verdict program ends with another status.
    Status(&'static [&'static str], &'static str),
    /// This verdict program no longer follows this rule.
    Rule(&'static [&'static str], Rule),
    /// What the machine looks like afterwards no longer follows this rule: the sandbox's root covers its own, and
    /// nothing else can be shown on it.
    Outside(Rule),
    /// The run's cgroup, looked at from outside while it runs, no longer follows this rule.
    Peek(Rule),
}

const fn row(guard: &'static str, shown_by: Shown) -> Row {
    Row { guard, beside: &[], options: &[], place: Place::Sandbox, shown_by }
}

const fn attack(guard: &'static str, name: &'static str) -> Row {
    row(guard, Shown::Attack(name))
}

impl Row {
    const fn beside(mut self, guards: &'static [&'static str]) -> Row {
        self.beside = guards;
        self
    }

    const fn with(mut self, options: &'static [&'static str]) -> Row {
        self.options = options;
        self
    }

    const fn by_user(mut self) -> Row {
        self.place = Place::User;
        self
    }
}

const ROOT: &[&str] = &["uid", "capabilities"];
const ROOT_UNFILTERED: &[&str] = &["uid", "seccomp"];

const ROWS: &[Row] = &[
    attack("pid-namespace", "process/see-outside"),
    attack("network-namespace", "network/loopback-service"),
    attack("ipc-namespace", "judge/message-queue-of-outside"),
    attack("uts-namespace", "judge/name-of-outside"),
    attack("cgroup-namespace", "files/cgroup-path"),
    attack("read-only-root", "files/write-outside-of-scratch").beside(ROOT),
    attack("read-only-root", "files/reopen-for-writing").beside(ROOT),
    row("read-only-root", Shown::Channel("device-times")).by_user(),
    attack("nosuid", "files/mount-flags"),
    attack("nodev", "files/mount-flags"),
    attack("proc-read-only", "files/kernel-settings").beside(ROOT),
    attack("proc-masks", "files/kernel-secrets"),
    attack("init-undumpable", "judge/descriptors-of-init").by_user(),
    attack("close-fds", "files/leaked-descriptor"),
    row("close-fds", Shown::Rule(&["forge", "3"], report_is_ours)),
    attack("session", "process/session-of-the-supervisor"),
    attack("streams", "judge/write-to-stdin"),
    attack("streams", "judge/rewind-streams"),
    attack("uid", "judge/user"),
    attack("groups", "judge/groups"),
    attack("capabilities", "process/capability-sets"),
    attack("capabilities", "files/remount-writable").beside(ROOT_UNFILTERED),
    attack("capabilities", "files/unmount").beside(ROOT_UNFILTERED),
    attack("capabilities", "files/pivot-root").beside(ROOT_UNFILTERED),
    attack("securebits", "judge/secure-bits"),
    attack("no-new-privs", "process/no-new-privileges-off"),
    attack("seccomp", "kernel/unshare-user"),
    attack("seccomp", "kernel/clone3"),
    attack("seccomp", "kernel/keyctl"),
    attack("seccomp", "kernel/io-uring"),
    attack("seccomp", "kernel/i386-entry"),
    row("seccomp", Shown::Channel("device-lock")).by_user(),
    row("seccomp", Shown::Channel("device-descriptor-lock")).by_user(),
    attack("rlimits", "process/core-dump"),
    row("output-cap", Shown::Status(&["flood-stdout"], "output-limit")).with(&[
        "--output",
        "64K",
        "--wall-time",
        "1s",
    ]),
    row("memory", Shown::Status(&["memory-heap", "100"], "memory-limit"))
        .beside(&["swap"])
        .with(&["--memory", "32M"]),
    row("swap", Shown::Peek(no_swap)),
    row("oom-group", Shown::Peek(killed_as_a_group)),
    row("pids", Shown::Rule(&["fork-until-refused", "40"], at_most_eight)).with(&["--pids", "8"]),
    row("cpu-accounting", Shown::Status(&["busy-child"], "cpu-time-limit")).with(&[
        // Without the guard the main process alone counts: in a VM on a busy machine its start may take as long as
        // a smaller limit.
        "--cpu-time",
        "1s",
        "--wall-time",
        "3s",
    ]),
    row("user-namespace", Shown::Rule(&["show", "/proc/self/uid_map"], not_all_users)).with(&["--userns"]),
    row("unique-uid", Shown::Peek(uid_is_taken)).with(&["--uid-range", "61000-61000"]),
    row("cpuset", Shown::Peek(on_one_cpu)).with(&["--cpus", "0"]),
    row("private-mounts", Shown::Outside(mounts_stay_inside)),
];

/// The suite: for each row the run with the guard up, then the one without it.
pub fn cases() -> Vec<Case> {
    ROWS.iter().flat_map(|row| [row.up(), row.removed()]).collect()
}

/// Guards that this init has and no row removes.
pub fn unproven(init: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(init).arg("guards").stdin(Stdio::null()).output();
    let output = output.map_err(|cause| format!("`{} guards`: {cause}", init.display()))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || names.is_empty() {
        return Err(format!("`{} guards` names no guard ({})", init.display(), output.status));
    }
    let is_shown = |name: &&str| ROWS.iter().any(|row| row.guard == *name);
    Ok(names.lines().filter(|name| !is_shown(name)).map(str::to_string).collect())
}

impl Row {
    fn up(&self) -> Case {
        self.case("up", &[])
    }

    fn removed(&self) -> Case {
        self.case("removed", &[self.guard])
    }

    fn case(&self, state: &str, removed: &[&'static str]) -> Case {
        let prepare = |mut step: Step| {
            step = step.with(self.options);
            for guard in self.beside.iter().chain(removed) {
                step = step.with(&["--without", guard]);
            }
            step.place = self.place;
            if self.guard == "streams" {
                step.stdin = Stdin::Writable;
            }
            step
        };
        let prefix = format!("guard/{} {state}", self.guard);
        Case { guard: Some(self.guard), ..shown(&self.shown_by, &prefix, !removed.is_empty(), prepare) }
    }
}

/// The case that shows something: `broken` says whether it must show up or must not. Its name is `prefix` and what
/// is run; `prepare` completes the step.
pub(super) fn shown(what: &Shown, prefix: &str, broken: bool, prepare: impl Fn(Step) -> Step) -> Case {
    let (argv, name): (Vec<&str>, String) = match what {
        Shown::Attack(name) => (attacks::arguments(PROBE, name).to_vec(), name.to_string()),
        Shown::Channel(name) => (neighbours::side(PROBE, name, "look").to_vec(), name.to_string()),
        Shown::Status(words, _) | Shown::Rule(words, _) => {
            ([PROBE, "verdict"].iter().chain(*words).copied().collect(), words.join(" "))
        }
        Shown::Outside(_) => (vec![PROBE, "verdict", "hello"], "the mounts outside".to_string()),
        Shown::Peek(_) => (vec![PROBE, "verdict", "sleep"], "the cgroup from outside".to_string()),
    };
    let expect = match (what, broken) {
        (Shown::Attack(_) | Shown::Channel(_), false) => Expect::Attack(Outcome::Blocked),
        (Shown::Attack(_) | Shown::Channel(_), true) => Expect::Attack(Outcome::Escaped),
        (Shown::Status(_, status), false) => Expect::Status((*status).into()),
        (Shown::Status(_, status), true) => Expect::StatusIsNot(status),
        (Shown::Rule(_, rule) | Shown::Outside(rule) | Shown::Peek(rule), false) => Expect::Rule(*rule),
        (Shown::Rule(_, rule) | Shown::Outside(rule) | Shown::Peek(rule), true) => Expect::Broken(*rule),
    };
    let mut step = prepare(Step::sandbox(format!("{prefix}: {name}"), &argv));
    if let Shown::Peek(_) = what {
        step = step.with(&["--wall-time", "1s", "--memory", "32M"]);
        step.peek = Some(Peek { after_ms: 700, files: PEEKED.iter().map(|file| file.to_string()).collect() });
    }
    if let Shown::Channel(name) = what {
        step.neighbour = Some(neighbours::side(PROBE, name, "plant").map(str::to_string).into());
    }
    let alone = broken && matches!(what, Shown::Outside(_));
    Case { contained: !broken, alone, ..case(step, &[], vec![expect]) }
}

const PEEKED: [&str; 6] = [
    "memory.swap.max",
    "memory.oom.group",
    "memory.memsw.limit_in_bytes",
    "memory.limit_in_bytes",
    "cpuset.cpus",
    // No file of a cgroup; what is absolute stands for itself.
    "/proc/locks",
];

/// Nothing of the run is mounted outside, during it or afterwards, and it comes to its end.
pub(super) fn mounts_stay_inside(seen: &Observation) -> Result<(), String> {
    if let Some(mount) = seen.leftovers.iter().find(|left| left.starts_with("mount ")) {
        return Err(format!("outside: {mount}"));
    }
    match seen.status()?.as_str() {
        "ok" => Ok(()),
        other => Err(format!("the status is {other}")),
    }
}

/// Version 2: no swap at all. Version 1: memory and swap together are the memory limit.
pub(super) fn no_swap(seen: &Observation) -> Result<(), String> {
    const FULL: [&str; 2] = ["memory.swap.max 0", "memory.memsw.limit_in_bytes 33554432"];
    has_line(seen, &FULL)
}

fn killed_as_a_group(seen: &Observation) -> Result<(), String> {
    has_line(seen, &["memory.oom.group 1"])
}

/// A lock on the byte that stands for the uid: whoever asks for the same uid is refused.
fn uid_is_taken(seen: &Observation) -> Result<(), String> {
    let locks = seen.peeked.iter().filter(|line| line.starts_with("/proc/locks"));
    match locks.flat_map(|file| file.lines()).find(|lock| lock.ends_with(" 61000 61000")) {
        Some(_) => Ok(()),
        None => Err("nobody holds uid 61000".into()),
    }
}

/// Outside of the affinity that a program can change by itself.
fn on_one_cpu(seen: &Observation) -> Result<(), String> {
    has_line(seen, &["cpuset.cpus 0"])
}

/// The host's own user namespace has all 2³² - 1 of them.
fn not_all_users(seen: &Observation) -> Result<(), String> {
    match seen.stdout.split_whitespace().find(|word| *word == "4294967295") {
        None if !seen.stdout.is_empty() => Ok(()),
        _ => Err(format!("the users are {:?}", seen.stdout)),
    }
}

fn has_line(seen: &Observation, wanted: &[&str]) -> Result<(), String> {
    if seen.peeked.iter().any(|line| wanted.contains(&line.as_str())) {
        return Ok(());
    }
    Err(format!("the run's cgroup has {:?}", seen.peeked))
}

pub(super) fn at_most_eight(seen: &Observation) -> Result<(), String> {
    let count = seen.stdout.split_whitespace().next().and_then(|word| word.parse::<u32>().ok());
    match count {
        Some(1..=8) => Ok(()),
        other => Err(format!("{other:?} processes")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::probe::{Control, attacks};

    fn taken_away() -> BTreeSet<&'static str> {
        let shown = ROWS.iter().map(|row| &row.shown_by);
        shown.filter_map(|shown| if let Shown::Attack(name) = shown { Some(*name) } else { None }).collect()
    }

    #[test]
    fn every_attack_is_seen_to_get_through_or_says_why_not() {
        let taken_away = taken_away();
        let unproven = attacks().filter(|attack| match attack.control {
            Control::WithoutGuard => !taken_away.contains(attack.name),
            Control::Bare => false,
            Control::Nowhere(why) => why.is_empty() || taken_away.contains(attack.name),
        });
        assert_eq!(unproven.map(|attack| attack.name).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
