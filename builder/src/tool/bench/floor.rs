//! `capsule bench floor`: how near init comes to the system calls that no runner of the same isolation can do without, and
//! where its peers are.
//!
//! All take turns: the bare system calls with a network namespace made for each run, the same with one that is used again,
//! init, its pool, other sandboxes, and the program alone. Then each has several runs in flight, in slices that take turns too.

mod bare;

use std::fmt::Write as _;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use run::{InitCommand, Pool};

use self::bare::Bare;
use super::contender::{Contender, Field, Run, pool, pooled, program, ratio};
use super::millis;
use super::peers::{bubblewrap, hide_hybrid, others};
use super::stage::{Stage, cpus};
use super::statistics::Sorted;
use crate::error::Error;

/// Runs at one time in the second part.
pub(super) const IN_FLIGHT: [usize; 5] = [1, 2, 4, 8, 16];
/// Slices of the second part: each contender has a turn in each.
const SLICES: usize = 10;
/// Runs of a slice for each that is under way.
const WAVES: usize = 16;
/// Longer than a sandbox takes to stand.
const READY: Duration = Duration::from_millis(5);

/// The figures of all contenders; the first is the baseline.
pub(super) struct Floor {
    pub(super) rounds: usize,
    pub(super) all: Vec<Figures>,
    pub(super) missing: Vec<String>,
}

/// One contender's.
pub(super) struct Figures {
    pub(super) name: String,
    pub(super) median: Duration,
    pub(super) p99: Duration,
    /// To the baseline's time.
    pub(super) ratio: f64,
    /// With each number in flight: runs in a second, and the ratio to the baseline's. Empty for one that needs a pause.
    pub(super) in_flight: Vec<(f64, f64)>,
}

pub(super) fn distance(stage: &Stage, rounds: usize) -> Result<Floor, Error> {
    let fail = |error| Error::start("the bare system calls".as_ref(), error);
    let bare = Bare::new(stage.root(), "/exit").map_err(fail)?;
    // The namespace that is used again. It is empty, and nothing here needs another one.
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| fail(errno.into()))?;
    hide_hybrid().map_err(|errno| Error::start("crun without cgroups".as_ref(), errno.into()))?;
    // As many as the CPUs can make at a time: those that wait longer are cold when their turn comes.
    let pool = pool(cpus())?;
    let mut contenders = contenders(stage, &bare, &pool);
    contenders.extend(others(stage)?);
    let mut field = Field::new(contenders)?;
    (0..rounds).try_for_each(|number| field.round(number))?;
    for at_a_time in IN_FLIGHT {
        field.level(at_a_time, per_slice(rounds, at_a_time), SLICES)?;
    }
    let base = field.baseline();
    let all = field.measured().map(|contender| Figures::new(contender, base, rounds)).collect();
    Ok(Floor { rounds, all, missing: field.failures() })
}

/// Runs of a slice: many more than are under way when it ends, of which not all CPUs have one.
fn per_slice(rounds: usize, at_a_time: usize) -> usize {
    rounds.div_ceil(SLICES).max(WAVES * at_a_time)
}

/// The baseline first.
fn contenders<'a>(stage: &'a Stage, bare: &'a Bare, pool: &'a Pool) -> Vec<Contender<'a>> {
    let bare_run = |has_own_network: bool| -> Run<'a> {
        Box::new(move |number| bare.run(&format!("floor-{}-{number}", std::process::id()), has_own_network))
    };
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.command(["/exit"]);
    let (bubblewrap, command) = bubblewrap(stage.root());
    vec![
        Contender::new("bare calls, network used again", bare_run(false)),
        Contender::new("bare calls, network made anew", bare_run(true)),
        Contender::new("init run", program(init.to_argv())),
        Contender::new("init-serve", pooled(pool, init.clone())),
        Contender::new("init-serve, ready", pooled(pool, init)).with_pause(READY),
        Contender::new("vfork, exec and wait alone", program(vec![stage.root().join("exit").into()])),
        Contender::new(bubblewrap, program(command)),
    ]
}

impl Figures {
    fn new(contender: &Contender<'_>, base: &Contender<'_>, rounds: usize) -> Figures {
        let sorted = Sorted::new(contender.times.clone());
        let levels = IN_FLIGHT.into_iter().zip(contender.slices.iter().zip(&base.slices));
        let level = |(at_a_time, (own, base)): (usize, (&Vec<Duration>, &Vec<Duration>))| {
            let runs = per_slice(rounds, at_a_time) as f64;
            (runs / Sorted::new(own.clone()).median().as_secs_f64(), 1.0 / ratio(own, base))
        };
        Figures {
            name: contender.name.clone(),
            median: sorted.median(),
            p99: sorted.percentile(99),
            ratio: ratio(&contender.times, &base.times),
            in_flight: if contender.pause.is_zero() { levels.map(level).collect() } else { Vec::new() },
        }
    }
}

impl Floor {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} runs each, in turn, of a program that only exits; milliseconds\n\
             then the same with {} in flight; runs in a second\n\
             a ratio is to the first line's of the same turn, and the median of those\n",
            self.rounds,
            IN_FLIGHT.map(|number| number.to_string()).join(", "),
        );
        for Figures { name, median, p99, ratio, in_flight } in &self.all {
            let [median, p99] = [*median, *p99].map(millis);
            let flights: Vec<String> = in_flight
                .iter()
                .map(|(throughput, ratio)| format!("{throughput:5.0}/s {ratio:4.2}"))
                .collect();
            let _infallible = writeln!(
                text,
                "{name:30} median {median:7.3} p99 {p99:7.3} ratio {ratio:5.2}   {}",
                flights.join("  ")
            );
        }
        self.missing.iter().for_each(|line| text += &format!("{line}\n"));
        text
    }
}
