//! Guard removal: each guard is shown twice, once up, where something is stopped, and once removed, where exactly
//! that gets through. A guard that no row removes, or whose removal changes nothing, is unproven and fails.
//!
//! Guards overlap on purpose: what one lets through, the next stops. So both runs of a row are also without the other
//! guards that would stop the attack (`without`); the tested guard makes the difference.

use std::path::Path;
use std::process::{Command, Stdio};

use super::streams::report_is_ours;
use super::{PROBE, attacks, case, neighbours};
use crate::case::{Case, Expect, Rule};
use crate::execute::SUPERVISOR;
use crate::message::Observation;
use crate::plan::{Peek, Place, Stdin, Step};
use crate::probe::Outcome;
use crate::suite::Suite;

/// One guard and what shows it.
struct Removal {
    guard: &'static str,
    /// Other guards that are removed in both runs.
    without: &'static [&'static str],
    options: &'static [&'static str],
    place: Place,
    shown_by: Shown,
}

/// What stops happening, or starts to, when the guard is gone.
pub(super) enum Shown {
    /// This attack escapes.
    Attack(&'static str),
    /// This channel from a neighbour with the same options carries.
    Channel(&'static str),
    /// This workload ends with another status.
    Status(&'static [&'static str], &'static str),
    /// This workload no longer follows this rule.
    Rule(&'static [&'static str], Rule),
    /// The machine no longer follows this rule afterwards: the sandbox's root covers the machine's, and nothing else
    /// can be shown on it.
    Outside(Rule),
    /// The run's cgroup, looked at from outside while it runs, no longer follows this rule.
    Peek(Rule),
}

const fn row(guard: &'static str, shown_by: Shown) -> Removal {
    Removal { guard, without: &[], options: &[], place: Place::Sandbox, shown_by }
}

const fn attack(guard: &'static str, name: &'static str) -> Removal {
    row(guard, Shown::Attack(name))
}

impl Removal {
    const fn without(mut self, guards: &'static [&'static str]) -> Removal {
        self.without = guards;
        self
    }

    const fn with(mut self, options: &'static [&'static str]) -> Removal {
        self.options = options;
        self
    }

    const fn by_user(mut self) -> Removal {
        self.place = Place::User;
        self
    }
}

const ROOT: &[&str] = &["uid", "capabilities"];
const ROOT_UNFILTERED: &[&str] = &["uid", "seccomp"];

const ROWS: &[Removal] = &[
    attack("pid-namespace", "process/see-outside"),
    attack("network-namespace", "network/loopback-service"),
    attack("ipc-namespace", "judge/message-queue-of-outside"),
    attack("uts-namespace", "judge/name-of-outside"),
    attack("cgroup-namespace", "files/cgroup-path"),
    attack("read-only-root", "files/write-outside-of-scratch").without(ROOT),
    attack("read-only-root", "files/reopen-for-writing").without(ROOT),
    row("read-only-root", Shown::Channel("device-times")).by_user(),
    attack("nosuid", "files/mount-flags"),
    attack("nodev", "files/mount-flags"),
    attack("proc-read-only", "files/kernel-settings").without(ROOT),
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
    attack("capabilities", "files/remount-writable").without(ROOT_UNFILTERED),
    attack("capabilities", "files/unmount").without(ROOT_UNFILTERED),
    attack("capabilities", "files/pivot-root").without(ROOT_UNFILTERED),
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
        "20s",
    ]),
    row("memory", Shown::Status(&["memory-heap", "100"], "memory-limit"))
        .without(&["swap"])
        .with(&["--memory", "32M"]),
    row("swap", Shown::Peek(no_swap)),
    row("oom-group", Shown::Peek(killed_as_a_group)),
    row("pids", Shown::Rule(&["fork-until-refused", "40"], at_most_eight)).with(&["--pids", "8"]),
    row("cpu-accounting", Shown::Status(&["busy-child"], "cpu-time-limit")).with(&[
        // Without the guard the main process alone counts until the wall limit ends the run. (A run that ended by itself
        // would be charged for its children afterwards, by wait4(2).) The start of the main process may take 0.3 s of CPU
        // time in a VM on a busy machine. The wall limit may be near: a guest does not see that it loses the CPU, so a
        // process that spins alone has as much CPU time as time passes.
        "--cpu-time",
        "1s",
        "--wall-time",
        "3s",
    ]),
    row("user-namespace", Shown::Rule(&["show", "/proc/self/uid_map"], not_all_users)).with(&["--userns"]),
    row("unique-uid", Shown::Peek(uid_is_taken)).with(&["--uid-range", "61000-61000"]),
    row("cpuset", Shown::Peek(on_one_cpu)).with(&["--cpus", "0"]),
    row("cpu-quota", Shown::Peek(half_a_cpu)).with(&["--cpu-quota", "50ms"]),
    row("first-in-line", Shown::Peek(supervisor_is_first)),
    row("private-mounts", Shown::Outside(mounts_stay_inside)),
];

