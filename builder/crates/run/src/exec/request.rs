//! A submission, and how it is to be compiled and run.

use std::ffi::OsString;
use std::path::PathBuf;

use super::destination::Destination;

/// One option of init for a step: its name without dashes, and its value; a flag's value is empty.
pub type StepOption = (String, OsString);

/// A submission and how it is to be treated.
#[derive(Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// The bundle.
    pub bundle: PathBuf,
    /// The language by name; otherwise the extension of its first file decides.
    pub language: Option<String>,
    /// The submission's files, and directories of them.
    pub sources: Vec<PathBuf>,
    /// The file where it starts; the first one by default.
    pub entry: Option<PathBuf>,
    /// Options of init for the compile step.
    pub compile: Vec<StepOption>,
    /// Options of init for the run step.
    pub run: Vec<StepOption>,
    /// Whether the bundle's tree is compared with its manifest first.
    pub verify: bool,
    /// Where the report of both steps goes.
    pub report: Option<Destination>,
    /// Arguments of the submission.
    pub arguments: Vec<OsString>,
}
