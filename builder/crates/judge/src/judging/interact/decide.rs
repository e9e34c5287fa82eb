//! Whose end decides about an interaction. Pure.
//!
//! The order is what Kattis, DOMjudge and BAPCtools have in common: a failed interactor is the judge's fault; an
//! interactor that rejects before it has learned of the submission's end has seen enough; then comes how the submission
//! ended, and then what the interactor says.

use crate::problem::Verdict;

/// How an interactor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judging) enum Interactor {
    Accepts,
    Rejects,
    /// With a verdict that is not the submission's fault.
    Failed(Verdict),
}

/// Who ended first, as one observer of both saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judging) enum First {
    /// The interactor ended before it could have learned of the submission's end.
    Interactor,
    /// The submission ended, and the interactor was told.
    Submission,
}

/// Whose end decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judging) enum Decides {
    Interactor,
    Submission,
}

/// `submission` is [`Verdict::Accepted`] if it exited with 0.
pub(in crate::judging) fn decide(interactor: Interactor, submission: Verdict, first: First) -> Decides {
    match (interactor, submission, first) {
        // The host failed: nothing is known.
        (Interactor::Failed(Verdict::InternalError), ..) => Decides::Interactor,
        (_, Verdict::InternalError, _) => Decides::Submission,
        (Interactor::Failed(_), ..) => Decides::Interactor,
        (Interactor::Rejects, _, First::Interactor) => Decides::Interactor,
        (_, Verdict::Accepted, _) => Decides::Interactor,
        _ => Decides::Submission,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{
        Accepted, InternalError, JudgeError, MemoryLimit, OutputLimit, RunTimeError, TimeLimit, WrongAnswer,
    };

    fn verdict(interactor: Interactor, submission: Verdict, first: First) -> Verdict {
        match (decide(interactor, submission, first), interactor) {
            (Decides::Submission, _) => submission,
            (Decides::Interactor, Interactor::Accepts) => Accepted,
            (Decides::Interactor, Interactor::Rejects) => WrongAnswer,
            (Decides::Interactor, Interactor::Failed(verdict)) => verdict,
        }
    }

    /// The whole table: each result of the interactor, each of the submission, in both orders.
    #[test]
    fn each_pair_of_ends_has_its_verdict() {
        let failed = [Interactor::Failed(JudgeError), Interactor::Failed(InternalError)];
        for submission in [Accepted, TimeLimit, RunTimeError, MemoryLimit, OutputLimit] {
            for first in [First::Interactor, First::Submission] {
                assert_eq!(verdict(Interactor::Accepts, submission, first), submission);
                assert_eq!(verdict(failed[0], submission, first), JudgeError, "{submission:?}");
                assert_eq!(verdict(failed[1], submission, first), InternalError, "{submission:?}");
            }
            assert_eq!(verdict(Interactor::Rejects, submission, First::Interactor), WrongAnswer);
            let second = if submission == Accepted { WrongAnswer } else { submission };
            assert_eq!(verdict(Interactor::Rejects, submission, First::Submission), second);
        }
        for first in [First::Interactor, First::Submission] {
            for interactor in [Interactor::Accepts, Interactor::Rejects, failed[0], failed[1]] {
                assert_eq!(verdict(interactor, InternalError, first), InternalError, "{interactor:?}");
            }
        }
    }
}
