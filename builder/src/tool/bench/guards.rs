//! `capsule bench guards`: what each guard costs. A run with all of them, and one without each, take turns.

use std::fmt::Write as _;
use std::io;
use std::process::Command;

use run::InitCommand;

use super::contender::{Contender, Numbers, missing, program};
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// What came of it.
pub(super) struct Guards {
    pub(super) rounds: usize,
    pub(super) rows: Vec<Row>,
    pub(super) missing: Vec<String>,
}

/// A guard, and what a run without it saves, in thousandths of a run with all: the middle, and the interval that holds
/// the true middle with 95 % confidence.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) saves: i64,
    pub(super) interval: [i64; 2],
}

pub(super) fn costs(stage: &Stage, rounds: usize) -> Result<Guards, Error> {
    let fail = |error| Error::start(&stage.init(), error);
    let listed = Command::new(stage.init()).arg("guards").output().map_err(fail)?;
    let names = String::from_utf8(listed.stdout).map_err(|error| fail(io::Error::other(error)))?;
    let run = |without: Option<&str>| {
        let mut init = InitCommand::new(&stage.init(), stage.root());
        if let Some(guard) = without {
            init.option("without", guard);
        }
        init.command(["/exit"]);
        Contender::new(without.unwrap_or("all guards"), program(init.to_argv()))
    };
    let numbers = Numbers::default();
    let mut contenders: Vec<_> = [None].into_iter().chain(names.lines().map(Some)).map(run).collect();
    let missing = missing(&mut contenders, &numbers);
    for _ in 0..rounds {
        contenders.iter_mut().try_for_each(|contender| contender.turn(&numbers))?;
    }
    let (all, without) = contenders.split_first().ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
    let mut rows: Vec<Row> = without.iter().map(|contender| Row::new(contender, all)).collect();
    rows.sort_by_key(|row| -row.saves);
    Ok(Guards { rounds, rows, missing })
}

impl Row {
    fn new(without: &Contender<'_>, all: &Contender<'_>) -> Row {
        let turns = all.times.iter().zip(&without.times).map(|(all, without)| {
            let [all, without] = [all, without].map(|time| time.as_nanos() as i64);
            (all - without) * 1000 / all.max(1)
        });
        let sorted = Sorted::new(turns.collect());
        Row { name: without.name.clone(), saves: sorted.median(), interval: sorted.median_interval() }
    }
}

impl Guards {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} runs each, in turn: how much shorter a run without the guard is than one with all, in percent\n",
            self.rounds
        );
        for Row { name, saves, interval: [low, high] } in &self.rows {
            let [saves, low, high] = [saves, low, high].map(|thousandths| *thousandths as f64 / 10.0);
            let _infallible = writeln!(text, "{name:20} {saves:5.1}   ({low:.1} to {high:.1})");
        }
        self.missing.iter().for_each(|line| text += &format!("{line}\n"));
        text
    }
}
