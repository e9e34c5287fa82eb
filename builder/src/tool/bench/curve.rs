//! `capsule bench curve`: whether a service's runs grow slower the longer it runs, and how far single ones lie from the middle.
//!
//! A bare process takes turns with them: how far its runs lie apart is the machine's doing.

use std::fmt::Write as _;
use std::time::Duration;

use run::{InitCommand, Pool};

use super::contender::{Contender, Numbers, pooled, program};
use super::micros;
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// The parts of it of which each has a point.
const PARTS: usize = 10;

/// What came of it: the runs of the pool, and the bare process.
pub(super) struct Curve {
    pub(super) rounds: usize,
    pub(super) lines: [Line; 2],
}

/// One contender's points.
pub(super) struct Line {
    pub(super) name: String,
    /// The median and the 99th percentile of each part, in order,
    pub(super) parts: Vec<[Duration; 2]>,
    /// and of all.
    pub(super) whole: [Duration; 2],
}

pub(super) fn curve(stage: &Stage, rounds: usize) -> Result<Curve, Error> {
    let pool = Pool::start(1).map_err(|error| Error::start("init-serve".as_ref(), error))?;
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.command(["/exit"]);
    let mut contenders = [
        Contender::new("init-serve", pooled(&pool, init)),
        Contender::new("vfork, exec and wait alone", program(vec![stage.root().join("exit").into()])),
    ];
    let numbers = Numbers::default();
    for _ in 0..rounds {
        contenders.iter_mut().try_for_each(|contender| contender.turn(&numbers))?;
    }
    Ok(Curve { rounds, lines: contenders.each_ref().map(Line::new) })
}

impl Line {
    fn new(contender: &Contender<'_>) -> Line {
        let per_part = contender.times.len().div_ceil(PARTS).max(1);
        Line {
            name: contender.name.clone(),
            parts: contender.times.chunks(per_part).map(middle_and_edge).collect(),
            whole: middle_and_edge(&contender.times),
        }
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
            "{} runs one after the other, in turn with a bare process; median and p99 of each tenth, microseconds\n",
            self.rounds
        );
        for Line { name, parts, whole: [median, p99] } in &self.lines {
            let points: Vec<String> =
                parts.iter().map(|[median, p99]| format!("{}/{}", micros(*median), micros(*p99))).collect();
            let growth =
                |first: &[Duration; 2], last: &[Duration; 2]| last[0].as_secs_f64() / first[0].as_secs_f64();
            let growth = parts.first().zip(parts.last()).map_or(1.0, |(first, last)| growth(first, last));
            let _infallible = writeln!(
                text,
                "{name:28} p99 is {:.2} times the median, the last tenth's median {growth:.2} times the first's\n  {}",
                p99.as_secs_f64() / median.as_secs_f64(),
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
        let Line { parts, whole, .. } = Line::new(&contender);
        assert_eq!(parts.len(), PARTS);
        assert_eq!((parts[0][0], parts[9][0]), (Duration::from_millis(5), Duration::from_millis(95)));
        assert_eq!(whole, [Duration::from_millis(50), Duration::from_millis(99)]);
    }
}