/// For each row the run with the guard up, then the one without it.
pub(crate) fn cases() -> Vec<Case> {
    ROWS.iter().flat_map(|row| [row.up(), row.removed()]).collect()
}

/// Guards that this init has and no row removes.
pub(crate) fn unproven(init: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(init).arg("guards").stdin(Stdio::null()).output();
    let output = output.map_err(|cause| format!("`{} guards`: {cause}", init.display()))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || names.is_empty() {
        return Err(format!("`{} guards` names no guard ({})", init.display(), output.status));
    }
    let is_shown = |name: &&str| ROWS.iter().any(|row| row.guard == *name);
    Ok(names.lines().filter(|name| !is_shown(name)).map(str::to_string).collect())
}

impl Removal {
    fn up(&self) -> Case {
        self.case("up", &[])
    }

    fn removed(&self) -> Case {
        self.case("removed", &[self.guard])
    }

    fn case(&self, state: &str, removed: &[&'static str]) -> Case {
        let prepare = |mut step: Step| {
            step = step.with(self.options);
            for guard in self.without.iter().chain(removed) {
                step = step.with(&["--without", guard]);
            }
            step.place = self.place;
            if self.guard == "streams" {
                step.stdin = Stdin::Writable;
            }
            step
        };
        let prefix = format!("{} {state}", self.guard);
        Case {
            guard: Some(self.guard),
            ..shown(Suite::Guards, &self.shown_by, &prefix, !removed.is_empty(), prepare)
        }
    }
}

/// The case that shows `what`: it must show where `broken`, else it must not. The name is `prefix` and the program;
/// `prepare` completes the step.
pub(super) fn shown(
    suite: Suite,
    what: &Shown,
    prefix: &str,
    broken: bool,
    prepare: impl Fn(Step) -> Step,
) -> Case {
    let (argv, name): (Vec<&str>, String) = match what {
        Shown::Attack(name) => (attacks::arguments(PROBE, name).to_vec(), name.to_string()),
        Shown::Channel(name) => (neighbours::side(PROBE, name, "look").to_vec(), name.to_string()),
        Shown::Status(program, _) | Shown::Rule(program, _) => {
            ([PROBE, "verdict"].iter().chain(*program).copied().collect(), program.join(" "))
        }
        Shown::Outside(_) => (vec![PROBE, "verdict", "hello"], "the mounts outside".to_string()),
        Shown::Peek(_) => (vec![PROBE, "verdict", "wait"], "the cgroup from outside".to_string()),
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
        step = step.with(&["--wall-time", "20s", "--memory", "32M"]);
        step.stdin = Stdin::Silent;
        step.peek = Some(Peek { files: PEEKED.map(str::to_string).into() });
    }
    if let Shown::Channel(name) = what {
        step.neighbour = Some(neighbours::side(PROBE, name, "plant").map(str::to_string).into());
    }
    let alone = broken && matches!(what, Shown::Outside(_));
    Case { contained: !broken, alone, ..case(suite, step, &[], vec![expect]) }
}

const PEEKED: [&str; 9] = [
    "memory.swap.max",
    "memory.oom.group",
    "memory.memsw.limit_in_bytes",
    "memory.limit_in_bytes",
    "cpuset.cpus",
    "cpu.max",
    "cpu.cfs_quota_us",
    SUPERVISOR,
    // Not a file of a cgroup: an absolute path stays as it is when it is joined.
    "/proc/locks",
];

/// No mount of the run is visible outside, during it or afterwards, and the run ends as it should.
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

/// The lock on the byte that stands for the uid, for which another run with the same uid would be refused.
fn uid_is_taken(seen: &Observation) -> Result<(), String> {
    let locks = seen.peeked.iter().filter(|line| line.starts_with("/proc/locks"));
    match locks.flat_map(|file| file.lines()).find(|lock| lock.ends_with(" 61000 61000")) {
        Some(_) => Ok(()),
        None => Err("no process holds uid 61000".into()),
    }
}

/// By the cgroup. The affinity is not enough, since a program can change it (sched_setaffinity(2)).
fn on_one_cpu(seen: &Observation) -> Result<(), String> {
    has_line(seen, &["cpuset.cpus 0"])
}

/// Of each tenth of a second, in microseconds.
fn half_a_cpu(seen: &Observation) -> Result<(), String> {
    has_line(seen, &["cpu.max 50000 100000", "cpu.cfs_quota_us 50000"])
}

/// The class in which it sleeps is SCHED_FIFO, and what it starts does not inherit that (sched(7)). Field 41 of its stat
/// (proc_pid_stat(5)); the first two are taken off with the name, which may have blanks.
fn supervisor_is_first(seen: &Observation) -> Result<(), String> {
    let stat = seen.peeked.iter().find(|line| line.starts_with(SUPERVISOR)).map_or("", String::as_str);
    match stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(41 - 3)) {
        Some("1") => Ok(()),
        class => Err(format!("the supervisor's class is {class:?}")),
    }
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
