//! A judgement as lines: one for each test, the last one the verdict.

use std::fmt;

use bundle::human_bytes;

use super::report::Judgement;
use super::result::TestResult;
use crate::problem::Verdict;

/// A judgement for a terminal or a log.
pub struct Plain<'a>(pub &'a Judgement);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judgement = self.0;
        let width = judgement.tests.iter().map(|test| test.name.chars().count()).max().unwrap_or(0);
        judgement.tests.iter().try_for_each(|test| line(f, test, width))?;
        if judgement.verdict == Verdict::CompileError
            && let Some(compile) = &judgement.compile
        {
            writeln!(f, "{}", compile.text.trim_end())?;
        }
        if let Some(error) = &judgement.error {
            writeln!(f, "error: {}", error.escape_debug())?;
        }
        match judgement.score {
            Some(score) => writeln!(f, "{}, score {}", judgement.verdict, round(score)),
            None => writeln!(f, "{}", judgement.verdict),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, test: &TestResult, width: usize) -> fmt::Result {
    write!(f, "{:<width$}  {:<7}", test.name.escape_debug().to_string(), test.verdict.word())?;
    if let Some(time) = test.time_us {
        write!(f, "  {:.3} s", time as f64 / 1e6)?;
    }
    if let Some(memory) = test.memory_bytes {
        write!(f, "  {}", human_bytes(memory))?;
    }
    if !test.message.is_empty() {
        write!(f, "  {}", test.message.replace('\n', " / ").escape_debug())?;
    }
    writeln!(f)
}

/// Without the last digits that sums of fractions have.
pub(super) fn round(score: f64) -> f64 {
    (score * 1e6).round() / 1e6
}
