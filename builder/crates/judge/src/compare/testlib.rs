//! The standard checkers of testlib, as its checkers/*.cpp and testlib.h have them: a word or a number that cannot be read
//! in the output is a presentation error, one in the answer is the judge's fault, and what is left of an output that was
//! right so far makes it wrong.

use std::io::{self, Read};

use serde::Serialize;

use super::outcome::{Outcome, difference, shown};
use super::stream::{End, Stream};

/// A standard checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Testlib {
    /// Words.
    Wcmp,
    /// Words, line by line.
    Lcmp,
    /// Lines, byte for byte.
    Fcmp,
    /// 64-bit integers.
    Ncmp,
    /// One 32-bit integer.
    Icmp,
    /// One integer of any length.
    Hcmp,
    /// 64-bit integers in any order.
    Uncmp,
    /// One number, 1e-6 absolute or relative.
    Dcmp,
    /// Numbers, 1e-4 absolute or relative.
    Rcmp4,
    /// Numbers, 1e-6 absolute or relative.
    Rcmp6,
    /// Numbers, 1e-9 absolute or relative.
    Rcmp9,
    /// One number, 1.5e-6 absolute.
    Rcmp,
    /// The same.
    Acmp,
    /// Numbers, 1.5e-5 absolute.
    Rncmp,
    /// YES or NO.
    Yesno,
    /// Many of them.
    Nyesno,
}

/// All of them, by the names of their files.
const ALL: [(&str, Testlib); 16] = [
    ("wcmp", Testlib::Wcmp),
    ("lcmp", Testlib::Lcmp),
    ("fcmp", Testlib::Fcmp),
    ("ncmp", Testlib::Ncmp),
    ("icmp", Testlib::Icmp),
    ("hcmp", Testlib::Hcmp),
    ("uncmp", Testlib::Uncmp),
    ("dcmp", Testlib::Dcmp),
    ("rcmp4", Testlib::Rcmp4),
    ("rcmp6", Testlib::Rcmp6),
    ("rcmp9", Testlib::Rcmp9),
    ("rcmp", Testlib::Rcmp),
    ("acmp", Testlib::Acmp),
    ("rncmp", Testlib::Rncmp),
    ("yesno", Testlib::Yesno),
    ("nyesno", Testlib::Nyesno),
];

impl Testlib {
    /// The checker of this name: `wcmp`, or `std::wcmp.cpp` as Polygon writes it.
    pub fn from_name(name: &str) -> Option<Testlib> {
        let name = name.strip_prefix("std::").unwrap_or(name);
        let name = name.strip_suffix(".cpp").unwrap_or(name);
        ALL.iter().find(|(known, _)| *known == name).map(|(_, checker)| *checker)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(_, checker)| *checker == self).map_or("", |(name, _)| name)
    }
}

/// Longer words are not numbers.
const LONGEST: usize = 4096;

/// Why a comparison ended: the outcome, or a stream that cannot be read.
enum Stop {
    Outcome(Outcome),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Stop {
        Stop::Outcome(outcome)
    }
}

pub(super) fn compare(checker: Testlib, output: impl Read, answer: impl Read) -> io::Result<Outcome> {
    let mut both = Both { output: Stream::new(output), answer: Stream::new(answer) };
    both.output.skip_mark()?;
    let run = match checker {
        Testlib::Wcmp => both.words(),
        Testlib::Lcmp => both.lines(true),
        Testlib::Fcmp => both.lines(false),
        Testlib::Ncmp => both.many(integer, |one, other| one == other),
        Testlib::Icmp => both.one(|word| integer(word).filter(|n| i32::try_from(*n).is_ok()), |a, b| a == b),
        Testlib::Hcmp => both.one(big_integer, |one, other| one == other),
        Testlib::Uncmp => both.multiset(),
        Testlib::Dcmp => both.one(number, |answer, output| is_near(*answer, *output, 1e-6)),
        Testlib::Rcmp4 => both.each(number, |answer, output| is_near(*answer, *output, 1e-4)),
        Testlib::Rcmp6 => both.each(number, |answer, output| is_near(*answer, *output, 1e-6)),
        Testlib::Rcmp9 => both.each(number, |answer, output| is_near(*answer, *output, 1e-9)),
        Testlib::Rcmp | Testlib::Acmp => {
            both.one(number, |answer, output| is_close(*answer, *output, 1.5e-6))
        }
        Testlib::Rncmp => both.each(number, |answer, output| is_close(*answer, *output, 1.5e-5)),
        Testlib::Yesno => both.one(yes_or_no, |one, other| one == other),
        Testlib::Nyesno => both.many(yes_or_no, |one, other| one == other),
    };
    match run {
        Ok(()) => Ok(Outcome::accepted()),
        Err(Stop::Outcome(outcome)) => Ok(outcome),
        Err(Stop::Io(error)) => Err(error),
    }
}

