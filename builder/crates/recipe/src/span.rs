//! Where something was asked for.

use std::fmt;
use std::path::{Path, PathBuf};

/// A value, and the place that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was asked for.
    pub value: T,
    /// Where it was asked for.
    pub span: Span,
}

/// A place in a recipe, or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// An argument.
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

impl Span {
    pub(crate) fn file(path: &Path, line: usize, column: usize) -> Span {
        Span::File { file: path.to_path_buf(), line, column }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::CommandLine => f.write_str("command line"),
            Span::File { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
        }
    }
}
