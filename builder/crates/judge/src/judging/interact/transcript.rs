//! What was said in an interaction, and when; the start of it.

use std::time::Duration;

use serde::Serialize;

/// As much of it is kept, in bytes,
const MOST_BYTES: usize = 16 << 10;
/// and as many lines.
const MOST_LINES: usize = 1000;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// The submission.
    Submission,
    /// The interactor.
    Interactor,
}

/// What arrived at one time from one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Since both were started, in microseconds.
    pub time_us: u64,
    /// Who said it.
    pub from: Speaker,
    /// Which process of the submission, or to which one; absent if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<usize>,
    /// What it was; absent for the end of a side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The start of an interaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transcript {
    /// In the order in which it arrived.
    pub lines: Vec<Line>,
    /// Whether there was more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// Bytes that each said, all of them.
    pub submission_bytes: u64,
    /// Bytes that the interactor said.
    pub interactor_bytes: u64,
    #[serde(skip)]
    kept: usize,
}

impl Transcript {
    pub(super) fn said(&mut self, at: Duration, from: Speaker, process: Option<usize>, bytes: &[u8]) {
        match from {
            Speaker::Submission => self.submission_bytes += bytes.len() as u64,
            Speaker::Interactor => self.interactor_bytes += bytes.len() as u64,
        }
        let room = if self.lines.len() < MOST_LINES { MOST_BYTES - self.kept } else { 0 };
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.is_cut |= kept.len() < bytes.len();
        self.kept += kept.len();
        if !kept.is_empty() {
            self.add(at, from, process, Some(String::from_utf8_lossy(kept).into_owned()));
        }
    }

    /// The end of a side always has its place.
    pub(super) fn ended(&mut self, at: Duration, from: Speaker, process: Option<usize>) {
        self.add(at, from, process, None);
    }

    fn add(&mut self, at: Duration, from: Speaker, process: Option<usize>, text: Option<String>) {
        let time_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.lines.push(Line { time_us, from, process, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_cut_and_counts_on() {
        let mut transcript = Transcript::default();
        let at = Duration::from_micros(7);
        transcript.said(at, Speaker::Submission, None, b"? 1\n");
        for _ in 0..3 {
            transcript.said(at, Speaker::Interactor, None, &[b'x'; MOST_BYTES / 2]);
        }
        transcript.ended(at, Speaker::Submission, None);
        let kept: usize =
            transcript.lines.iter().filter_map(|line| line.text.as_ref()).map(String::len).sum();
        assert_eq!((kept, transcript.is_cut, transcript.lines.len()), (MOST_BYTES, true, 4));
        assert_eq!(
            (transcript.submission_bytes, transcript.interactor_bytes),
            (4, 3 * MOST_BYTES as u64 / 2)
        );
        assert_eq!(transcript.lines[0].text.as_deref(), Some("? 1\n"));
        let mut many = Transcript::default();
        for _ in 0..MOST_LINES + 5 {
            many.said(at, Speaker::Submission, None, b"x");
        }
        assert_eq!((many.lines.len(), many.is_cut), (MOST_LINES, true));
    }
}
