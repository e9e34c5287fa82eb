//! Why a bundle cannot be read, or a part of it cannot be made.

use std::path::{Path, PathBuf};

use crate::file_error::FileError;

/// Why a bundle cannot be read, or a part of it cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the bundle cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory is not a bundle.
    #[error("`{}` is not a bundle: it has no `{missing}`\n  hint: `capsule build … -o {}` makes one", path.display(), path.display())]
    NotABundle {
        /// The directory.
        path: PathBuf,
        /// The file or directory that it does not have.
        missing: &'static str,
    },
    /// A bundle was built without a runner.
    #[error("`{}` has no runner: its programs are for {architecture}, and capsule had none for that", path.display())]
    NoRunner {
        /// The directory.
        path: PathBuf,
        /// The machine of its programs.
        architecture: String,
    },
    /// A file that was given as a runner is none.
    #[error("`{}` is not a runner: {what}", path.display())]
    NotARunner {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: &'static str,
    },
    /// A line of the sums is not valid.
    #[error("`{}` has the line `{}`, which is not a digest and a path", path.display(), line.escape_debug())]
    Sums {
        /// The file.
        path: PathBuf,
        /// The line.
        line: String,
    },
    /// A manifest or bill of materials is not valid, or has another version.
    #[error("`{}` is not a manifest of this version: {what}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The defect.
        what: String,
    },
}

impl Error {
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path, error: std::io::Error) -> Error {
        FileError::read(path, error).into()
    }
}
