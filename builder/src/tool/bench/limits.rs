//! `capsule bench limits`: the time that a submission gets beyond its limit.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use run::report::Report;

use super::millis;
use super::stage::Stage;
use super::statistics::Sorted;
use crate::error::Error;

/// The limit in every case, in microseconds.
const LIMIT_US: u64 = 250_000;

/// A limit to overshoot.
struct Case {
    option: &'static str,
    submission: &'static str,
    /// The report's status when the limit was hit.
    status: &'static str,
    used_us: fn(&Report) -> Option<u64>,
    /// Whether another process keeps each CPU busy.
    is_busy: bool,
}

const CPU_TIME: Case = Case {
    option: "--cpu-time",
    submission: "/spin",
    status: "cpu-time-limit",
    used_us: |report| report.cpu_us,
    is_busy: false,
};
const WALL_TIME: Case = Case {
    option: "--wall-time",
    submission: "/pause",
    status: "wall-time-limit",
    used_us: |report| report.wall_us,
    is_busy: false,
};
const CASES: [Case; 3] = [CPU_TIME, WALL_TIME, Case { is_busy: true, ..CPU_TIME }];

pub(super) fn overshoot(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let mut over = CASES.map(|_| Vec::new());
    for _ in 0..rounds {
        for (case, over) in CASES.iter().zip(&mut over) {
            let _killed_after_the_run = if case.is_busy { stage.busy_cpus()? } else { Vec::new() };
            let report = report_of(stage.run(&[case.option, "250ms", "--report", "fd:2"], case.submission))?;
            let used = (case.used_us)(&report).filter(|_| report.status == case.status).unwrap_or(0);
            over.push(Duration::from_micros(used.saturating_sub(LIMIT_US)));
        }
    }
    let mut text =
        format!("{rounds} runs each; time beyond a limit of {} ms, milliseconds\n", LIMIT_US / 1000);
    for (case, over) in CASES.iter().zip(over) {
        let over = Sorted::new(over);
        let [median, p95, worst] = [50, 95, 100].map(|percent| millis(over.percentile(percent)));
        let name = format!("{}{}", case.option, if case.is_busy { ", every CPU busy" } else { "" });
        let _infallible = writeln!(text, "{name:27} median {median:7.3}  p95 {p95:7.3}  worst {worst:7.3}");
    }
    Ok(text)
}

fn report_of(mut command: Command) -> Result<Report, Error> {
    let output = command.output().map_err(|error| Error::start("init".as_ref(), error))?;
    Ok(Report::parse(&output.stderr, "init's")?)
}
