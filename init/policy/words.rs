//! A line of a policy as words, each with its place.

use super::error::{Cause, Error};

/// A word and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    line: usize,
    column: usize,
    pub(super) text: &'a str,
}

impl Word<'_> {
    pub(super) fn error(&self, cause: Cause) -> Error {
        Error { line: self.line, column: self.column, cause }
    }
}

/// The words of a line up to its reason.
pub(super) struct Words<'a> {
    pub(super) line: usize,
    content: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: usize, content: &'a str) -> Self {
        Words { line, content, at: 0 }
    }

    /// The next word; `None` where the reason or the end of the line is.
    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let rest = &self.content[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let text = self.content[start..].split(char::is_whitespace).next().unwrap_or("");
        if text.is_empty() || text.starts_with('#') {
            self.at = start;
            return None;
        }
        self.at = start + text.len();
        Some(Word { line: self.line, column: self.column(start), text })
    }

    pub(super) fn expect(&mut self, what: &'static str) -> Result<Word<'a>, Error> {
        self.next().ok_or_else(|| self.error_here(Cause::Missing(what)))
    }

    /// Nothing but a reason may follow, and it must.
    pub(super) fn end_of_line(&mut self) -> Result<(), Error> {
        if let Some(word) = self.next() {
            return Err(word.error(Cause::Unexpected(word.text.to_owned())));
        }
        match self.content[self.at..].trim_matches(|c: char| c == '#' || c.is_whitespace()) {
            "" => Err(self.error_here(Cause::NoReason)),
            _ => Ok(()),
        }
    }

    fn error_here(&self, cause: Cause) -> Error {
        Error { line: self.line, column: self.column(self.at), cause }
    }

    fn column(&self, at: usize) -> usize {
        self.content[..at].chars().count() + 1
    }
}
