//! What came of one test.

use serde::Serialize;

use super::spool::Json;
use crate::problem::Verdict;

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The part of the test's points that it gets.
    pub share: f64,
    /// What came of it the first time, when it was repeated alone because its time was near to the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_run: Option<FirstRun>,
    /// CPU time in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_us: Option<u64>,
    /// The true CPU time is within this of the measured one, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_us: Option<u64>,
    /// Whether the CPU time can be used for the verdict: nothing disturbed the measurement, and its error does not reach the
    /// limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliable: Option<bool>,
    /// Wall time in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_us: Option<u64>,
    /// The most memory that it held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Why the verdict is what it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The start of what the submission wrote to stderr.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// Whether the CPU time is nearer to the limit than it can be off.
    #[serde(skip)]
    pub(super) is_near: bool,
    /// The run's status, in init's words; empty if there is none.
    #[serde(skip)]
    pub(super) status: String,
    /// The run's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Json>,
    /// The checker's report, where the checker is a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Json>,
    /// What the submission and the interactor said to each other: an [`super::Interaction`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Json>,
    /// How often the submission ran, in a problem with several passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes: Option<u32>,
}

/// A run that was repeated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirstRun {
    /// Its verdict.
    pub verdict: Verdict,
    /// Its CPU time in microseconds.
    pub time_us: Option<u64>,
    /// How far that can be off, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_us: Option<u64>,
}

impl TestResult {
    /// Whether a limit of time ended the run, rather than its own end.
    pub(super) fn was_stopped(&self) -> bool {
        self.verdict == Verdict::TimeLimit && self.status.ends_with("-time-limit")
    }

    /// A result with nothing but this.
    pub(super) fn of(verdict: Verdict, share: f64) -> TestResult {
        TestResult {
            name: String::new(),
            verdict,
            share,
            first_run: None,
            time_us: None,
            error_us: None,
            reliable: None,
            wall_us: None,
            memory_bytes: None,
            message: String::new(),
            stderr: String::new(),
            is_near: false,
            status: String::new(),
            run: None,
            check: None,
            interaction: None,
            passes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_time_is_told_from_an_end_by_itself() {
        let result = |status: &str| TestResult {
            status: status.to_owned(),
            ..TestResult::of(Verdict::TimeLimit, 0.0)
        };
        assert!(result("cpu-time-limit").was_stopped() && !result("ok").was_stopped());
    }
}
