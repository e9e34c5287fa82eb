//! The matrix: the same cases in every world. Each world is a VM, and `jobs` of them run at a time.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde::Serialize;

use crate::case::{Case, Verdict};
use crate::cases::probe_bind;
use crate::frame::Nonce;
use crate::guest::Guest;
use crate::initramfs::{self, PROBES};
use crate::kernel::Kernel;
use crate::message::Observation;
use crate::mutant::{self, Program};
use crate::plan::{Place, Plan, Runner, Step, Watch};
use crate::progress::Progress;
use crate::qemu::{Accel, Machine};
use crate::suite::Suite;
use crate::vm::{Deadlines, Failure, Session, Vm};

/// Which hierarchy init mounts at /sys/fs/cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cgroup {
    /// The unified one.
    V2,
    /// One hierarchy for each controller, as on old hosts.
    V1,
}

/// Who runs init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Root, as a judge's daemon is.
    Root,
    /// An ordinary user, whose sandboxes have a user namespace and no cgroup.
    User,
}

/// A world and what is tried in it.
pub(crate) struct TestRun {
    /// The world.
    pub world: World,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

impl TestRun {
    /// How its machine is executed, and how many cases it will run.
    pub(crate) fn size(&self) -> (Accel, usize) {
        (self.world.accel, self.cases.iter().filter(|case| case.lacking.is_none()).count())
    }
}

/// Where cases run.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The kernel that is booted.
    pub kernel: Kernel,
    /// How it is executed.
    pub accel: Accel,
    /// Its virtual CPUs.
    pub cpus: u32,
    /// Its control groups.
    pub cgroup: Cgroup,
    /// What makes the sandboxes.
    pub runner: Runner,
    /// Who runs init. The cases' steps agree with it.
    pub identity: Identity,
    /// Options of every sandbox run in it.
    pub options: Vec<String>,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cgroup = match (self.identity, self.cgroup) {
            (Identity::User, _) => "ordinary user",
            (Identity::Root, Cgroup::V2) => "cgroup v2",
            (Identity::Root, Cgroup::V1) => "cgroup v1",
        };
        write!(f, "{}, {cgroup}", self.kernel.short_name())?;
        if self.cpus > 1 {
            write!(f, ", {} CPUs", self.cpus)?;
        }
        if self.runner == Runner::Pool {
            write!(f, ", pool")?;
        }
        self.options.iter().try_for_each(|option| write!(f, ", {option}"))
    }
}

/// What is proven, and with what.
pub(crate) struct Matrix<'a> {
    /// The bundle's own archive, booted as it is.
    pub initramfs: PathBuf,
    /// The agent and the probes.
    pub guest: &'a Guest,
    /// Runners of the worlds with a pool, and broken ones that cases name.
    pub(crate) programs: &'a [Program],
    /// VMs at a time.
    pub jobs: usize,
    /// Hears of cases as they end.
    pub(crate) progress: &'a Progress,
}

/// One case in one world.
#[derive(Debug, Clone, Serialize)]
pub struct CaseResult {
    /// The suite of the case.
    #[serde(skip)]
    pub suite: Suite,
    /// The world's name.
    pub world: String,
    /// The case's name.
    pub case: String,
    /// Rows of the catalogue of attacks.
    pub ids: Vec<String>,
    /// The command, without the descriptor for the report.
    pub command: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What was seen; `None` when its VM failed earlier.
    pub seen: Option<Observation>,
}

impl Matrix<'_> {
    /// Makes all runs and hands every world's rows to `done` as it ends. The rows come in the order of runs and
    /// cases.
    pub(crate) fn run(
        &self,
        runs: &[TestRun],
        done: impl Fn(&World, &[CaseResult]) + Sync,
    ) -> Vec<CaseResult> {
        // The longest first, so that no CPU is idle while a long one that started late ends.
        let mut order: Vec<(usize, &TestRun)> = runs.iter().enumerate().collect();
        order.sort_by_key(|(_, run)| Reverse(run.cases.len()));
        let waiting = Mutex::new(VecDeque::from(order));
        let finished = Mutex::new(Vec::new());
        let next = || waiting.lock().ok()?.pop_front();
        thread::scope(|scope| {
            for _ in 0..self.jobs.clamp(1, runs.len().max(1)) {
                scope.spawn(|| {
                    while let Some((index, TestRun { world, cases })) = next() {
                        let rows = self.world(world, cases);
                        done(world, &rows);
                        if let Ok(mut finished) = finished.lock() {
                            finished.push((index, rows));
                        }
                    }
                });
            }
        });
        let mut finished = finished.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        finished.sort_by_key(|(index, _)| *index);
        finished.into_iter().flat_map(|(_, rows)| rows).collect()
    }

    fn world(&self, world: &World, cases: &[Case]) -> Vec<CaseResult> {
        let (ready, rows_of_others) = ready(&world.to_string(), cases);
        let unseen = |case: &Case, verdict| row(&world.to_string(), case, verdict, None);
        let mut rows: Vec<CaseResult> = match self.boot(world, &ready) {
            Ok(session) => judge(&world.to_string(), &ready, &session.observations, &session.hello.secret),
            Err(why) => ready.iter().map(|case| unseen(case, Verdict::Failed(vec![why.clone()]))).collect(),
        };
        rows.extend(rows_of_others);
        rows
    }

    fn boot(&self, world: &World, cases: &[Case]) -> Result<Session, String> {
        let nonce = Nonce::random().map_err(|cause| format!("no nonce: {cause}"))?;
        let files = tempfile::tempdir().map_err(|cause| format!("no temporary directory: {cause}"))?;
        let initramfs = files.path().join("initramfs");
        let programs: Vec<Program> =
            self.programs.iter().filter(|program| program.runner == world.runner).cloned().collect();
        let segment = initramfs::segment(self.guest, &programs, &plan(world, cases), &nonce)
            .map_err(|cause| cause.to_string())?;
        let archive = initramfs::join(&self.initramfs, &segment, &initramfs)
            .map_err(|cause| format!("`{}`: {cause}", self.initramfs.display()))?;
        let show = |failure: Failure| failure.to_string();
        let machine = self.machine(world).with_room_for(&archive).with_cpus(world.cpus);
        let deadlines = Deadlines::for_plan(archive.len(), cases).with_cpus(world.cpus);
        let vm = Vm::start(&machine, &initramfs).map_err(show)?;
        vm.run_seen(&nonce, deadlines, cases.len(), &|seen| self.progress.seen(seen)).map_err(show)
    }

    fn machine(&self, world: &World) -> Machine {
        let mut machine =
            Machine { accel: world.accel, ..Machine::emulated(world.kernel.processor, &world.kernel.file()) };
        if world.cgroup == Cgroup::V1 {
            machine.append.push("capsule.cgroup=v1".into());
        }
        machine
    }
}

