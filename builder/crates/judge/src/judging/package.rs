//! Every submission of a package against what it is expected to get, and the time limit that follows from them.

use std::io::{self, Write};

use run::exec::Submission;
use serde::Serialize;

use super::Failure;
use super::added::filled_sources;
use super::conduct::Conduct;
use super::expectation::{faults, part};
use super::report::{Judgement, VERSION, write_line};
use super::result::TestResult;
use super::session::Session;
use super::time_limit::Margins;
use crate::files::Files;
use crate::problem::{Bound, Example, Problem, Rule, Verdict};

/// CPU time of a test while the limit is not known: Kattis's own.
const UNKNOWN_US: u64 = 300_000_000;

/// What came of a package's own submissions.
#[derive(Debug, Serialize)]
pub struct PackageJudgement {
    version: u32,
    /// The problem's name.
    pub problem: String,
    /// Whether all submissions got what they were expected to get.
    pub as_expected: bool,
    /// Whether the bundle's tree was compared with its manifest before the first step, and was as it was built.
    pub verified: bool,
    /// Why the judge did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// CPU time that a test may take; absent if nothing says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit_us: Option<u64>,
    /// Whether the limit was computed from the submissions.
    pub is_computed: bool,
    /// The submissions.
    pub submissions: Vec<ExampleResult>,
    /// Margins that are small.
    pub warnings: Vec<String>,
}

/// What came of one of them.
#[derive(Debug, Serialize)]
pub struct ExampleResult {
    /// Its name.
    pub name: String,
    /// What it was expected to get.
    pub expected: String,
    /// What is not as expected.
    pub faults: Vec<String>,
    /// Its judgement; absent if it could not be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

impl PackageJudgement {
    /// Writes one JSON object on one line.
    ///
    /// # Errors
    /// As [`Judgement::write_json`].
    pub fn write_json(&self, to: &mut dyn Write) -> io::Result<()> {
        write_line(self, to)
    }

    /// The exit code for it: 0 if all are as expected, 1 otherwise, 125 if the judge failed.
    pub fn exit_code(&self) -> u8 {
        let is_fault = |result: &ExampleResult| {
            let verdict = result.judgement.as_ref().map(|judgement| judgement.verdict);
            verdict.is_none_or(|verdict| matches!(verdict, Verdict::JudgeError | Verdict::InternalError))
        };
        match self.as_expected {
            _ if self.error.is_some() || self.submissions.iter().any(is_fault) => 125,
            true => 0,
            false => 1,
        }
    }
}

impl Session {
    /// Judges every submission of the package.
    ///
    /// # Errors
    /// The problem has no submissions.
    pub fn judge_package(&self, conduct: Conduct<'_>) -> Result<PackageJudgement, Failure> {
        let problem = &self.problem;
        if problem.submissions.is_empty() {
            let what = "it has no submissions of its own\n  hint: they are in submissions/accepted/, submissions/wrong_answer/ and so on".to_owned();
            return Err(Failure::Unsupported { problem: self.files.place().to_path_buf(), what });
        }
        let margins = Margins::of(problem);
        let mut results: Vec<Option<ExampleResult>> = problem.submissions.iter().map(|_| None).collect();
        let mut limit_us = problem.limits.cpu_us;
        let is_given = limit_us.is_some() || problem.tests.iter().all(|test| test.cpu_us.is_some());
        if !is_given {
            let conduct = Conduct { limit_us: Some(UNKNOWN_US), ..conduct };
            for (result, example) in results.iter_mut().zip(&problem.submissions) {
                if example.expected.bounds(Bound::Lower) {
                    *result = Some(self.example(example, conduct));
                }
            }
            let slowest = results.iter().zip(&problem.submissions).filter_map(|(result, example)| {
                self.slowest(example, result.as_ref()?.judgement.as_ref()?, Bound::Lower)
            });
            limit_us = slowest.max().map(|slowest| margins.limit(slowest));
        }
        for (result, example) in results.iter_mut().zip(&problem.submissions) {
            if result.is_none() {
                let leeway = if example.expected.bounds(Bound::Upper) { margins.limit_to_slow } else { 1.0 };
                *result = Some(self.example(example, Conduct { limit_us, leeway, ..conduct }));
            }
        }
        let submissions = results.into_iter().flatten().collect();
        let mut package = PackageJudgement {
            version: VERSION,
            problem: problem.name.clone(),
            as_expected: false,
            verified: self.is_verified(),
            error: conduct.watch.interrupted(),
            time_limit_us: limit_us,
            is_computed: !is_given && limit_us.is_some(),
            submissions,
            warnings: Vec::new(),
        };
        self.margins(&mut package, margins);
        package.as_expected = package.submissions.iter().all(|result| result.faults.is_empty());
        Ok(package)
    }

