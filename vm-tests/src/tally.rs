//! The count: the last line of the output.

use std::fmt;

use crate::case::Verdict;
use crate::matrix::CaseResult;

/// How many passed and failed. Cases that are not applicable are neither, and are listed separately.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// As expected.
    pub(crate) passed: usize,
    /// Not as expected.
    pub(crate) failed: usize,
}

impl Tally {
    /// Counts these rows.
    pub(crate) fn of(rows: &[CaseResult]) -> Tally {
        let count = |wanted: fn(&Verdict) -> bool| rows.iter().filter(|row| wanted(&row.verdict)).count();
        Tally {
            passed: count(|verdict| matches!(verdict, Verdict::Passed)),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
        }
    }

    /// Something passed and nothing failed: without a case nothing is proven.
    pub fn is_green(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_all_is_not_green() {
        assert!(!Tally::default().is_green());
        assert!(Tally { passed: 1, failed: 0 }.is_green());
        assert!(!Tally { passed: 1, failed: 1 }.is_green());
    }

    #[test]
    fn the_line_has_the_form_that_is_looked_for() {
        assert_eq!(Tally { passed: 12, failed: 0 }.to_string(), "12 passed, 0 failed");
    }
}