fn plan(world: &World, cases: &[Case]) -> Plan {
    let mut options = vec!["--bind".to_string(), probe_bind(PROBES)];
    options.extend(world.options.iter().cloned());
    Plan {
        init: if world.runner == Runner::Pool { mutant::SERVER } else { "/init" }.into(),
        runner: world.runner,
        root: "/rootfs".into(),
        options,
        watch: Watch::Machine,
        steps: cases.iter().map(|case| case.step.clone()).collect(),
    }
}

/// The cases that can be run, and the rows of all others.
pub fn ready(world: &str, cases: &[Case]) -> (Vec<Case>, Vec<CaseResult>) {
    let (ready, lacking): (Vec<Case>, Vec<Case>) =
        cases.iter().cloned().partition(|case| case.lacking.is_none());
    let not_run = lacking.iter().map(|case| {
        let why = case.lacking.clone().unwrap_or_default();
        row(world, case, Verdict::NotApplicable(why), None)
    });
    (ready, not_run.collect())
}

/// Compares each case with what was seen of it, and of the case that it must be like. `all` is in the order of `cases`.
pub fn judge(world: &str, cases: &[Case], all: &[Observation], secret: &str) -> Vec<CaseResult> {
    cases
        .iter()
        .zip(all)
        .map(|(case, seen)| {
            let verdict = if case.step.name == seen.name {
                case.judge(seen, secret)
            } else {
                Verdict::Failed(vec![format!("`{}` was reported in its place", seen.name)])
            };
            let verdict = match unlike(case, seen, all) {
                Some(why) if verdict == Verdict::Passed => Verdict::Failed(vec![why]),
                _ => verdict,
            };
            row(world, case, verdict, Some(seen.clone()))
        })
        .collect()
}

/// How the report differs from that of the case with which it must agree.
fn unlike(case: &Case, seen: &Observation, all: &[Observation]) -> Option<String> {
    let like = case.like.as_ref()?;
    let Some(other) = all.iter().find(|other| other.name == *like) else {
        return Some(format!("`{like}`, whose report it must have, was not run"));
    };
    let (ours, theirs) = (seen.report_without_measures(), other.report_without_measures());
    (ours != theirs).then(|| format!("the report is {ours:?}, that of `{like}` is {theirs:?}"))
}

fn row(world: &str, case: &Case, verdict: Verdict, seen: Option<Observation>) -> CaseResult {
    CaseResult {
        suite: case.suite,
        world: world.to_string(),
        case: case.step.name.clone(),
        ids: case.ids.clone(),
        command: command(&case.step),
        verdict,
        seen,
    }
}

fn command(step: &Step) -> String {
    let by = match step.place {
        Place::Bare => return step.argv.join(" "),
        Place::Sandbox => "",
        Place::User => "(as an ordinary user) ",
        Place::Delegated => "(as an ordinary user with a cgroup) ",
    };
    let init = step.init.as_deref().unwrap_or("init");
    let args = [init, "run"].into_iter().chain(step.options.iter().map(String::as_str));
    let args = args.chain(["--"]).chain(step.argv.iter().map(String::as_str));
    format!("{by}{}", args.collect::<Vec<_>>().join(" "))
}

/// Where the bundle's bootable archive is.
pub fn archive_of(bundle: &Path) -> Option<PathBuf> {
    ["initramfs.cpio", "initramfs.cpio.zst"].iter().map(|name| bundle.join(name)).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, report: &str) -> Observation {
        Observation { report: report.into(), ..Observation::silent(name) }
    }

    #[test]
    fn a_report_that_is_not_like_another_is_seen() {
        let cases = crate::cases::streams::cases();
        let case = cases.iter().find(|case| case.like.is_some()).expect("a case that is like another");
        let like = case.like.clone().unwrap_or_default();
        let differs = |report: &str| {
            let seen = seen(&case.step.name, report);
            unlike(case, &seen, &[seen.clone(), self::seen(&like, "{\"status\":\"ok\",\"cpu_us\":1}\n")])
        };
        assert_eq!(differs("{\"status\":\"ok\",\"cpu_us\":77}\n"), None);
        assert!(differs("{\"status\":\"ok\",\"cpu_us\":77,\"more\":1}\n").is_some());
        assert!(differs("{\"status\":\"OK\",\"cpu_us\":1}\n").is_some());
        assert!(unlike(case, &seen(&case.step.name, ""), &[]).is_some());
    }
}