struct Both<A, B> {
    output: Stream<A>,
    answer: Stream<B>,
}

impl<A: Read, B: Read> Both<A, B> {
    /// Words as long as both have one, then neither may have more.
    fn words(&mut self) -> Result<(), Stop> {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        loop {
            match [self.output.at_end()?, self.answer.at_end()?] {
                [true, true] => return Ok(()),
                [true, false] => return Err(self.ended().into()),
                [false, true] => return Err(self.extra()?.into()),
                [false, false] => {}
            }
            let lines = [self.output.line, self.answer.line];
            loop {
                let ends = [self.output.word(&mut found)?, self.answer.word(&mut expected)?];
                if found != expected || ends[0] != ends[1] {
                    return Err(Outcome::wrong(difference(lines, &expected, &found)).into());
                }
                if ends[0] == End::Whole {
                    break;
                }
            }
        }
    }

    /// Lines of the answer, of which an empty last one is not one; then only blanks may be left in the output.
    fn lines(&mut self, by_words: bool) -> Result<(), Stop> {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        while !self.answer.is_over()? {
            let lines = [self.output.line, self.answer.line];
            whole_line(&mut self.answer, &mut expected)?;
            if expected.is_empty() && self.answer.is_over()? {
                break;
            }
            if self.output.is_over()? {
                return Err(self.ended().into());
            }
            whole_line(&mut self.output, &mut found)?;
            let are_equal = if by_words { split(&found).eq(split(&expected)) } else { found == expected };
            if !are_equal {
                return Err(Outcome::wrong(difference(lines, &expected, &found)).into());
            }
        }
        self.nothing_left()
    }

    /// One value.
    fn one<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Option<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<(), Stop> {
        self.pair(&read, &same)?;
        self.nothing_left()
    }

    /// As many values as the answer has; what is left in the output then makes it wrong.
    fn each<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Option<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<(), Stop> {
        while !self.answer.at_end()? {
            self.pair(&read, &same)?;
        }
        self.nothing_left()
    }

    /// Values as long as both have one, then neither may have more.
    fn many<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Option<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<(), Stop> {
        loop {
            match [self.output.at_end()?, self.answer.at_end()?] {
                [true, true] => return Ok(()),
                [true, false] => return Err(self.ended().into()),
                [false, true] => return Err(self.extra()?.into()),
                [false, false] => self.pair(&read, &same)?,
            }
        }
    }

    fn multiset(&mut self) -> Result<(), Stop> {
        let (mut answer, mut output) = (Vec::new(), Vec::new());
        while !self.answer.at_end()? {
            answer.push(value(&mut self.answer, Outcome::failed, &integer)?.0);
        }
        while !self.output.at_end()? && output.len() <= answer.len() {
            output.push(value(&mut self.output, Outcome::format, &integer)?.0);
        }
        answer.sort_unstable();
        output.sort_unstable();
        match answer == output {
            true => Ok(()),
            false => Err(Outcome::wrong("the integers are not those of the answer").into()),
        }
    }

    /// The next value of both.
    fn pair<T>(
        &mut self,
        read: &impl Fn(&[u8]) -> Option<T>,
        same: &impl Fn(&T, &T) -> bool,
    ) -> Result<(), Stop> {
        let (expected, expected_word) = value(&mut self.answer, Outcome::failed, read)?;
        if self.output.at_end()? {
            return Err(Outcome::format(format!("line {}: the output ends", self.output.line)).into());
        }
        let lines = [self.output.line, self.answer.line];
        let (found, found_word) = value(&mut self.output, Outcome::format, read)?;
        match same(&expected, &found) {
            true => Ok(()),
            false => Err(Outcome::wrong(difference(lines, &expected_word, &found_word)).into()),
        }
    }

    fn nothing_left(&mut self) -> Result<(), Stop> {
        match self.output.at_end()? {
            true => Ok(()),
            false => Err(Outcome { decision: super::Decision::Format, ..self.extra()? }.into()),
        }
    }

    fn ended(&self) -> Outcome {
        Outcome::wrong(format!("line {}: the output ends before the answer", self.output.line))
    }

    fn extra(&mut self) -> io::Result<Outcome> {
        let (line, mut word) = (self.output.line, Vec::new());
        self.output.word(&mut word)?;
        Ok(Outcome::wrong(format!("line {line}: found {} after the end of the answer", shown(&word))))
    }
}

