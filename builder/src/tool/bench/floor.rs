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
use super::contender::{Contender, Numbers, Run, missing, pooled, program, ratio};
use super::millis;
use super::peers::{bubblewrap, hide_hybrid, others};
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// Runs at one time in the second part.
pub(super) const IN_FLIGHT: [usize; 5] = [1, 2, 4, 8, 16];
/// Slices of the second part: each contender has a turn in each.
const SLICES: usize = 10;
/// Longer than a sandbox takes to stand.
const READY: Duration = Duration::from_millis(5);

/// What came of it. The first row is what the others are compared with.
pub(super) struct Floor {
    pub(super) rounds: usize,
    pub(super) rows: Vec<Row>,
    pub(super) missing: Vec<String>,
}

/// One contender's figures.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) median: Duration,
    pub(super) p99: Duration,
    /// To the first one's time.
    pub(super) ratio: f64,
    /// With each number in flight: runs in a second, and the ratio to the first one's.
    pub(super) in_flight: Vec<(f64, f64)>,
}

pub(super) fn distance(stage: &Stage, rounds: usize) -> Result<Floor, Error> {
    let fail = |error| Error::start("the bare system calls".as_ref(), error);
    let bare = Bare::new(stage.root(), "/exit").map_err(fail)?;
    // The namespace that is used again. It is empty, and nothing here needs another one.
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| fail(errno.into()))?;
    hide_hybrid().map_err(|errno| fail(errno.into()))?;
    let most = IN_FLIGHT.into_iter().max().unwrap_or_default();
    let pool = Pool::start(most).map_err(|error| Error::start("init-serve".as_ref(), error))?;
    let numbers = Numbers::default();
    let mut contenders = contenders(stage, &bare, &pool);
    contenders.extend(others(stage)?);
    let missing = missing(&mut contenders, &numbers);
    for _ in 0..rounds {
        contenders.iter_mut().try_for_each(|contender| contender.turn(&numbers))?;
    }
    let per_slice = rounds.div_ceil(SLICES);
    for at_a_time in IN_FLIGHT {
        contenders.iter_mut().for_each(|contender| contender.slices.push(Vec::new()));
        for _ in 0..SLICES {
            for contender in &mut contenders {
                let time = contender.in_flight(at_a_time, per_slice, &numbers)?;
                contender.slices.last_mut().expect("just pushed").push(time);
            }
        }
    }
    let base = &contenders[0];
    let rows = contenders.iter().map(|contender| Row::new(contender, base, per_slice)).collect();
    Ok(Floor { rounds, rows, missing })
}

/// The first is what the others are compared with.
fn contenders<'a>(stage: &'a Stage, bare: &'a Bare, pool: &'a Pool) -> Vec<Contender<'a>> {
    let bare_run = |has_own_network: bool| -> Run<'a> {
        Box::new(move |number| bare.run(&format!("floor-{}-{number}", std::process::id()), has_own_network))
    };
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.command(["/exit"]);
    vec![
        Contender::new("bare calls, network used again", bare_run(false)),
        Contender::new("bare calls, network made anew", bare_run(true)),
        Contender::new("init run", program(init.to_argv())),
        Contender::new("init-serve", pooled(pool, init.clone())),
        Contender::new("init-serve, ready", pooled(pool, init)).with_pause(READY),
        Contender::new("vfork, exec and wait alone", program(vec![stage.root().join("exit").into()])),
        bubblewrap(stage.root()),
    ]
}

impl Row {
    fn new(contender: &Contender<'_>, base: &Contender<'_>, per_slice: usize) -> Row {
        let sorted = Sorted::new(contender.times.clone());
        let levels = contender.slices.iter().zip(&base.slices);
        Row {
            name: contender.name.clone(),
            median: sorted.median(),
            p99: sorted.percentile(99),
            ratio: ratio(&contender.times, &base.times),
            in_flight: levels
                .map(|(own, base)| {
                    let throughput = per_slice as f64 / Sorted::new(own.clone()).median().as_secs_f64();
                    (throughput, 1.0 / ratio(own, base))
                })
                .collect(),
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
        for Row { name, median, p99, ratio, in_flight } in &self.rows {
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
