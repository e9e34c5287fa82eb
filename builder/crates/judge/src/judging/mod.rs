//! The judging of one submission.
//!
//! ```text
//!   submission ──compile once──► Artifact ──► each test: passes ──► plan (who is skipped) ──► score ──► Judgement
//!   a pass: run, then check; or interact
//!   package ──each of its submissions──► Judgement ──expectation──► PackageJudgement
//! ```
//!
//! A test's output goes from the sandbox into a file without a name, which the checker reads: nothing of it passes
//! through this process's memory; only what an interactor and a submission say to each other does. [`plan`], [`score`],
//! [`expectation`] and [`time_limit`] are pure. Tests run in as many threads as the caller asks for; what counts is
//! decided in the order of the tests, so that the result is the same with any number of them.

mod added;
mod answers;
mod check;
mod conduct;
mod desk;
mod expectation;
mod facts;
mod feedback;
mod grader;
mod input;
mod interact;
pub mod junit;
#[cfg(test)]
mod order_tests;
mod package;
mod passes;
mod plan;
mod program;
mod protocol;
mod report;
mod result;
mod score;
mod scratch;
mod session;
mod slots;
mod spool;
mod table;
mod text;
mod time_limit;
mod turnstile;
mod visible;
mod watch;

use std::path::PathBuf;

use run::exec::StepOption;

use crate::problem::{Checker, Io, Kind, Problem, Program, Protocol, StepLimits};

pub use conduct::Conduct;
pub use interact::{Interaction, Line, Speaker, Transcript};
pub use package::{ExampleResult, PackageJudgement};
pub use report::{Judgement, VERSION, WarmUp};
pub use result::{FirstRun, TestResult};
pub use score::GroupResult;
pub use session::Session;
pub use spool::Json;
pub use table::Table;
pub use text::Plain;
pub use watch::{Unwatched, Watch};

/// When the rest of the tests is left out after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After the first failure.
    First,
    /// As the groups of the problem say.
    Group,
    /// Never.
    Never,
}

/// Why a submission cannot be judged. None of this is a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The problem cannot be read.
    #[error(transparent)]
    Problem(#[from] crate::Error),
    /// The problem needs something that capsule cannot do.
    #[error("`{}` cannot be judged: {what}", problem.display())]
    Unsupported {
        /// The problem.
        problem: PathBuf,
        /// What it needs.
        what: String,
    },
    /// The sandbox failed, or this host, before the problem was ready. Another time it may be.
    #[error("`{}` is not ready: {what}", problem.display())]
    Unready {
        /// The problem.
        problem: PathBuf,
        /// What failed.
        what: String,
    },
    /// The problem does not allow the submission's language.
    #[error("the problem does not allow the language `{language}`; it allows {allowed}")]
    Language {
        /// The submission's.
        language: String,
        /// Those that it allows.
        allowed: String,
    },
    /// The report cannot be written.
    #[error("the report cannot be written: {error}")]
    Report {
        /// Why.
        error: std::io::Error,
    },
    /// The page cannot be written.
    #[error("`{}` cannot be written: {error}", path.display())]
    Page {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The submission cannot be read, or the sandbox failed before the first test.
    #[error(transparent)]
    Run(#[from] run::Error),
}

/// What the problem needs and judging cannot do, if there is anything.
fn unsupported(problem: &Problem) -> Option<String> {
    let interactor = problem.interactor.as_ref();
    let talks = |program: &Program| match problem.kind {
        Kind::Communication(_) => program.protocol == Protocol::Cms,
        _ => matches!(program.protocol, Protocol::Kattis | Protocol::Testlib | Protocol::Dmoj),
    };
    let stranger = interactor.is_some_and(|program| !talks(program)).then_some("such an interactor");
    let talks_in_files = problem.io != Io::Std && problem.kind != Kind::Batch;
    let files = talks_in_files.then_some("an interaction through files");
    // Only that protocol has a file for the next pass.
    let decides = match &problem.checker {
        Checker::Program(program) => Some(program),
        Checker::Interactor => interactor,
        Checker::Builtin(_) => None,
    };
    let is_asked = decides.is_some_and(|program| program.protocol == Protocol::Kattis);
    let passes = (problem.passes > 1 && !is_asked).then_some("several passes with such a checker");
    let first = stranger.or(passes).or(files);
    let first = first.map(|what| format!("{what} is not supported yet"));
    problem.unsupported.first().cloned().or(first)
}

/// Options of init for limits of a program that waits for nobody, as far as they are given.
fn limits(limits: StepLimits) -> Vec<StepOption> {
    let mut options = use_limits(limits);
    options.extend(limits.cpu_us.into_iter().flat_map(patience_options));
    options
}

/// Options for what a program may use, however long it waits.
fn use_limits(limits: StepLimits) -> Vec<StepOption> {
    let mut options = Vec::new();
    options.extend(limits.cpu_us.map(cpu_option));
    options.extend(limits.memory_bytes.map(|bytes| ("memory".to_owned(), bytes.to_string().into())));
    options.extend(limits.output_bytes.map(|bytes| ("output".to_owned(), bytes.to_string().into())));
    options
}

fn cpu_option(cpu_us: u64) -> StepOption {
    time_option("cpu-time", cpu_us)
}

/// init counts nanoseconds in 64 bits, so a longer time becomes the longest that it can count.
fn time_option(name: &str, us: u64) -> StepOption {
    (name.to_owned(), format!("{}us", us.min(u64::MAX / 1000)).into())
}

/// For programs that wait. Time in which a program waits for a CPU on a busy host is not its own: the limit of idle time
/// does not count it. The limit of wall time is for what the kernel cannot tell, and for a host that has no CPU to give.
fn patience_options(cpu_us: u64) -> [StepOption; 2] {
    let idle_us = cpu_us.saturating_mul(4).saturating_add(1_000_000);
    [time_option("idle-time", idle_us), time_option("wall-time", wall_us(cpu_us).saturating_mul(10))]
}

/// How long a program may take of which only the wall time is watched.
fn wall_us(cpu_us: u64) -> u64 {
    cpu_us.saturating_mul(5).saturating_add(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_long_to_be_written() {
        for (name, text) in [cpu_option(u64::MAX)].into_iter().chain(patience_options(u64::MAX)) {
            let us: u64 = text.to_str().unwrap().strip_suffix("us").unwrap().parse().unwrap();
            assert!(us.checked_mul(1000).is_some(), "{name} {us}");
        }
    }
}
