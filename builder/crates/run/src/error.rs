//! Why a run cannot be made. None of this is ever a verdict.

use std::io;
use std::path::{Path, PathBuf};

use bundle::FileError;
use closure::errno::clause;

/// The exit code of a sandbox that failed.
pub(crate) const SANDBOX_ERROR: u8 = 125;

/// Why a run cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory is not a bundle, or its manifest cannot be read.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// The bundle's tree is not as it was built.
    #[error("`{}` has changed: {first}{}\n  hint: `capsule verify {}` lists all differences", bundle.display(), if *others == 0 { String::new() } else { format!(", and {others} more") }, bundle.display())]
    Changed {
        /// The bundle.
        bundle: PathBuf,
        /// The first path that differs, and what is wrong with it.
        first: String,
        /// How many more differ.
        others: usize,
    },
    /// init cannot be started.
    #[error("`{}` cannot be started: {}", path.display(), clause(error))]
    Start {
        /// The program.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The workspace of a submission cannot be mounted.
    #[error("`{}` cannot be mounted on: {}\n  hint: `capsule doctor` says what this host lacks", path.display(), clause(error))]
    Workspace {
        /// Its place.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The submission's language is not known, or not one of the bundle's.
    #[error("{what}\n  hint: it has {}", if known.is_empty() { "none; build it with `--pack`, as in `--pack cpp`".to_owned() } else { known.join(", ") })]
    NoLanguage {
        /// What is wrong.
        what: String,
        /// The languages of the bundle.
        known: Vec<String>,
    },
    /// Files that cannot be a submission.
    #[error("{what}")]
    Submission {
        /// What is wrong, and with which of them.
        what: String,
    },
    /// Invalid arguments.
    #[error("{what}\n  hint: {hint}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// init's message about options that it does not understand.
    #[error("{what}\n  hint: it is about the compile step: `--compile-OPTION` is init's `--OPTION` there")]
    InitRefused {
        /// What it said.
        what: String,
    },
    /// A report of init's, or our own, that is not valid.
    #[error("{whose} report is not valid: {what}")]
    Report {
        /// `init's` or `the`.
        whose: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A calibration that cannot be used.
    #[error("`{}` is not a calibration that can be used: {what}; `capsule calibrate` makes a new one", path.display())]
    Calibration {
        /// Its file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// Something that must never look like a verdict.
    #[error("{0}")]
    Sandbox(Box<Error>),
}

impl Error {
    /// A failed read.
    pub(crate) fn read(path: &Path, error: io::Error) -> Error {
        FileError::read(path, error).into()
    }

    /// A failed write.
    pub(crate) fn write(path: &Path, error: io::Error) -> Error {
        FileError::write(path, error).into()
    }

    /// As a failure of the sandbox: exit code 125.
    pub(crate) fn sandbox(error: Error) -> Error {
        Error::Sandbox(Box::new(error))
    }

    /// Invalid arguments of `capsule exec`: a failure of the sandbox, as every other one of `exec`.
    pub(crate) fn usage(what: String, hint: &'static str) -> Error {
        Error::sandbox(Error::Usage { what, hint })
    }

    /// The exit code of the command that failed: 125 when a sandbox could not be started, else 1.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Error::Start { .. } | Error::Sandbox(_)) { SANDBOX_ERROR } else { 1 }
    }
}
