//! Mistakes in a recipe: where, what, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a recipe, or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Given as an argument.
    CommandLine,
    /// Written in a file, at a line and column counted from 1; the column counts characters.
    File {
        /// The recipe as it was named.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// A mistake in a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub at: Place,
    /// What is wrong, without a final dot.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Place {
    pub(super) fn file(path: &Path, line: usize, column: usize) -> Place {
        Place::File { file: path.to_path_buf(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::CommandLine => f.write_str("command line"),
            Place::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}