    fn example(&self, example: &Example, conduct: Conduct<'_>) -> ExampleResult {
        conduct.watch.submission(Some(&example.name), self.problem.tests.len());
        let judgement = match conduct.watch.interrupted() {
            Some(why) => Err(why),
            None => sources(&self.files, &self.problem, example)
                .and_then(|submission| self.judge(&submission, example.language.as_deref(), conduct))
                .map_err(|failure| failure.to_string()),
        };
        let (name, expected) = (example.name.clone(), example.expected.to_string());
        match judgement {
            Ok(mut judgement) => {
                judgement.time_limit_us = conduct.limit_us.or(judgement.time_limit_us);
                let full = self.full_score(example);
                let faults = faults(&self.problem, &example.expected, &judgement, full);
                ExampleResult { name, expected, faults, judgement: Some(judgement) }
            }
            Err(why) => ExampleResult { name, expected, faults: vec![why], judgement: None },
        }
    }

    /// The score of outputs that are right everywhere, where the example's own is compared with it.
    fn full_score(&self, example: &Example) -> Option<f64> {
        let all = || vec![TestResult::of(Verdict::Accepted, 1.0); self.problem.tests.len()];
        example.expected.is_partial.then(|| self.total(&all(), None).score).flatten()
    }

    /// The slowest test that a rule with this bound is about.
    fn slowest(&self, example: &Example, judgement: &Judgement, bound: Bound) -> Option<u64> {
        let rules = example.expected.rules.iter().filter(|rule| rule.bound == bound);
        let tests = rules.flat_map(|rule| part(&self.problem, rule, &judgement.tests));
        tests.filter_map(|test| test.time_us).max()
    }

    /// What is too close to the limit: a fault where the limit was computed, as no limit fits then.
    fn margins(&self, package: &mut PackageJudgement, margins: Margins) {
        let Some(limit_us) = package.time_limit_us else { return };
        for (result, example) in package.submissions.iter_mut().zip(&self.problem.submissions) {
            let Some(judgement) = &mut result.judgement else { continue };
            judgement.time_limit_us = Some(limit_us);
            let seconds = |us: u64| us as f64 / 1e6;
            let slowest = self.slowest(example, judgement, Bound::Lower);
            if let Some(slowest) = slowest.filter(|slowest| !margins.is_above(limit_us, *slowest)) {
                package.warnings.push(format!(
                    "{} needs {:.3} s: the time limit of {} s leaves too small a margin above it",
                    result.name,
                    seconds(slowest),
                    seconds(limit_us)
                ));
            }
            let is_bound = |rule: &&Rule| rule.bound == Bound::Upper;
            let rules = example.expected.rules.iter().filter(is_bound);
            let tests: Vec<&TestResult> =
                rules.flat_map(|rule| part(&self.problem, rule, &judgement.tests)).collect();
            let slowest = tests.iter().filter_map(|test| test.time_us).max();
            let is_slow = tests.iter().any(|test| test.was_stopped());
            if let Some(slowest) = slowest.filter(|slowest| !is_slow && !margins.is_below(limit_us, *slowest))
            {
                let what = format!(
                    "{:.3} s is too close to the time limit of {} s for a submission that is too slow",
                    seconds(slowest),
                    seconds(limit_us)
                );
                match package.is_computed {
                    true => result.faults.push(what),
                    false => package.warnings.push(format!("{}: {what}", result.name)),
                }
            }
        }
    }
}

/// The files of a submission by their names in its directory.
fn sources(files: &Files, problem: &Problem, example: &Example) -> Result<Submission, Failure> {
    let sources = filled_sources(files, problem, &example.files, &example.directory)?;
    Ok(Submission::new(sources, example.entry.as_deref())?)
}
