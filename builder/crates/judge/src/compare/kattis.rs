//! The default comparison of Kattis and DOMjudge: words in order; case, blanks and the distance of numbers by flags.

use std::io::{self, Read};

use serde::Serialize;

use super::float::Float;
use super::outcome::{Outcome, difference, shown};
use super::stream::{End, Stream};

/// How words are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TokenRules {
    /// Upper and lower case of ASCII letters differ.
    pub case_sensitive: bool,
    /// Every blank must be the same.
    pub space_sensitive: bool,
    /// A line break is another gap between words than a space: DMOJ's standard checker.
    pub line_sensitive: bool,
    /// Numbers may differ by so much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<f64>,
    /// Numbers may differ by so much, times the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<f64>,
}

impl TokenRules {
    /// Reads the flags of the default output validator.
    ///
    /// # Errors
    /// A flag that it does not have, or a tolerance that is not a number of at least 0.
    pub fn parse<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<TokenRules, String> {
        let mut rules = TokenRules::default();
        let mut flags = flags.into_iter();
        while let Some(flag) = flags.next() {
            let mut tolerance = || {
                let text = flags.next().ok_or_else(|| format!("the flag `{flag}` needs a tolerance"))?;
                let number = Float::parse(text.as_bytes()).map(Float::value).filter(|number| *number >= 0.0);
                number.ok_or_else(|| {
                    format!("the tolerance `{text}` of `{flag}` is not a number of at least 0")
                })
            };
            match flag {
                "case_sensitive" => rules.case_sensitive = true,
                "space_change_sensitive" => rules.space_sensitive = true,
                "float_absolute_tolerance" => rules.absolute = Some(tolerance()?),
                "float_relative_tolerance" => rules.relative = Some(tolerance()?),
                "float_tolerance" => {
                    let tolerance = tolerance()?;
                    (rules.absolute, rules.relative) = (Some(tolerance), Some(tolerance));
                }
                _ => return Err(format!("the default comparison has no flag `{flag}`")),
            }
        }
        Ok(rules)
    }

    pub(super) fn title(&self) -> String {
        let mut title = "words".to_owned();
        for (flag, text) in [
            (self.case_sensitive, ", case matters"),
            (self.space_sensitive, ", blanks matter"),
            (self.line_sensitive, ", line breaks matter"),
        ] {
            title += if flag { text } else { "" };
        }
        for (name, tolerance) in [("absolute", self.absolute), ("relative", self.relative)] {
            title +=
                &tolerance.map(|tolerance| format!(", {name} tolerance {tolerance:e}")).unwrap_or_default();
        }
        title
    }

    fn words_are_equal(&self, output: &[u8], answer: &[u8]) -> bool {
        if self.case_sensitive { output == answer } else { output.eq_ignore_ascii_case(answer) }
    }

    /// `None` if one of them is a word like any other: then they are equal as words, or not at all.
    fn numbers_are_equal(&self, output: &[u8], answer: &[u8]) -> Option<bool> {
        if self.absolute.is_none() && self.relative.is_none() {
            return None;
        }
        let (answer, output) = (Float::parse(answer)?, Float::parse(output)?);
        let distance = output.distance(answer);
        let within = |most: Option<f64>, times: f64| most.is_some_and(|most| distance <= most * times);
        Some(within(self.absolute, 1.0) || within(self.relative, answer.value().abs()))
    }
}

