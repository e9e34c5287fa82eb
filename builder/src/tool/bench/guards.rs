//! `capsule bench guards`: what each guard costs. A run with all of them, and one without each, take turns.

use std::fmt::Write as _;
use std::io;
use std::process::Command;

use run::InitCommand;

use super::contender::{Contender, Field, program};
use super::require_success;
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// All guards.
pub(super) struct Guards {
    pub(super) rounds: usize,
    pub(super) costs: Vec<Cost>,
    pub(super) missing: Vec<String>,
}

/// A guard, and how much shorter a run is without it, in thousandths of a run with all: the median, and the interval that holds
/// the true median with 95 % confidence.
pub(super) struct Cost {
    pub(super) name: String,
    pub(super) saves: i64,
    pub(super) interval: [i64; 2],
}

pub(super) fn costs(stage: &Stage, rounds: usize) -> Result<Guards, Error> {
    let fail = |error| Error::start(&stage.init(), error);
    let listed = Command::new(stage.init()).arg("guards").output().map_err(fail)?;
    require_success(listed.status).map_err(fail)?;
    let names = String::from_utf8(listed.stdout).map_err(|error| fail(io::Error::other(error)))?;
    let run = |without: Option<&str>| {
        let mut init = InitCommand::new(&stage.init(), stage.root());
        if let Some(guard) = without {
            init.option("without", guard);
        }
        init.command(["/exit"]);
        Contender::new(without.unwrap_or("all guards"), program(init.to_argv()))
    };
    let mut field = Field::new([None].into_iter().chain(names.lines().map(Some)).map(run).collect())?;
    (0..rounds).try_for_each(|number| field.round(number))?;
    let all = field.baseline();
    let mut costs: Vec<Cost> = field.measured().skip(1).map(|contender| Cost::new(contender, all)).collect();
    costs.sort_by_key(|cost| -cost.saves);
    Ok(Guards { rounds, costs, missing: field.failures() })
}

impl Cost {
    fn new(without: &Contender<'_>, all: &Contender<'_>) -> Cost {
        let turns = all.times.iter().zip(&without.times).map(|(all, without)| {
            let [all, without] = [all, without].map(|time| time.as_nanos() as i64);
            (all - without) * 1000 / all.max(1)
        });
        let sorted = Sorted::new(turns.collect());
        Cost { name: without.name.clone(), saves: sorted.median(), interval: sorted.median_interval() }
    }
}

impl Guards {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} runs each, in turn: how much shorter a run without the guard is than one with all, in percent\n",
            self.rounds
        );
        for Cost { name, saves, interval: [low, high] } in &self.costs {
            let [saves, low, high] = [saves, low, high].map(|thousandths| *thousandths as f64 / 10.0);
            let _infallible = writeln!(text, "{name:20} {saves:5.1}   ({low:.1} to {high:.1})");
        }
        self.missing.iter().for_each(|line| text += &format!("{line}\n"));
        text
    }
}
