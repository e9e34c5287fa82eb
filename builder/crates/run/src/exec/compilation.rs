//! The result of a compile step.

use super::artifact::Artifact;
use super::processes::Compiled;
use crate::error::Error;
use crate::report::{INITS, Report};

/// What strsignal(3) says of SIGXFSZ.
const FILE_TOO_LARGE: &[u8] = b"File size limit exceeded";

/// What came of a compile step.
#[derive(Debug)]
pub struct Compilation {
    /// The language that was chosen.
    pub language: String,
    /// init's report of the step, one JSON object on one line; `None` for a language without it.
    pub report: Option<String>,
    /// The start of what the compiler printed.
    pub text: Vec<u8>,
    /// Whether an [`super::ArtifactCache`] had it, so that report and text are those of an earlier step.
    pub is_kept: bool,
    /// Whether the submission can run.
    pub result: CompileResult,
}

/// Whether a submission can run.
#[derive(Debug)]
pub enum CompileResult {
    /// It can.
    Ready(Box<Artifact>),
    /// The compiler refused it or reached a limit; the word is the status of its step.
    CompileError(String),
    /// The sandbox failed, as the step's report says, or the bundle has no such compiler. This is not a verdict.
    SandboxError,
}

impl Compilation {
    /// Anything but success is the submission's fault, unless the sandbox failed or the bundle has no such compiler.
    pub(super) fn new(
        language: &str,
        compiled: Option<Compiled>,
        artifact: Artifact,
    ) -> Result<Compilation, Error> {
        let language = language.to_owned();
        let ready = |artifact| CompileResult::Ready(Box::new(artifact));
        let Some(Compiled { report, text }) = compiled else {
            let (report, text, is_kept, result) = (None, Vec::new(), false, ready(artifact));
            return Ok(Compilation { language, report, text, is_kept, result });
        };
        let result = match status(&report, &text)? {
            status if status == "ok" => ready(artifact),
            status => failure(status, &text),
        };
        Ok(Compilation { language, report: Some(report), text, is_kept: false, result })
    }
}

fn failure(status: String, text: &[u8]) -> CompileResult {
    match status.as_str() {
        "sandbox-error" | "not-found" => CompileResult::SandboxError,
        // A compiler whose assembler dies of its limit (SIGXFSZ) fails itself, and says this of it (strsignal(3)).
        "nonzero-exit" if text.windows(FILE_TOO_LARGE.len()).any(|words| words == FILE_TOO_LARGE) => {
            CompileResult::CompileError("output-limit".to_owned())
        }
        _ => CompileResult::CompileError(status),
    }
}

fn status(report: &str, text: &[u8]) -> Result<String, Error> {
    if report.is_empty() {
        // init did not understand its options, and said so.
        let said = String::from_utf8_lossy(text);
        return Err(Error::InitRefused { what: said.trim().to_owned() });
    }
    Ok(Report::parse(report.as_bytes(), INITS)?.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_the_compile_step_is_a_compile_error() {
        for status in ["nonzero-exit", "cpu-time-limit", "memory-limit", "output-limit", "signaled"] {
            assert!(matches!(failure(status.to_owned(), b""), CompileResult::CompileError(_)), "{status}");
        }
        for status in ["sandbox-error", "not-found"] {
            assert!(matches!(failure(status.to_owned(), b""), CompileResult::SandboxError), "{status}");
        }
    }

    #[test]
    fn the_limit_that_killed_a_compilers_helper_is_named() {
        let text = b"gcc: internal compiler error: File size limit exceeded signal terminated program as\n";
        let CompileResult::CompileError(word) = failure("nonzero-exit".to_owned(), text) else {
            panic!("an error")
        };
        assert_eq!(word, "output-limit");
        let CompileResult::CompileError(word) = failure("nonzero-exit".to_owned(), b"a.c: error") else {
            panic!("an error")
        };
        assert_eq!(word, "nonzero-exit");
    }
}
