//! Protocols in which a number is the answer: CMS, Lemon, SYZOJ.

use super::{ANSWER, DIRECTORY, INPUT, Left, OUTPUT, Role, Rules, Ruling, number, shown, strings};

/// A checker's arguments are input, answer, output; the part of the points is on stdout, the message on stderr.
pub(super) struct Cms;
/// Two more arguments: files for the score and the message.
pub(super) struct Lemon;
/// Files of fixed names; percent on stdout.
pub(super) struct Syzoj;

const SCORE: &str = "score";
const MESSAGE: &str = "message";
/// What Lemon calls all points of a test without any.
const ALL: f64 = 100.0;

impl Rules for Cms {
    fn arguments(&self, role: Role, _: f64) -> Vec<String> {
        match role {
            Role::Checker => strings(&[INPUT, ANSWER, OUTPUT]),
            // A manager has its FIFOs.
            Role::Interactor => Vec::new(),
        }
    }

    fn links(&self, role: Role) -> &'static [(&'static str, &'static str)] {
        match role {
            Role::Checker => &[],
            Role::Interactor => &[("input.txt", INPUT)],
        }
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        let message = left.stderr.lines().next().unwrap_or_default().trim();
        // Texts that CMS has in each language of the contest (cms/grading/steps/trusted.py).
        let message = match message.strip_prefix("translate:") {
            Some("success") => "the output is right",
            Some("partial") => "the output is partly right",
            Some("wrong") => "the output is not right",
            Some(other) => other,
            None => message,
        };
        Ok(Ruling::share(share(left, 1.0)?, message))
    }
}

impl Rules for Syzoj {
    fn arguments(&self, _: Role, _: f64) -> Vec<String> {
        Vec::new()
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        Ok(Ruling::share(share(left, 100.0)?, left.stderr))
    }

    fn links(&self, _: Role) -> &'static [(&'static str, &'static str)] {
        &[("input", INPUT), ("user_out", OUTPUT), ("answer", ANSWER)]
    }
}

impl Rules for Lemon {
    fn arguments(&self, _: Role, points: f64) -> Vec<String> {
        let file = |name| format!("{DIRECTORY}/{name}");
        strings(&[INPUT, OUTPUT, ANSWER, &all(points).to_string(), &file(SCORE), &file(MESSAGE)])
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        exited(left)?;
        let text = left.feedback.text(SCORE).ok_or("it wrote no score")?;
        let score = number(&text).filter(|score| *score <= all(left.points));
        let score = score.ok_or_else(|| format!("its score is `{}`", shown(&text)))?;
        Ok(Ruling::share(score / all(left.points), &left.feedback.text(MESSAGE).unwrap_or_default()))
    }
}

fn all(points: f64) -> f64 {
    if points > 0.0 { points } else { ALL }
}

fn exited(left: &Left<'_>) -> Result<(), String> {
    if left.code == 0 { Ok(()) } else { Err(format!("exit code {}", left.code)) }
}

/// The number on the first line of stdout, as a part of `most`.
fn share(left: &Left<'_>, most: f64) -> Result<f64, String> {
    exited(left)?;
    let line = left.stdout.lines().next().unwrap_or_default();
    let found = number(line).filter(|number| *number <= most);
    let wrong =
        || format!("the first line of its stdout is `{}`, not a number from 0 to {most}", shown(line));
    found.map(|number| number / most).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ruled, ruled_with};
    use crate::problem::Protocol::{Cms, Lemon, Syzoj};

    #[test]
    fn the_first_line_is_the_part_of_the_points() {
        const WRONG: &str = "not a number from 0 to 1";
        for (code, stdout, stderr, wanted) in [
            (0, "1.0\n", "translate:success\n", "AC 1 the output is right"),
            (0, "0.25\nmore", "half of it\nsecret", "WA 0.25 half of it"),
            (0, "0", "", "WA 0"),
            (1, "1.0\n", "", "JE exit code 1"),
            (0, "", "", &format!("JE the first line of its stdout is ``, {WRONG}")),
            (0, "1.5", "", &format!("JE the first line of its stdout is `1.5`, {WRONG}")),
            (0, "nan", "", &format!("JE the first line of its stdout is `nan`, {WRONG}")),
            (0, "yes", "", &format!("JE the first line of its stdout is `yes`, {WRONG}")),
        ] {
            assert_eq!(ruled(Cms, code, stdout, stderr), wanted);
        }
        assert_eq!(ruled(Syzoj, 0, "40", "nearly"), "WA 0.4 nearly");
        assert_eq!(ruled(Syzoj, 0, "100\n", ""), "AC 1");
        assert!(ruled(Syzoj, 0, "101", "").starts_with("JE "));
    }

    #[test]
    fn lemons_score_is_in_a_file() {
        assert_eq!(ruled_with(Lemon, 0, "", "", &[("score", "20"), ("message", "well")]), "AC 1 well");
        assert_eq!(ruled_with(Lemon, 0, "", "", &[("score", "5")]), "WA 0.25");
        assert_eq!(ruled_with(Lemon, 0, "", "", &[("score", "21")]), "JE its score is `21`");
        assert_eq!(ruled(Lemon, 0, "", ""), "JE it wrote no score");
        assert_eq!(ruled_with(Lemon, 1, "", "", &[("score", "20")]), "JE exit code 1");
    }
}
