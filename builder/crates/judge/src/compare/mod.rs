//! Comparison of an output with the right answer, without a program: the rules of the systems that problems come from.
//!
//! Both sides are read as streams, so that an output of a gigabyte needs no more memory than one of a byte.

mod float;
mod kattis;
mod lines;
mod outcome;
mod stream;
mod testlib;

use std::io::{self, Read};

use serde::Serialize;

pub use kattis::TokenRules;
pub use lines::LineRules;
pub use outcome::{Decision, Outcome};
pub use testlib::Testlib;

/// A built-in comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Words, as Kattis and DOMjudge compare by default.
    Tokens(TokenRules),
    /// Lines.
    Lines(LineRules),
    /// A standard checker of testlib.
    Testlib(Testlib),
}

impl Compare {
    /// Compares an output with an answer.
    ///
    /// # Errors
    /// Only when one of both cannot be read.
    pub fn compare(&self, output: impl Read, answer: impl Read) -> io::Result<Outcome> {
        match self {
            Compare::Tokens(rules) => kattis::compare(rules, output, answer),
            Compare::Lines(rules) => lines::compare(*rules, output, answer),
            Compare::Testlib(checker) => testlib::compare(*checker, output, answer),
        }
    }

    /// What it does, in a few words.
    pub fn title(&self) -> String {
        match self {
            Compare::Tokens(rules) => rules.title(),
            Compare::Lines(rules) => rules.title().to_owned(),
            Compare::Testlib(checker) => format!("testlib's {}", checker.name()),
        }
    }
}
