//! A file that cannot be read or written, with its path: the errors of all higher crates contain it.

use std::io;
use std::path::{Path, PathBuf};

use closure::errno::clause;

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be {}: {}", path.display(), access.participle(), clause(error))]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What failed.
    pub access: Access,
    /// The error of the failed call.
    pub error: io::Error,
}

/// The kinds of access to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
}

impl Access {
    fn participle(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "written",
        }
    }
}

impl FileError {
    /// `error` of a call that reads `path`.
    pub fn read(path: &Path, error: io::Error) -> FileError {
        FileError { path: path.to_path_buf(), access: Access::Read, error }
    }

    /// `error` of a call that writes `path`.
    pub fn write(path: &Path, error: io::Error) -> FileError {
        FileError { path: path.to_path_buf(), access: Access::Write, error }
    }
}
