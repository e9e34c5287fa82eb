//! `capsule bench curve`: whether a service's runs grow slower the longer it runs, and how far single ones lie from the middle.
//!
//! Each tenth is followed by as many runs of a bare process: how far those lie apart is the machine's doing. They do not take turns
//! one by one: the pool still works on a run when it has answered, and the bare process would wait for that.

use std::fmt::Write as _;
use std::time::Duration;

use run::InitCommand;

use super::contender::{Contender, Numbers, pool, pooled, program};
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// The parts of it of which each has a point.
const PARTS: usize = 10;

/// The runs of the pool, and those of the bare process.
pub(super) struct Curve {
    pub(super) rounds: usize,
    pub(super) all: [OverTime; 2],
}

/// One contender's points.
pub(super) struct OverTime {
    pub(super) name: String,
    /// The median and the 99th percentile of each part, in order,
    pub(super) parts: Vec<[Duration; 2]>,
    /// and of all.
    pub(super) whole: [Duration; 2],
}

pub(super) fn curve(stage: &Stage, rounds: usize) -> Result<Curve, Error> {
    let pool = pool(1)?;
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.command(["/exit"]);
    let mut contenders = [
        Contender::new("init-serve", pooled(&pool, init)),
        Contender::new("vfork, exec and wait alone", program(vec![stage.root().join("exit").into()])),
    ];
    let numbers = Numbers::default();
    let per_part = rounds.div_ceil(PARTS);
    for _ in 0..PARTS {
        for contender in &mut contenders {
            let done = (0..per_part).try_for_each(|_| contender.turn(&numbers));
            done.map_err(|error| Error::start(contender.name.as_ref(), error))?;
        }
    }
    let all = contenders.each_ref().map(|contender| OverTime::new(contender, per_part));
    Ok(Curve { rounds: per_part * PARTS, all })
}

impl OverTime {
    fn new(contender: &Contender<'_>, per_part: usize) -> OverTime {
        OverTime {
            name: contender.name.clone(),
            parts: contender.times.chunks(per_part).map(middle_and_edge).collect(),
            whole: middle_and_edge(&contender.times),
        }
    }

    /// How much longer the median run is in the last part than in the first.
    pub(super) fn growth(&self) -> f64 {
        let ends = self.parts.first().zip(self.parts.last());
        ends.map_or(1.0, |(first, last)| last[0].as_secs_f64() / first[0].as_secs_f64())
    }

    /// How many times the median the 99th percentile is.
    pub(super) fn spread(&self) -> f64 {
        let [median, p99] = self.whole;
        p99.as_secs_f64() / median.as_secs_f64()
    }
}

fn middle_and_edge(times: &[Duration]) -> [Duration; 2] {
    let sorted = Sorted::new(times.to_vec());
    [50, 99].map(|percent| sorted.percentile(percent))
}

impl Curve {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} runs one after the other, each tenth followed by as many of a bare process; median and p99 of each tenth, microseconds\n",
            self.rounds
        );
        for one in &self.all {
            let points: Vec<String> = one
                .parts
                .iter()
                .map(|[median, p99]| format!("{}/{}", median.as_micros(), p99.as_micros()))
                .collect();
            let _infallible = writeln!(
                text,
                "{:28} p99 is {:.2} times the median, the last tenth's median {:.2} times the first's\n  {}",
                one.name,
                one.spread(),
                one.growth(),
                points.join(" ")
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenth_has_a_point() {
        let mut contender = Contender::new("grows", Box::new(|_| Ok(())));
        contender.times = (1..=100).map(Duration::from_millis).collect();
        let line = OverTime::new(&contender, 10);
        assert_eq!(line.parts.len(), PARTS);
        assert_eq!(
            (line.parts[0][0], line.parts[9][0]),
            (Duration::from_millis(5), Duration::from_millis(95))
        );
        assert_eq!(line.whole, [Duration::from_millis(50), Duration::from_millis(99)]);
        assert!((line.growth() - 19.0).abs() < 1e-9 && (line.spread() - 1.98).abs() < 1e-9);
    }
}
