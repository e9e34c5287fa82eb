//! Kattis and DOMjudge: exit codes 42 and 43, and files of feedback.

use super::{ANSWER, DIRECTORY, INPUT, Left, Role, Rules, Ruling, number, strings};
use crate::problem::Scores;

const ACCEPT: i64 = 42;
const REJECT: i64 = 43;

pub(super) struct Kattis;

impl Rules for Kattis {
    fn arguments(&self, _: Role, _: f64) -> Vec<String> {
        strings(&[INPUT, ANSWER, &format!("{DIRECTORY}/")])
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        let is_accepted = match left.code {
            ACCEPT => true,
            REJECT => false,
            code => return Err(format!("exit code {code}")),
        };
        let message = left.feedback.text("judgemessage.txt").unwrap_or_default();
        Ok(Ruling { share: share(left, is_accepted)?, ..Ruling::accepted(is_accepted, &message) })
    }
}

/// The part of the points, by score.txt or score_multiplier.txt.
fn share(left: &Left<'_>, is_accepted: bool) -> Result<f64, String> {
    let number = |name: &str| -> Result<Option<f64>, String> {
        let Some(text) = left.feedback.text(name) else { return Ok(None) };
        let wrong = || format!("`{name}` has `{}`, which is not a score", text.trim().escape_debug());
        number(&text).map(Some).ok_or_else(wrong)
    };
    let all = if is_accepted { 1.0 } else { 0.0 };
    if left.scores == Scores::Ignored {
        return Ok(all);
    }
    // Before the last pass there is none yet.
    let is_wanted =
        left.scores == Scores::Required && is_accepted && left.feedback.text("nextpass.in").is_none();
    match (number("score.txt")?, number("score_multiplier.txt")?) {
        (None, None) if is_wanted => {
            Err("it wrote no score, and the problem has no points to give".to_owned())
        }
        (None, None) => Ok(all),
        _ if !left.has_scores => Err("it wrote a score, and the problem has no scores".to_owned()),
        _ if !is_accepted => Err("it wrote a score for an output that it rejects".to_owned()),
        (Some(_), Some(_)) => Err("it wrote two scores".to_owned()),
        _ if left.scores == Scores::Forbidden => {
            Err("it wrote a score where an output is right or wrong".to_owned())
        }
        (Some(score), None) if left.scores == Scores::Bounded && score > left.points => {
            Err(format!("its score {score} is above the most, {}", left.points))
        }
        (None, Some(_)) if left.scores == Scores::Required => {
            Err("it wrote a multiplier, and there is nothing to multiply".to_owned())
        }
        (Some(score), None) if left.points > 0.0 => Ok(score / left.points),
        (Some(_), None) => Err("it wrote a score, and the test has no points".to_owned()),
        (None, Some(share)) if share <= 1.0 => Ok(share),
        (None, Some(_)) => Err("it wrote a multiplier above 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ruled, ruled_for, ruled_with};
    use crate::problem::Protocol::Kattis;
    use crate::problem::Scores;

    #[test]
    fn two_codes_decide_and_all_others_are_the_judges_fault() {
        for (code, wanted) in [
            (42, "AC 1"),
            (43, "WA 0"),
            (0, "JE exit code 0"),
            (1, "JE exit code 1"),
            (44, "JE exit code 44"),
        ] {
            assert_eq!(ruled(Kattis, code, "", ""), wanted);
        }
        assert_eq!(ruled_with(Kattis, 43, "", "", &[("judgemessage.txt", " no \n")]), "WA 0 no");
    }

    #[test]
    fn scores_are_parts_of_the_points() {
        for (code, files, wanted) in [
            (42, &[("score.txt", "5\n")][..], "AC 0.25"),
            (42, &[("score_multiplier.txt", "0.5")], "AC 0.5"),
            (42, &[("score_multiplier.txt", "1.5")], "JE it wrote a multiplier above 1"),
            (42, &[("score.txt", "5"), ("score_multiplier.txt", "1")], "JE it wrote two scores"),
            (43, &[("score.txt", "5")], "JE it wrote a score for an output that it rejects"),
            (42, &[("score.txt", "-1")], "JE `score.txt` has `-1`, which is not a score"),
            (42, &[("score.txt", "much")], "JE `score.txt` has `much`, which is not a score"),
        ] {
            assert_eq!(ruled_with(Kattis, code, "", "", files), wanted);
        }
    }

    #[test]
    fn the_group_says_what_a_score_means() {
        let ten = &[("score.txt", "10")][..];
        let more = &[("score.txt", "21")][..];
        let half = &[("score_multiplier.txt", "0.5")][..];
        let next = &[("nextpass.in", "")][..];
        for (scores, code, files, wanted) in [
            (Scores::Ignored, 42, ten, "AC 1"),
            (Scores::Ignored, 43, ten, "WA 0"),
            (Scores::Forbidden, 42, &[], "AC 1"),
            (Scores::Forbidden, 42, ten, "JE it wrote a score where an output is right or wrong"),
            (Scores::Forbidden, 42, half, "JE it wrote a score where an output is right or wrong"),
            (Scores::Bounded, 42, &[], "AC 1"),
            (Scores::Bounded, 42, ten, "AC 0.5"),
            (Scores::Bounded, 42, more, "JE its score 21 is above the most, 20"),
            (Scores::Free, 42, more, "AC 1.05"),
            (Scores::Required, 42, more, "AC 1.05"),
            (Scores::Required, 42, &[], "JE it wrote no score, and the problem has no points to give"),
            (Scores::Required, 42, next, "AC 1"),
            (Scores::Required, 43, &[], "WA 0"),
            (Scores::Required, 42, half, "JE it wrote a multiplier, and there is nothing to multiply"),
        ] {
            assert_eq!(ruled_for(scores, Kattis, code, "", "", files), wanted, "{scores:?} {files:?}");
        }
    }

    #[test]
    fn a_problem_without_scores_gives_none() {
        use super::super::{Left, Rules};
        let feedback: std::collections::BTreeMap<&str, &str> = [("score.txt", "5")].into();
        let scores = Scores::Free;
        let left = Left {
            code: 42,
            stdout: "",
            stderr: "",
            feedback: &feedback,
            points: 20.0,
            scores,
            has_scores: false,
        };
        let said = super::Kattis.ruling(&left).unwrap_err();
        assert_eq!(said, "it wrote a score, and the problem has no scores");
    }
}
