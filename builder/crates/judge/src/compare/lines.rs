//! Comparisons in which lines matter: CMS's white diff, Hydro's and DMOJ's. Each drops other blanks; what is left must be
//! the same, byte for byte.

use std::collections::VecDeque;
use std::io::{self, BufReader, Bytes, Read};

use serde::Serialize;

use super::outcome::{Outcome, difference};
use super::stream::is_blank;

/// Which blanks do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineRules {
    /// CMS: how many blanks stand between words, blanks around lines, blank lines at the end.
    White,
    /// Hydro's default: blanks at the end of lines, blank lines at the end.
    Trailing,
    /// Hydro's strict: carriage returns.
    CarriageReturns,
    /// None.
    Exact,
}

impl LineRules {
    pub(super) fn title(self) -> &'static str {
        match self {
            LineRules::White => "lines, blanks in them collapsed",
            LineRules::Trailing => "lines, without blanks at their ends",
            LineRules::CarriageReturns => "bytes, without carriage returns",
            LineRules::Exact => "bytes",
        }
    }
}

/// Blanks that are kept until it is clear that they are not the last of their line, at most: no output has more.
const MOST_BLANKS: usize = 1 << 20;
/// As many bytes of a line are kept for a message.
const KEPT: usize = 41;

pub(super) fn compare(rules: LineRules, output: impl Read, answer: impl Read) -> io::Result<Outcome> {
    let (mut output, mut answer) = (Rest::new(rules, output), Rest::new(rules, answer));
    loop {
        let both = [output.next()?, answer.next()?];
        if both[0] != both[1] {
            output.finish_line()?;
            answer.finish_line()?;
            let lines = [output.line, answer.line];
            return Ok(Outcome::wrong(match both {
                [None, Some(b'\n')] => format!("the output ends after line {}", output.line),
                [Some(b'\n'), None] => format!("the output goes on after line {}", output.line),
                _ => difference(lines, &answer.start, &output.start),
            }));
        }
        if both == [None, None] {
            return Ok(Outcome::accepted());
        }
    }
}

/// A stream without the blanks that do not count.
struct Rest<R: Read> {
    rules: LineRules,
    bytes: Bytes<BufReader<R>>,
    /// A byte that counts, after which lines and blanks do, too.
    held: Option<u8>,
    breaks: u64,
    blanks: VecDeque<u8>,
    at_line_start: bool,
    line: u64,
    start: Vec<u8>,
    last: Option<u8>,
}

impl<R: Read> Rest<R> {
    fn new(rules: LineRules, from: R) -> Rest<R> {
        Rest {
            rules,
            bytes: BufReader::with_capacity(64 << 10, from).bytes(),
            held: None,
            breaks: 0,
            blanks: VecDeque::new(),
            at_line_start: true,
            line: 1,
            start: Vec::new(),
            last: None,
        }
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        if self.last == Some(b'\n') {
            self.line += 1;
            self.start.clear();
        }
        self.last = self.counting()?;
        if let Some(byte) = self.last.filter(|byte| *byte != b'\n' && self.start.len() < KEPT) {
            self.start.push(byte);
        }
        Ok(self.last)
    }

    /// Reads more of the current line, for a message.
    fn finish_line(&mut self) -> io::Result<()> {
        while self.start.len() < KEPT && !matches!(self.last, None | Some(b'\n')) {
            self.last = self.counting()?;
            self.start.extend(self.last.filter(|byte| *byte != b'\n'));
        }
        Ok(())
    }

    fn counting(&mut self) -> io::Result<Option<u8>> {
        loop {
            if self.held.is_some() {
                if self.breaks > 0 {
                    self.breaks -= 1;
                    return Ok(Some(b'\n'));
                }
                return Ok(self.blanks.pop_front().or_else(|| self.held.take()));
            }
            let Some(byte) = self.bytes.next().transpose()? else { return Ok(None) };
            match self.rules {
                LineRules::Exact => return Ok(Some(byte)),
                LineRules::CarriageReturns if byte == b'\r' => {}
                LineRules::CarriageReturns => return Ok(Some(byte)),
                LineRules::White | LineRules::Trailing => self.take(byte),
            }
        }
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.breaks += 1;
                self.blanks.clear();
                self.at_line_start = true;
            }
            _ if !is_blank(byte) => {
                self.held = Some(byte);
                self.at_line_start = false;
            }
            _ if self.rules == LineRules::Trailing => {
                // From here on a blank counts wherever it stands: an output must not fill our memory with blanks.
                match self.blanks.len() < MOST_BLANKS {
                    true => self.blanks.push_back(byte),
                    false => self.held = Some(byte),
                }
            }
            _ if !self.at_line_start && self.blanks.is_empty() => self.blanks.push_back(b' '),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rules: LineRules, output: &str, answer: &str) -> String {
        let outcome = compare(rules, output.as_bytes(), answer.as_bytes()).unwrap();
        assert_eq!(outcome.is_accepted(), outcome.message.is_empty());
        outcome.message
    }

    fn accepts(rules: LineRules, output: &str, answer: &str) -> bool {
        said(rules, output, answer).is_empty()
    }

    #[test]
    fn white_diff_collapses_blanks_and_keeps_lines() {
        let white = LineRules::White;
        for output in ["1 2\n3\n", "1\t 2 \r\n  3", "1 2\n3\n\n \n", "\x0b1\x0c2\n3"] {
            assert!(accepts(white, output, "1 2\n3\n"), "{output:?}");
        }
        for output in ["1\n2\n3\n", "1 2 3\n", "12\n3\n", "\n1 2\n3\n", "1 2\n\n3\n", "1 2\n", ""] {
            assert!(!accepts(white, output, "1 2\n3\n"), "{output:?}");
        }
        assert!(accepts(white, "", "\n \n") && !accepts(white, "a A", "a a"));
    }

    #[test]
    fn hydro_drops_what_stands_at_the_end_of_lines() {
        let trailing = LineRules::Trailing;
        assert!(accepts(trailing, "1 2  \r\n3\n\n", "1 2\n3") && accepts(trailing, "", "\n"));
        for output in ["1  2\n3", " 1 2\n3", "1 2\n\n3"] {
            assert!(!accepts(trailing, output, "1 2\n3"), "{output:?}");
        }
        assert!(
            accepts(LineRules::CarriageReturns, "1\r\n", "1\n")
                && !accepts(LineRules::CarriageReturns, "1", "1\n")
        );
        assert!(!accepts(LineRules::Exact, "1\r\n", "1\n") && accepts(LineRules::Exact, "1\0\n", "1\0\n"));
    }

    #[test]
    fn blanks_without_end_are_not_kept() {
        let blanks = " ".repeat(MOST_BLANKS + 1);
        assert!(accepts(LineRules::Trailing, &format!("a{}\n", &blanks[2..]), "a\n"));
        assert!(!accepts(LineRules::Trailing, &format!("a{blanks}\n"), "a\n"));
    }

    #[test]
    fn the_message_shows_both_lines() {
        assert_eq!(said(LineRules::White, "a\nb  x\n", "a\nb y\n"), "line 2: expected `b y`, found `b x`");
        assert_eq!(said(LineRules::White, "a\n", "a\nb"), "the output ends after line 1");
        assert_eq!(said(LineRules::White, "a\nb", "a\n"), "the output goes on after line 1");
    }
}
