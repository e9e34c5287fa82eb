//! How a caller follows the judging of a submission, and stops it.

use std::sync::Arc;

use run::Cancel;

use super::result::TestResult;

/// Follows a judgement from any of its threads.
pub trait Watch: Sync {
    /// A submission begins; the name is that of a package's own submission.
    fn submission(&self, _name: Option<&str>, _tests: usize) {}

    /// It is compiled, and its tests begin.
    fn compiled(&self) {}

    /// A test has ended, or was left out.
    fn test(&self, _number: usize, _result: &TestResult) {}

    /// Why nothing more is to be begun, if that is so: every test from now on is [`crate::problem::Verdict::InternalError`].
    fn interrupted(&self) -> Option<String> {
        None
    }

    /// What ends the runs that are under way, too. When it is set, [`Watch::interrupted`] says why.
    fn cancel(&self) -> Option<&Arc<Cancel>> {
        None
    }
}

/// Sees nothing, and lets everything run to its end.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {}