/// The next word as a value, or the end of the comparison.
fn value<R: Read, T>(
    from: &mut Stream<R>,
    wrong: fn(String) -> Outcome,
    read: &impl Fn(&[u8]) -> Option<T>,
) -> Result<(T, Vec<u8>), Stop> {
    let is_end = from.at_end()?;
    let (line, mut word) = (from.line, Vec::new());
    whole(&mut word, |piece| from.word(piece))?;
    match read(&word).filter(|_| !is_end) {
        Some(value) => Ok((value, word)),
        None if is_end => Err(wrong(format!("line {line}: a value is missing")).into()),
        None => Err(wrong(format!("line {line}: {} is not of the kind that is wanted", shown(&word))).into()),
    }
}

fn whole_line<R: Read>(from: &mut Stream<R>, line: &mut Vec<u8>) -> io::Result<()> {
    whole(line, |piece| from.line(piece))?;
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(())
}

/// All pieces of a word or a line. The output limit bounds them.
fn whole(all: &mut Vec<u8>, mut next: impl FnMut(&mut Vec<u8>) -> io::Result<End>) -> io::Result<()> {
    all.clear();
    let mut piece = Vec::new();
    loop {
        let end = next(&mut piece)?;
        all.extend_from_slice(&piece);
        if end == End::Whole {
            return Ok(());
        }
    }
}

fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| super::stream::is_blank(*byte)).filter(|word| !word.is_empty())
}

/// `stringToLongLong`: no sign but `-`, no zeros in front.
fn integer(word: &[u8]) -> Option<i64> {
    big_integer(word).and_then(|text| text.parse().ok())
}

/// `0|-?[1-9][0-9]*`
fn big_integer(word: &[u8]) -> Option<String> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let is_number = match digits {
        [b'0'] => digits.len() == word.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_number.then(|| String::from_utf8_lossy(word).into_owned())
}