pub(super) fn compare(rules: &TokenRules, output: impl Read, answer: impl Read) -> io::Result<Outcome> {
    let (mut output, mut answer) = (Stream::new(output), Stream::new(answer));
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    let mut is_first = true;
    loop {
        if rules.space_sensitive
            && let Some(outcome) = blanks(&mut output, &mut answer)?
        {
            return Ok(outcome);
        }
        let gaps = [output.gap()?, answer.gap()?];
        match gaps.map(|gap| gap.is_end) {
            [true, true] => return Ok(Outcome::accepted()),
            [true, false] => {
                answer.word(&mut expected)?;
                let what = format!("line {}: the output ends, expected {}", output.line, shown(&expected));
                return Ok(Outcome::wrong(what));
            }
            [false, true] => {
                output.word(&mut found)?;
                let what = format!("line {}: the answer ends, found {}", output.line, shown(&found));
                return Ok(Outcome::wrong(what));
            }
            [false, false] => {}
        }
        if rules.line_sensitive && !is_first && gaps[0].has_line_break != gaps[1].has_line_break {
            let what = if gaps[1].has_line_break { "expected a line break" } else { "found a line break" };
            return Ok(Outcome::wrong(format!("line {}: {what} in front of a word", output.line)));
        }
        is_first = false;
        let lines = [output.line, answer.line];
        if !word(rules, [&mut found, &mut expected], &mut output, &mut answer)? {
            return Ok(Outcome::wrong(difference(lines, &expected, &found)));
        }
    }
}

/// Compares the next word of both; the vectors have the pieces that differ.
fn word<A: Read, B: Read>(
    rules: &TokenRules,
    [found, expected]: [&mut Vec<u8>; 2],
    output: &mut Stream<A>,
    answer: &mut Stream<B>,
) -> io::Result<bool> {
    let mut ends = [output.word(found)?, answer.word(expected)?];
    if ends == [End::Whole; 2]
        && let Some(are_equal) = rules.numbers_are_equal(found, expected)
    {
        return Ok(are_equal);
    }
    loop {
        if !rules.words_are_equal(found, expected) {
            return Ok(false);
        }
        match ends {
            [End::Whole, End::Whole] => return Ok(true),
            [End::Open, End::Open] => ends = [output.word(found)?, answer.word(expected)?],
            _ => return Ok(false),
        }
    }
}

