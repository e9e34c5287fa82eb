//! The count: in the line of each world, by suite too, and in the last line of the output.

use std::fmt;

use crate::case::Verdict;
use crate::matrix::CaseResult;
use crate::suite::Suite;

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
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a CaseResult>) -> Tally {
        rows.into_iter().fold(Tally::default(), |tally, row| match row.verdict {
            Verdict::Passed => Tally { passed: tally.passed + 1, ..tally },
            Verdict::Failed(_) => Tally { failed: tally.failed + 1, ..tally },
            Verdict::NotApplicable(_) => tally,
        })
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

/// The suites of these rows, each with how many of its cases passed: `attack 310, guard 60 of 61`.
pub(crate) fn by_suite(rows: &[CaseResult]) -> String {
    let count = |suite: Suite| match Tally::of(rows.iter().filter(|row| row.suite == suite)) {
        Tally { passed: 0, failed: 0 } => None,
        Tally { passed, failed: 0 } => Some(format!("{} {passed}", suite.name())),
        Tally { passed, failed } => Some(format!("{} {passed} of {}", suite.name(), passed + failed)),
    };
    Suite::all().filter_map(count).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_is_named_with_its_count() {
        let row = |suite: Suite, verdict| CaseResult {
            suite,
            world: "w".into(),
            case: suite.case_name("c"),
            ids: Vec::new(),
            command: String::new(),
            verdict,
            seen: None,
        };
        let failed = || Verdict::Failed(vec!["why".into()]);
        let rows = [
            row(Suite::Attacks, Verdict::Passed),
            row(Suite::Guards, failed()),
            row(Suite::Attacks, Verdict::Passed),
            row(Suite::Guards, Verdict::Passed),
            row(Suite::Soak, Verdict::NotApplicable("why".into())),
        ];
        assert_eq!(by_suite(&rows), "attack 2, guard 1 of 2");
        assert_eq!(by_suite(&[]), "");
    }

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
