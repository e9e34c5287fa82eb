//! Kattis and DOMjudge: exit codes 42 and 43, and files of feedback.

use super::{ANSWER, DIRECTORY, INPUT, Left, Role, Rules, Ruling, number, strings};

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
    match (number("score.txt")?, number("score_multiplier.txt")?) {
        (None, None) => Ok(if is_accepted { 1.0 } else { 0.0 }),
        _ if !left.has_scores => Err("it wrote a score, and the problem has no scores".to_owned()),
        _ if !is_accepted => Err("it wrote a score for an output that it rejects".to_owned()),
        (Some(_), Some(_)) => Err("it wrote two scores".to_owned()),
        (Some(score), None) if left.points > 0.0 => Ok(score / left.points),
        (Some(_), None) => Err("it wrote a score, and the test has no points".to_owned()),
        (None, Some(share)) if share <= 1.0 => Ok(share),
        (None, Some(_)) => Err("it wrote a multiplier above 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ruled, ruled_with};
    use crate::problem::Protocol::Kattis;

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
}
