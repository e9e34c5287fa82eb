//! What is wrong with a problem: which file, and why.

use std::fmt;
use std::path::PathBuf;

use bundle::FileError;

/// A problem that cannot be read. No part of it is used then.
#[derive(Debug)]
pub enum Error {
    /// A file of this machine cannot be read or written.
    File(FileError),
    /// A file of the problem has a mistake.
    Mistake {
        /// The problem.
        problem: PathBuf,
        /// What is wrong with which file.
        mistake: Mistake,
    },
}

/// What is wrong with one file of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its name inside of the problem; empty for the problem as a whole.
    pub file: String,
    /// The line, from 1, where one is known.
    pub line: Option<u64>,
    /// What is wrong, without a final dot.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Mistake {
    /// About a file as a whole.
    pub fn new(file: impl Into<String>, what: impl Into<String>) -> Mistake {
        Mistake { file: file.into(), line: None, what: what.into(), hint: None }
    }

    /// About one line of a file.
    pub fn at(file: impl Into<String>, line: u64, what: impl Into<String>) -> Mistake {
        Mistake { line: Some(line), ..Mistake::new(file, what) }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Mistake {
        Mistake { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file.escape_debug())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(error) => error.fmt(f),
            Error::Mistake { problem, mistake } => write!(f, "`{}`: {mistake}", problem.display()),
        }
    }
}

impl std::error::Error for Error {}

impl From<FileError> for Error {
    fn from(error: FileError) -> Error {
        Error::File(error)
    }
}
