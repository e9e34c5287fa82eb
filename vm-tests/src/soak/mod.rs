//! The soak: many runs in a row, then many that lose one of their processes to `kill -9` at a random moment. Afterwards
//! the machine holds what it held before, and a run takes as long as at the start.
//!
//! Everything that a run starts is a descendant of this process, orphans too ([`family`]), which tells leftovers
//! from the work of other programs on the machine. What the kernel only counts is allowed a stated noise ([`residue`]).

mod cgroups;
mod family;
mod pace;
mod residue;
mod run;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cgroups::Cgroups;
use family::{Blow, Victim};
use pace::Pace;
use residue::Residue;
use run::{Fate, SoakRun};

/// Who runs init where root does not; as in the plan's steps.
const ORDINARY_USER: u32 = 1000;
/// Runs before anything is measured: pages are read, caches are filled. A short soak has fewer ([`Soak::warm_up`]).
const WARM_UP: usize = 20;
/// After so many findings the soak stops: more of them are not new.
const ENOUGH: usize = 10;
/// How long the submission of a run that loses a process stays, so that it is there to be lost.
const STAY: Duration = Duration::from_millis(3);

/// What to run, and how often.
#[derive(Debug, Clone)]
pub struct Soak {
    /// The runner.
    pub init: PathBuf,
    /// The sandbox's root.
    pub root: PathBuf,
    /// The directory with the probe.
    pub probes: PathBuf,
    /// Options of every run.
    pub options: Vec<String>,
    /// Whether an ordinary user runs init.
    pub by_user: bool,
    /// Runs without a kill.
    pub runs: usize,
    /// Runs that lose a process.
    pub kills: usize,
    /// What the moments and the victims come from.
    pub seed: u64,
}

impl Soak {
    /// From the agent's command line: `INIT ROOT PROBES root|user RUNS KILLS SEED OPTION…`.
    pub fn from_args(args: &[&str]) -> Option<Soak> {
        let [init, root, probes, identity, runs, kills, seed, ref options @ ..] = *args else { return None };
        Some(Soak {
            init: init.into(),
            root: root.into(),
            probes: probes.into(),
            options: options.iter().map(|option| option.to_string()).collect(),
            by_user: identity == "user",
            runs: runs.parse().ok()?,
            kills: kills.parse().ok()?,
            seed: seed.parse().ok()?,
        })
    }

    /// Does the whole soak, and prints what it sees. Returns what is wrong.
    pub fn endure(&self) -> io::Result<Vec<String>> {
        family::adopt_orphans()?;
        let who = if self.by_user { "an ordinary user" } else { "root" };
        println!("# {} runs and {} kills as {who}, seed {}", self.runs, self.kills, self.seed);
        let mut ledger = Ledger { runs: 0, wrong: Vec::new(), cgroups: Cgroups::take() };
        for _ in 0..self.warm_up() {
            self.undisturbed(&mut ledger)?;
        }
        let before = Residue::take();
        self.run_undisturbed(&mut ledger)?;
        self.run_struck(&mut ledger)?;
        let (after, grown) = before.settle(self.runs + self.kills, Residue::take);
        println!("{}", after.since(&before));
        ledger.wrong.extend(grown);
        Ok(ledger.wrong)
    }

    /// Under emulation a run takes a tenth of a second: the preparation must not take longer than the soak itself.
    fn warm_up(&self) -> usize {
        WARM_UP.min(self.runs / 5 + 1)
    }

    fn run_undisturbed(&self, ledger: &mut Ledger) -> io::Result<()> {
        let mut pace = Pace::default();
        for _ in 0..self.runs {
            let control = run::control(self)?;
            pace.add(control, self.undisturbed(ledger)?);
            if ledger.is_full() {
                return Ok(());
            }
        }
        if let Some(growth) = pace.growth() {
            println!("{growth}");
            ledger.wrong.extend(growth.too_much());
        }
        Ok(())
    }

    fn undisturbed(&self, ledger: &mut Ledger) -> io::Result<Duration> {
        let ended = SoakRun::start(self, Duration::ZERO)?.end()?;
        ledger.note(ended.is_whole(Fate::Undisturbed), ended.pid, || "an undisturbed run".into());
        Ok(ended.wall)
    }

    /// The moments are spread evenly over a run and a half: set-up, work and clean-up are all hit.
    fn run_struck(&self, ledger: &mut Ledger) -> io::Result<()> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let horizon = 3 * self.usual_time(ledger)? / 2;
        let (mut struck, mut late) = ([0usize; Victim::ALL.len()], 0);
        while struck.iter().sum::<usize>() < self.kills && !ledger.is_full() {
            let delay = horizon.mul_f64(random.f64());
            match self.strike(ledger, delay, &mut random)? {
                Some(victim) => struck[victim as usize] += 1,
                None => late += 1,
            }
        }
        let counts = Victim::ALL.iter().zip(struck).map(|(victim, count)| format!("{victim} {count}"));
        let counts: Vec<String> = counts.collect();
        println!("killed: {}; {late} runs ended before their kill", counts.join(", "));
        Ok(())
    }

    fn usual_time(&self, ledger: &mut Ledger) -> io::Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..self.warm_up() {
            let ended = SoakRun::start(self, STAY)?.end()?;
            ledger.note(ended.is_whole(Fate::Undisturbed), ended.pid, || "an undisturbed run".into());
            times.push(ended.wall);
        }
        Ok(pace::median(&mut times))
    }

    /// One run that loses a process after `delay`; `None` when there was none left to lose.
    fn strike(
        &self,
        ledger: &mut Ledger,
        delay: Duration,
        random: &mut fastrand::Rng,
    ) -> io::Result<Option<Victim>> {
        let run = SoakRun::start(self, STAY)?;
        run.sleep_until(delay);
        let blow = family::strike(run.pid, random);
        let ended = run.end()?;
        let fate = blow.map_or(Fate::Undisturbed, |blow| Fate::Lost(blow.victim));
        let about = || match blow {
            Some(Blow { victim, of }) => format!("{victim}, of {of} processes, killed after {delay:.1?}"),
            None => format!("no process killed after {delay:.1?}"),
        };
        let whole = ended.is_whole(fate);
        if let Fate::Lost(Victim::Both) = fate {
            // No process was left to remove the run's cgroup. It is empty, and `capsule` removes it at its next start.
            let whole = whole.and_then(|()| ledger.cgroups.remove_those_of(ended.pid));
            ledger.note(whole, ended.pid, about);
        } else {
            ledger.note(whole, ended.pid, about);
        }
        Ok(blow.map(|blow| blow.victim))
    }
}

/// Finds the bundle's parts below `bundle`, for a soak of it.
pub fn parts(bundle: &Path) -> (PathBuf, PathBuf) {
    (bundle.join("init"), bundle.join("rootfs"))
}

/// What was started, and what was wrong with it.
struct Ledger {
    runs: usize,
    wrong: Vec<String>,
    cgroups: Cgroups,
}

impl Ledger {
    /// After each run: its own end, and that nothing of it lives or stands.
    fn note(&mut self, ended: Result<(), String>, pid: u32, about: impl Fn() -> String) {
        self.runs += 1;
        let run = self.runs;
        let mut wrong = Vec::from_iter(ended.err());
        wrong.extend(family::survivors());
        wrong.extend(self.cgroups.left_by(pid));
        self.wrong.extend(wrong.into_iter().map(|what| format!("run {run}, {}: {what}", about())));
    }

    fn is_full(&self) -> bool {
        self.wrong.len() >= ENOUGH
    }
}
