//! What came of a submission, as it is reported.

use std::io::{self, Write};

use run::exec::{Compilation, Submission};
use serde::Serialize;
use serde_json::Value;

use super::result::TestResult;
#[cfg(test)]
use super::score;
use super::score::GroupResult;
use crate::problem::{Aggregate, Problem, Verdict};

/// The version of the report. Fields are only added within a version.
pub const VERSION: u32 = 1;

/// The language of a submission that is the output.
const OUTPUT: &str = "output";

/// What came of a submission.
#[derive(Debug, Serialize)]
pub struct Judgement {
    version: u32,
    /// The problem's name.
    pub problem: String,
    /// The submission's language.
    pub language: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the bundle's tree was compared with its manifest before the first step, and was as it was built.
    pub verified: bool,
    /// Why the judge did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The score; absent in a problem without scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The compile step; absent if the language has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile: Option<Compiled>,
    /// The run before the first test; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// CPU time that a test may take, before the rate of the language; absent if neither problem nor package says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit_us: Option<u64>,
    /// The groups of the problem.
    pub groups: Vec<GroupResult>,
    /// The tests.
    pub tests: Vec<TestResult>,
}

/// The compile step.
#[derive(Debug, Serialize)]
pub struct Compiled {
    /// What the compiler wrote.
    pub text: String,
    /// Whether it was taken from the cache: then text and report are those of an earlier step.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// init's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Value>,
}

/// Writes a report as one JSON object on one line.
pub(super) fn write_line(report: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, report)?;
    to.write_all(b"\n")
}

/// A run that does not count: it finds the files of the language's runtime, so that the first test does not wait for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WarmUp {
    /// Wall time in microseconds.
    pub wall_us: u64,
}

impl Judgement {
    pub(super) fn new(problem: &Problem, compilation: &Compilation) -> Judgement {
        let run = compilation.report.as_ref().and_then(|report| serde_json::from_str(report).ok());
        let text = String::from_utf8_lossy(&compilation.text).into_owned();
        Judgement {
            version: VERSION,
            problem: problem.name.clone(),
            language: compilation.language.clone(),
            verdict: Verdict::InternalError,
            verified: false,
            error: None,
            score: (problem.root.score != Aggregate::None).then_some(0.0),
            compile: compilation.report.is_some().then_some(Compiled {
                text,
                cached: compilation.is_kept,
                run,
            }),
            warm_up: None,
            time_limit_us: problem.limits.cpu_us,
            groups: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// Of a submission that is the output.
    pub(super) fn of_output(problem: &Problem) -> Judgement {
        Judgement {
            version: VERSION,
            problem: problem.name.clone(),
            language: OUTPUT.to_owned(),
            verdict: Verdict::InternalError,
            verified: false,
            error: None,
            score: (problem.root.score != Aggregate::None).then_some(0.0),
            compile: None,
            warm_up: None,
            time_limit_us: None,
            groups: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// Of a submission that has more bytes than the problem allows.
    pub(super) fn too_large(problem: &Problem, submission: &Submission) -> Option<Judgement> {
        let bytes: u64 = submission.files().iter().map(|file| file.content.len() as u64).sum();
        let most = problem.limits.code_bytes.filter(|most| bytes > *most)?;
        let text = format!("the submission has {bytes} bytes; the problem allows {most}\n");
        let compile = Some(Compiled { text, cached: false, run: None });
        Some(Judgement {
            language: String::new(),
            verdict: Verdict::CompileError,
            compile,
            ..Judgement::of_output(problem)
        })
    }

    /// Of these results, for tests.
    #[cfg(test)]
    pub(super) fn of(problem: &Problem, tests: Vec<TestResult>) -> Judgement {
        let mut judgement = Judgement::of_output(problem);
        let total = score::total(problem, &tests, &score::no_grader);
        judgement.finish(total, tests);
        judgement
    }

    pub(super) fn finish(&mut self, total: GroupResult, tests: Vec<TestResult>) {
        self.error = total.trouble();
        (self.verdict, self.score, self.groups, self.tests) =
            (total.verdict, total.score, total.groups, tests);
    }

    /// Writes one JSON object on one line.
    ///
    /// # Errors
    /// Its parts cannot be read again, or it cannot be written.
    pub fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        write_line(self, to)
    }

    /// The same as a text.
    ///
    /// # Errors
    /// As [`Judgement::write_json`].
    pub fn to_json(&self) -> io::Result<String> {
        let mut line = Vec::new();
        self.write_json(&mut line)?;
        String::from_utf8(line).map_err(io::Error::other)
    }

    /// The exit code for it: 0 accepted, 1 any other verdict, 122 it does not compile, 125 the judge failed.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Accepted => 0,
            Verdict::CompileError => run::exec::COMPILE_ERROR,
            Verdict::JudgeError | Verdict::InternalError => 125,
            _ => 1,
        }
    }
}