/// `stringToDouble`: decimal numbers only, which the grammar of [`f64::from_str`] has but for `inf` and `nan`.
fn number(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok().filter(|_| word.len() <= LONGEST)?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn yes_or_no(word: &[u8]) -> Option<bool> {
    match word.to_ascii_uppercase().as_slice() {
        b"YES" => Some(true),
        b"NO" => Some(false),
        _ => None,
    }
}

/// `doubleCompare`: absolute or relative, with 1e-15 for the rounding of the bounds.
fn is_near(expected: f64, found: f64, epsilon: f64) -> bool {
    let epsilon = epsilon + 1e-15;
    if (found - expected).abs() <= epsilon {
        return true;
    }
    let (one, other) = (expected * (1.0 - epsilon), expected * (1.0 + epsilon));
    found >= one.min(other) && found <= one.max(other)
}

fn is_close(expected: f64, found: f64, epsilon: f64) -> bool {
    (expected - found).abs() <= epsilon + 1e-15
}

#[cfg(test)]
mod tests {
    use super::super::Decision::{self, Accepted, Failed, Format, Wrong};
    use super::*;

    fn decided(checker: Testlib, output: &str, answer: &str) -> Decision {
        compare(checker, output.as_bytes(), answer.as_bytes()).unwrap().decision
    }

    /// What each checker says, output before answer.
    const CASES: &[(Testlib, &str, &str, Decision)] = &[
        (Testlib::Wcmp, " a  b\n", "a\nb", Accepted),
        (Testlib::Wcmp, "a B", "a b", Wrong),
        (Testlib::Wcmp, "a", "a b", Wrong),
        (Testlib::Wcmp, "a b", "a", Wrong),
        (Testlib::Lcmp, "a  b \nc\n\n", "a b\nc\n", Accepted),
        (Testlib::Lcmp, "a\nb\nc", "a b\nc\n", Wrong),
        (Testlib::Lcmp, "a b\nc\nd", "a b\nc\n", Format),
        (Testlib::Lcmp, "a b\n", "a b\nc\n", Wrong),
        (Testlib::Fcmp, "a\r\n b\n", "a\n b\n", Accepted),
        (Testlib::Fcmp, "a\nb\n", "a\n b\n", Wrong),
        (Testlib::Ncmp, "1 -2\n9223372036854775807", "1 -2 9223372036854775807", Accepted),
        (Testlib::Ncmp, "1 2", "1 3", Wrong),
        (Testlib::Ncmp, "1", "1 3", Wrong),
        (Testlib::Ncmp, "1 3", "1", Wrong),
        (Testlib::Ncmp, "01", "1", Format),
        (Testlib::Ncmp, "+1", "1", Format),
        (Testlib::Ncmp, "-0", "0", Format),
        (Testlib::Ncmp, "9223372036854775808", "1", Format),
        (Testlib::Ncmp, "1", "x", Failed),
        (Testlib::Icmp, "2147483647", "2147483647", Accepted),
        (Testlib::Icmp, "2147483648", "2147483647", Format),
        (Testlib::Icmp, "1 2", "1", Format),
        (Testlib::Icmp, "", "1", Format),
        (Testlib::Hcmp, "-123456789012345678901234567890", "-123456789012345678901234567890", Accepted),
        (Testlib::Hcmp, "-0", "0", Format),
        (Testlib::Hcmp, "1", "x", Failed),
        (Testlib::Uncmp, "3 1 2 1", "1 1 2 3", Accepted),
        (Testlib::Uncmp, "3 1 2", "1 1 2 3", Wrong),
        (Testlib::Uncmp, "3 2 2 1", "1 1 2 3", Wrong),
        (Testlib::Dcmp, "0.3333333", "0.333333333", Accepted),
        (Testlib::Dcmp, "0.3333", "0.333333333", Wrong),
        (Testlib::Dcmp, "nan", "0.5", Format),
        (Testlib::Rcmp4, "1.0001 2", "1 2", Accepted),
        (Testlib::Rcmp4, "1.0002 2", "1 2", Wrong),
        (Testlib::Rcmp6, "1 2 3", "1 2", Format),
        (Testlib::Rcmp6, "1", "1 2", Format),
        (Testlib::Rcmp9, "1000000000.5", "1000000000", Accepted),
        (Testlib::Rcmp9, "0.00000001", "0", Wrong),
        (Testlib::Rcmp, "1000000.00001", "1000000", Wrong),
        (Testlib::Acmp, "1.0000015", "1", Accepted),
        (Testlib::Rncmp, "1.00001 2", "1 2", Accepted),
        (Testlib::Yesno, "yes", "YES", Accepted),
        (Testlib::Yesno, "no", "YES", Wrong),
        (Testlib::Yesno, "maybe", "YES", Format),
        (Testlib::Yesno, "yes", "maybe", Failed),
        (Testlib::Yesno, "yes yes", "YES", Format),
        (Testlib::Nyesno, "yes NO", "YES no", Accepted),
        (Testlib::Nyesno, "yes", "YES no", Wrong),
        (Testlib::Nyesno, "yes no yes", "YES no", Wrong),
        (Testlib::Nyesno, "yes maybe", "YES no", Format),
        // A byte order mark in front of an output is skipped, and nowhere else.
        (Testlib::Wcmp, "\u{feff}a", "a", Accepted),
        (Testlib::Fcmp, "\u{feff}a\n", "a\n", Accepted),
        (Testlib::Ncmp, "\u{feff}1", "1", Accepted),
        (Testlib::Wcmp, "a \u{feff}b", "a b", Wrong),
        (Testlib::Ncmp, "1", "\u{feff}1", Failed),
        (Testlib::Icmp, "1", "x", Failed),
        (Testlib::Icmp, "-2147483648", "-2147483648", Accepted),
        (Testlib::Hcmp, "12345678901234567890", "12345678901234567891", Wrong),
        (Testlib::Uncmp, "1 x", "1 2", Format),
        (Testlib::Uncmp, "1 2", "1 x", Failed),
        (Testlib::Dcmp, "1000000.5", "1000000", Accepted),
        (Testlib::Dcmp, "1 2", "1", Format),
        (Testlib::Rcmp4, "-1.0001", "-1", Accepted),
        (Testlib::Rcmp6, "1.000001", "1", Accepted),
        (Testlib::Rcmp6, "1.000002", "1", Wrong),
        (Testlib::Rcmp9, "1.0000000011", "1", Wrong),
        (Testlib::Acmp, "1.0000016", "1", Wrong),
        (Testlib::Rncmp, "1.000015 2", "1 2", Accepted),
        (Testlib::Rncmp, "1.000016 2", "1 2", Wrong),
        (Testlib::Rncmp, "0x1", "1", Format),
        (Testlib::Fcmp, "a\nb\n", "a\n", Format),
        (Testlib::Fcmp, "a \n", "a\n", Wrong),
    ];

    #[test]
    fn each_checker_decides_as_testlib_does() {
        for (checker, output, answer, decision) in CASES {
            assert_eq!(decided(*checker, output, answer), *decision, "{checker:?} {output:?} {answer:?}");
        }
    }

    #[test]
    fn polygon_names_them_by_their_files() {
        assert_eq!(Testlib::from_name("std::rcmp6.cpp"), Some(Testlib::Rcmp6));
        assert_eq!(Testlib::from_name("check.cpp"), None);
        assert!(
            ALL.iter()
                .all(|(name, checker)| Testlib::from_name(name) == Some(*checker) && checker.name() == *name)
        );
    }
}
