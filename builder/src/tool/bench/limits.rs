//! `capsule bench limits`: the time that a submission gets beyond its limit.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use run::exec::pool::PooledRun;
use run::report::Report;
use run::{InitCommand, Pool};

use super::contender::{ask, no_pool, pool};
use super::millis;
use super::stage::{Stage, cpus};
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
    beside: Beside,
}

/// What else goes on.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// Another process keeps each CPU busy.
    BusyCpus,
    /// The run is a pool's, whose other slots have a run each that keeps a CPU busy, as many as there are CPUs.
    BusySlots,
}

const CPU_TIME: Case = Case {
    option: "--cpu-time",
    submission: "/spin",
    status: "cpu-time-limit",
    used_us: |report| report.cpu_us,
    beside: Beside::Nothing,
};
const WALL_TIME: Case = Case {
    option: "--wall-time",
    submission: "/pause",
    status: "wall-time-limit",
    used_us: |report| report.wall_us,
    beside: Beside::Nothing,
};
const CASES: [Case; 6] = [
    CPU_TIME,
    WALL_TIME,
    Case { beside: Beside::BusyCpus, ..CPU_TIME },
    Case { beside: Beside::BusyCpus, ..WALL_TIME },
    Case { beside: Beside::BusySlots, ..CPU_TIME },
    Case { beside: Beside::BusySlots, ..WALL_TIME },
];

pub(super) fn overshoot(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let pool = pool(1)?;
    let mut over = CASES.map(|_| Vec::new());
    for _ in 0..rounds {
        for (case, over) in CASES.iter().zip(&mut over) {
            let report = case.report(stage, &pool)?;
            let used = (case.used_us)(&report).filter(|_| report.status == case.status).unwrap_or(0);
            over.push(Duration::from_micros(used.saturating_sub(LIMIT_US)));
        }
    }
    let mut text =
        format!("{rounds} runs each; time beyond a limit of {} ms, milliseconds\n", LIMIT_US / 1000);
    for (case, over) in CASES.iter().zip(over) {
        let over = Sorted::new(over);
        let [median, p95, worst] = [50, 95, 100].map(|percent| millis(over.percentile(percent)));
        let beside = match case.beside {
            Beside::Nothing => "",
            Beside::BusyCpus => ", every CPU busy",
            Beside::BusySlots => ", every slot busy",
        };
        let name = format!("{}{beside}", case.option);
        let _infallible = writeln!(text, "{name:28} median {median:7.3}  p95 {p95:7.3}  worst {worst:7.3}");
    }
    Ok(text)
}

impl Case {
    fn report(&self, stage: &Stage, pool: &Pool) -> Result<Report, Error> {
        let limited = [self.option, "250ms"];
        let alone = || report_of(stage.run(&[&limited[..], &["--report", "fd:2"]].concat(), self.submission));
        match self.beside {
            Beside::Nothing => alone(),
            Beside::BusyCpus => {
                let _killed_after_the_run = stage.busy_cpus()?;
                alone()
            }
            Beside::BusySlots => {
                let spin = || pooled(stage, pool, &["--cpu-time", "60s"], "/spin");
                let _killed_after_the_run = (0..cpus()).map(|_| spin()).collect::<Result<Vec<_>, _>>()?;
                let done = pooled(stage, pool, &limited, self.submission)?.wait().map_err(no_pool)?;
                Ok(Report::parse(done.report.as_bytes(), "init-serve's")?)
            }
        }
    }
}

fn pooled(stage: &Stage, pool: &Pool, options: &[&str], submission: &str) -> Result<PooledRun, Error> {
    let mut init = InitCommand::new(&stage.init(), stage.root());
    init.given(options.iter().map(OsString::from)).command([submission]);
    ask(pool, &init).map_err(no_pool)
}

fn report_of(mut command: Command) -> Result<Report, Error> {
    let output = command.output().map_err(|error| Error::start("init".as_ref(), error))?;
    Ok(Report::parse(&output.stderr, "init's")?)
}
