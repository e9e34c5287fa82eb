//! testlib: an exit code, and a word on stderr that says the same.
//!
//! The code alone does not do: a partial result of N has the code N, and a program that crashed before it read anything
//! may have exited with 1 as well. So both must agree.

use super::{ANSWER, DIRECTORY, INPUT, Left, OUTPUT, Role, Rules, Ruling, TALK, number, shown, strings};

pub(super) struct Testlib;

/// What a line on stderr begins with, and the exit codes that go with it (testlib.h: `quit`, `resultExitCode`).
const WORDS: [(&str, &[i64]); 8] = [
    ("ok", &[0]),
    ("wrong answer", &[1]),
    ("wrong output format", &[2, 4]),
    ("unexpected eof", &[2, 8]),
    ("FAIL", &[3]),
    ("points", &[7]),
    // DMOJ's `coci` (dmoj/contrib/coci.py).
    ("partial", &[7]),
    ("partially correct", &[]),
];
/// A partial result is so many percent.
const PARTS: f64 = 100.0;

impl Rules for Testlib {
    fn arguments(&self, role: Role, _: f64) -> Vec<String> {
        match role {
            Role::Checker => strings(&[INPUT, OUTPUT, ANSWER]),
            Role::Interactor => strings(&[INPUT, &format!("{DIRECTORY}/{TALK}"), ANSWER]),
        }
    }

    fn ruling(&self, left: &Left<'_>) -> Result<Ruling, String> {
        let code = left.code;
        let Some((word, message)) = last_word(left.stderr) else {
            return Err(format!("exit code {code}, and no line of stderr says what it means"));
        };
        let (_, codes) = WORDS.iter().find(|(other, _)| *other == word).unwrap_or(&WORDS[0]);
        if word != "partially correct" && !codes.contains(&code) {
            return Err(format!("exit code {code} with `{word}`"));
        }
        match word {
            "ok" => Ok(Ruling::accepted(true, message)),
            "FAIL" => Err(format!("it failed: {message}")),
            "points" => points(message, left.points),
            "partial" => fraction(message),
            "partially correct" => partial(code, message),
            _ => Ok(Ruling::accepted(false, message)),
        }
    }
}

/// The last line that begins with a word of the protocol; before it the program may have written what it likes.
fn last_word(stderr: &str) -> Option<(&'static str, &str)> {
    stderr.lines().rev().find_map(|line| {
        WORDS.iter().find_map(|(word, _)| {
            let rest = line.trim_start().strip_prefix(word)?;
            (rest.is_empty() || rest.starts_with([' ', '\t', '\r'])).then(|| (*word, rest.trim()))
        })
    })
}

/// `points 12.5 message`: so many of the test's points.
fn points(text: &str, most: f64) -> Result<Ruling, String> {
    let (amount, message) = text.split_once(' ').unwrap_or((text, ""));
    let points = number(amount).ok_or_else(|| format!("`points {}` has no number", shown(text)))?;
    if most <= 0.0 {
        return Err("it gave points, and the test has none".to_owned());
    }
    if points > most {
        return Err(format!("it gave {points} points of {most}"));
    }
    Ok(Ruling::share(points / most, message))
}

/// `partial 3/4`: that part of the points.
fn fraction(text: &str) -> Result<Ruling, String> {
    let parts = text.split_once('/').and_then(|(part, all)| Some((number(part)?, number(all)?)));
    match parts {
        Some((part, all)) if part <= all && all > 0.0 => Ok(Ruling::share(part / all, "")),
        _ => Err(format!("`partial {}` is not a fraction up to 1", shown(text))),
    }
}

/// `partially correct (40) message`, with the exit code 40.
fn partial(code: i64, text: &str) -> Result<Ruling, String> {
    let wrong = || format!("exit code {code} with `partially correct {}`", shown(text));
    let (amount, message) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(wrong)?;
    let percent = number(amount).filter(|percent| *percent <= PARTS).ok_or_else(wrong)?;
    // Some builds add a base to the code.
    if code < percent as i64 {
        return Err(wrong());
    }
    Ok(Ruling::share(percent / PARTS, message))
}

#[cfg(test)]
mod tests {
    use super::super::tests::ruled;
    use crate::problem::Protocol::Testlib;

    #[test]
    fn the_last_line_with_a_word_counts() {
        assert_eq!(ruled(Testlib, 1, "", "ok so far\nwrong answer 2nd number\n"), "WA 0 2nd number");
        assert_eq!(
            ruled(Testlib, 0, "", "wrong answer is what I look for\nok 3 numbers\n"),
            "AC 1 3 numbers"
        );
    }

    #[test]
    fn code_and_word_must_agree() {
        for (code, stderr, wanted) in [
            (0, "ok 3 numbers\n", "AC 1 3 numbers"),
            (0, "debug\nok\n", "AC 1"),
            (1, "wrong answer 2nd differs\n", "WA 0 2nd differs"),
            (2, "wrong output format expected a number", "WA 0 expected a number"),
            (8, "unexpected eof token expected", "WA 0 token expected"),
            (3, "FAIL answer is broken", "JE it failed: answer is broken"),
            (7, "points 5 a quarter", "WA 0.25 a quarter"),
            (7, "points 20", "AC 1"),
            (7, "points 21", "JE it gave 21 points of 20"),
            (7, "points many", "JE `points many` has no number"),
            (7, "partial 3/4", "WA 0.75"),
            (7, "partial 4/3", "JE `partial 4/3` is not a fraction up to 1"),
            (7, "partial 0/0", "JE `partial 0/0` is not a fraction up to 1"),
            (40, "partially correct (40) some", "WA 0.4 some"),
            (140, "partially correct (140) some", "JE exit code 140 with `partially correct (140) some`"),
            // What crashed has said nothing, or something else.
            (1, "Traceback\nValueError\n", "JE exit code 1, and no line of stderr says what it means"),
            (0, "", "JE exit code 0, and no line of stderr says what it means"),
            (0, "okay", "JE exit code 0, and no line of stderr says what it means"),
            (1, "ok 3 numbers", "JE exit code 1 with `ok`"),
            (0, "wrong answer", "JE exit code 0 with `wrong answer`"),
        ] {
            assert_eq!(ruled(Testlib, code, "", stderr), wanted, "{code} {stderr}");
        }
    }

    #[test]
    fn points_need_a_test_that_has_some_and_percents_a_code_that_is_no_less() {
        assert_eq!(super::points("5", 0.0).unwrap_err(), "it gave points, and the test has none");
        assert!(super::partial(39, "(40) some").unwrap_err().contains("exit code 39 with"));
        // With a base of 50.
        assert_eq!(super::partial(90, "(40) some").unwrap().share, 0.4);
    }
}