/// Compares the blanks in front of the next word of both.
fn blanks<A: Read, B: Read>(output: &mut Stream<A>, answer: &mut Stream<B>) -> io::Result<Option<Outcome>> {
    let name = |blank: Option<u8>| blank.map_or_else(|| "no blank".to_owned(), |blank| shown(&[blank]));
    loop {
        let line = output.line;
        let both = [output.blank()?, answer.blank()?];
        match both {
            [None, None] => return Ok(None),
            [found, expected] if found != expected => {
                let what = format!("line {line}: expected {}, found {}", name(expected), name(found));
                return Ok(Some(Outcome::wrong(what)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::PIECE;
    use super::*;
    use proptest::prelude::*;

    fn accepts(flags: &str, output: &str, answer: &str) -> bool {
        let rules = TokenRules::parse(flags.split_whitespace()).unwrap();
        compare(&rules, output.as_bytes(), answer.as_bytes()).unwrap().is_accepted()
    }

    fn message(flags: &str, output: &str, answer: &str) -> String {
        let rules = TokenRules::parse(flags.split_whitespace()).unwrap();
        compare(&rules, output.as_bytes(), answer.as_bytes()).unwrap().message
    }

    #[test]
    fn blanks_and_case_are_ignored_unless_a_flag_says_otherwise() {
        assert!(accepts("", "\r\n YES\t1 ", "yes\n1\n") && !accepts("case_sensitive", "YES", "yes"));
        assert!(accepts("space_change_sensitive", "a b\n", "A b\n"));
        for output in ["a  b\n", "a b", "a b\n\n", " a b\n", "a\tb\n", "a b\r\n"] {
            assert!(
                accepts("", output, "a b\n") && !accepts("space_change_sensitive", output, "a b\n"),
                "{output:?}"
            );
        }
        // Only ASCII letters have a case here.
        assert!(!accepts("", "Ä", "ä"));
    }

    #[test]
    fn every_word_must_have_its_partner() {
        assert!(
            !accepts("", "1 2", "1")
                && !accepts("", "1", "1 2")
                && !accepts("", "", "1")
                && accepts("", " ", "")
        );
    }

    #[test]
    fn a_tolerance_is_for_answers_that_are_numbers() {
        assert!(accepts("float_tolerance 1e-6", "0.3333333", "0.333333333"));
        assert!(!accepts("", "0.50", "0.5") && accepts("float_tolerance 0", "0.50", "5e-1"));
        assert!(
            accepts("float_absolute_tolerance 0.01", "100.009", "100")
                && !accepts("float_absolute_tolerance 0.01", "100.1", "100")
        );
        assert!(
            accepts("float_relative_tolerance 0.01", "101", "100")
                && !accepts("float_relative_tolerance 0.01", "0.01", "0")
        );
        // The distance is relative to the answer's size, whatever its sign.
        assert!(accepts("float_relative_tolerance 0.01", "-101", "-100"));
        assert!(!accepts("float_relative_tolerance 0.01", "-102", "-100"));
        // Not a number where the answer is one; a word where it is not.
        assert!(!accepts("float_tolerance 1", "x", "1") && !accepts("float_tolerance 1", "nan", "1"));
        assert!(accepts("float_tolerance 1", "NaN", "nan") && !accepts("float_tolerance 1e9", "inf", "1"));
        assert!(!accepts("float_tolerance 1", "1", "one"));
        // Whole numbers too, and exactly.
        assert!(
            accepts("float_tolerance 1", "2", "3")
                && !accepts("float_absolute_tolerance 0.5", "9007199254740993", "9007199254740992")
        );
    }

    #[test]
    fn a_gap_with_a_line_break_is_another_one_for_dmoj() {
        let rules = TokenRules { case_sensitive: true, line_sensitive: true, ..TokenRules::default() };
        let accepts =
            |output: &str| compare(&rules, output.as_bytes(), &b"1 2\n3\n"[..]).unwrap().is_accepted();
        assert!(accepts("1 2\n3\n") && accepts("\n1  2\n\n3") && !accepts("1\n2\n3") && !accepts("1 2 3"));
    }

    #[test]
    fn flags_that_do_not_exist_are_refused() {
        for (flags, what) in [
            ("float_tolerance", "needs a tolerance"),
            ("float_tolerance x", "is not a number"),
            ("float_tolerance -1", "is not a number of at least 0"),
            ("ignore_case", "no flag `ignore_case`"),
        ] {
            assert!(TokenRules::parse(flags.split(' ')).unwrap_err().contains(what), "{flags}");
        }
    }

    #[test]
    fn the_message_names_the_line_and_both_words() {
        assert_eq!(message("", "1\n2\n4\n", "1\n2\n3\n"), "line 3: expected `3`, found `4`");
        assert_eq!(message("", "1 4\n", "1\n3\n"), "line 1 (line 2 of the answer): expected `3`, found `4`");
        assert_eq!(message("", "1\n", "1\n2"), "line 2: the output ends, expected `2`");
        assert_eq!(message("", "1\n\x1b[2J", "1"), "line 2: the answer ends, found `\\u{1b}[2J`");
        assert_eq!(message("space_change_sensitive", "1", "1\n"), "line 1: expected `\\n`, found no blank");
        assert!(message("", &"x".repeat(1000), "y").len() < 100);
    }

    #[test]
    fn a_word_does_not_end_at_a_byte_of_zero() {
        assert!(accepts("", "a\0b", "a\0b") && !accepts("", "a\0b", "a\0c") && !accepts("", "a\0b", "a"));
    }

    #[test]
    fn long_words_are_compared_to_their_end() {
        let long = "x".repeat(2 * PIECE);
        assert!(accepts("", &long, &long.to_uppercase()));
        assert!(!accepts("", &format!("{long}y"), &long) && !accepts("", &long, &format!("{long}y")));
        assert!(!accepts("", &format!("{long}y"), &format!("{long}z")));
    }

    proptest! {
        /// Against the definition, in one line.
        #[test]
        fn words_are_as_the_definition_has_them(output in "[aAb \t\n]{0,12}", answer in "[aAb \t\n]{0,12}") {
            let same = output.to_lowercase().split_ascii_whitespace().eq(answer.to_lowercase().split_ascii_whitespace());
            prop_assert_eq!(accepts("", &output, &answer), same);
            prop_assert_eq!(accepts("space_change_sensitive case_sensitive", &output, &answer), output == answer);
        }
    }
}
