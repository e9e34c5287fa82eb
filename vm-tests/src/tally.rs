//! The count: the last line of a campaign.

use std::fmt;

use crate::campaign::Row;
use crate::case::Verdict;

/// How many passed and failed. What is not applicable is neither, and is listed by itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
}

impl Tally {
    /// Counts these rows.
    pub fn of(rows: &[Row]) -> Tally {
        let count = |wanted: fn(&Verdict) -> bool| rows.iter().filter(|row| wanted(&row.verdict)).count();
        Tally {
            passed: count(|verdict| matches!(verdict, Verdict::Passed)),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
        }
    }

    /// Something passed and nothing failed: a campaign in which nothing ran proves nothing.
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
