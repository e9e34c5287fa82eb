//! `capsule exec`: compiles and runs one submission, each step in a sandbox of its own.
//!
//! ```text
//!   Submission ──Workroom──► Compilation ──► Artifact ──► Running ──► Ended      any number of runs, also at once
//!                                                         └──► Prepared ──► Running      whose sandbox stands before it is needed
//! ```
//!
//! A [`Workroom`] is a bundle in a mount namespace that only this process and the runners are in; a program that judges
//! opens one before it starts a thread. [`Workroom::compile`] puts the files of a [`Submission`] into a *workspace*, a
//! tmpfs with a size, and runs the compile step there. What is ready is an [`Artifact`]: it starts runs with streams and
//! options of the caller's choice, and its workspace disappears with it. `exec` does this once, with its own streams.
//!
//! The files are written before anything untrusted starts. Afterwards no process of the host opens, names or looks at
//! anything in the workspace while there is a process that could change it: with an [`ArtifactCache`], what the compile
//! step left is read when its last process has ended, below the workspace and without following links. The compile step can write to it, the run steps can read it, and it is gone with the last
//! of these processes, however they end. Between the steps no process of the first one lives: the end of a runner means
//! that, and so does the answer of a pool.

mod args;
mod artifact;
mod booth;
mod cache;
mod ceiling;
mod child;
mod compilation;
mod destination;
mod host_files;
mod kept;
mod language;
mod outcome;
pub mod pool;
mod processes;
mod report_file;
mod request;
mod sleep;
mod steps;
mod stock;
mod submission;
mod submission_uid;
mod supervisor;
mod warm;
mod workroom;
pub mod workspace;

use crate::ending_signals::{EndingSignals, Heeded};
use crate::error::Error;

pub use recipe::placeholder::WORK_DIR;

pub use args::parse;
pub use artifact::{Artifact, Ended, Prepared, Primed, Running};
pub use booth::{Booth, Left};
pub use cache::ArtifactCache;
pub use ceiling::{Ceiling, Ceilings};
pub use child::{Child, close_others_on_exec};
pub use compilation::{Compilation, CompileResult};
pub use destination::Destination;
pub use outcome::COMPILE_ERROR;
pub use pool::Pool;
pub use request::{ExecRequest, StepOption};
pub use sleep::Activity;
pub use steps::Steps;
pub use stock::Stock;
pub use submission::{SourceFile, Submission};
pub use submission_uid::SubmissionUid;
pub use warm::{Kind, Warm};
pub use workroom::Workroom;

pub(crate) use processes::reporting;
pub(crate) use report_file::ReportFile;

use outcome::Outcome;

/// Compiles and runs the submission, and gives the exit code.
///
/// # Errors
/// Whatever fails here is not a verdict: the error's exit code is 125, and the report says `sandbox-error`.
pub fn exec(request: &ExecRequest) -> Result<u8, Error> {
    let report = request.report.as_ref().map(ReportFile::open).transpose().map_err(Error::sandbox)?;
    // Before the first thread. A signal ends the step that is under way, or the next one, and the report says so.
    let signals = EndingSignals::hold().map_err(Error::sandbox)?;
    let mut outcome = match attempt(request, report.is_some(), &signals) {
        Ok(outcome) => outcome,
        Err(error) => {
            if let Some(report) = report {
                report.write(&Outcome::failed(&error), signals)?;
            }
            return Err(Error::sandbox(error));
        }
    };
    outcome.verified = request.verify;
    match report {
        Some(report) => report.write(&outcome, signals)?,
        None => outcome.print(),
    }
    Ok(outcome.code)
}

/// Reports that the command line is not valid. The exit code is that of a failure already.
pub(crate) fn report_refused(destination: &Destination, message: &str) {
    let line = Outcome::refused(message.to_owned()).render().unwrap_or_default();
    let _unwritten = destination.write(line.as_bytes());
}

fn attempt(request: &ExecRequest, wants_report: bool, signals: &EndingSignals) -> Result<Outcome, Error> {
    args::check(request)?;
    let open = if request.verify { Workroom::open_verified } else { Workroom::open };
    let mut room = open(&request.bundle)?;
    let submission = Submission::read(&request.sources, request.entry.as_deref())?;
    if wants_report {
        room = room.with_digest()?;
    }
    let language = request.language.as_deref();
    let heeded = Heeded::signals(signals);
    let compilation = room.compile_heeding(None, &submission, language, &request.compile, heeded, &|| ())?;
    let mut outcome = Outcome::new(&compilation.language);
    let Some(artifact) = outcome.compiled(compilation) else { return Ok(outcome) };
    if !wants_report && !artifact.needs_an_observer() {
        return Err(artifact.command(&request.run, &request.arguments).exec());
    }
    let running = artifact.start(&request.run, &request.arguments, [None; 3])?;
    outcome.ran(running.wait_heeding(heeded)?);
    Ok(outcome)
}
