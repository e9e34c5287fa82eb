//! The outcome of a submission: status, exit code, and the report of both steps.

use std::io::Write;

use serde::Serialize;

use super::artifact::{Artifact, Ended};
use super::compilation::{Compilation, CompileResult};
use crate::error::{Error, SANDBOX_ERROR};

/// The report's version.
const VERSION: u32 = 1;

/// The exit code of a submission that does not compile. No convention of shells, timeout(1) or env(1) has it.
pub const COMPILE_ERROR: u8 = 122;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// No step has failed so far.
    Ok,
    /// The compiler refused it or hit a limit; the word says which status its step had.
    CompileError(String),
    /// The run step's own.
    Ran(String),
    /// The sandbox failed.
    SandboxError,
}

impl Status {
    fn word(&self) -> &str {
        match self {
            Status::Ok => "ok",
            Status::CompileError(_) => "compile-error",
            Status::Ran(word) => word,
            Status::SandboxError => "sandbox-error",
        }
    }

    /// What made it a compile error.
    fn cause(&self) -> Option<&str> {
        match self {
            Status::CompileError(word) => Some(word),
            _ => None,
        }
    }
}

/// The outcome.
#[derive(Debug)]
pub(super) struct Outcome {
    language: String,
    /// What became of it.
    pub status: Status,
    /// The exit code for it.
    pub code: u8,
    /// init's report of the compile step.
    compile: Option<String>,
    /// What the compiler said.
    text: Vec<u8>,
    /// init's report of the run step.
    run: Option<String>,
    /// Why the sandbox failed, when that was before any step.
    error: Option<String>,
    /// Whether the bundle's tree was compared with its manifest, and is as it was built.
    pub(super) verified: bool,
}

impl Outcome {
    /// Nothing has happened yet.
    pub(super) fn new(language: &str) -> Outcome {
        Outcome {
            language: language.to_owned(),
            status: Status::Ok,
            code: 0,
            compile: None,
            text: Vec::new(),
            run: None,
            error: None,
            verified: false,
        }
    }

    /// Nothing could happen.
    pub(super) fn failed(error: &Error) -> Outcome {
        Outcome::refused(error.to_string())
    }

    /// The same, for this reason.
    pub(super) fn refused(error: String) -> Outcome {
        let error = Some(error);
        Outcome { status: Status::SandboxError, code: SANDBOX_ERROR, error, ..Outcome::new("") }
    }

    /// Takes what came of the compile step.
    pub(super) fn compiled(&mut self, compilation: Compilation) -> Option<Artifact> {
        let Compilation { report, text, result, .. } = compilation;
        (self.compile, self.text) = (report, text);
        match result {
            CompileResult::Ready(artifact) => return Some(*artifact),
            CompileResult::CompileError(word) => {
                (self.status, self.code) = (Status::CompileError(word), COMPILE_ERROR);
            }
            CompileResult::SandboxError => (self.status, self.code) = (Status::SandboxError, SANDBOX_ERROR),
        }
        None
    }

    /// Takes what came of the run step.
    pub(super) fn ran(&mut self, Ended { status, code, report }: Ended) {
        self.code = code;
        if report.is_empty() {
            // init did not understand its options, and said so on our stderr.
            self.status = Status::SandboxError;
        } else {
            self.status = Status::Ran(status);
            self.run = Some(report);
        }
    }

    /// Prints to stderr: the compiler's text, and a line of ours when the submission did not run.
    /// For a run step, init has printed its own message already.
    pub(super) fn print(&self) {
        self.print_text();
        match &self.status {
            Status::CompileError(cause) if cause == "nonzero-exit" => eprint(b"capsule: compile-error\n"),
            Status::CompileError(cause) => eprint(format!("capsule: compile-error: {cause}\n").as_bytes()),
            Status::SandboxError => {
                eprint(
                    format!("capsule: sandbox-error: {}", self.compile.as_deref().unwrap_or("\n")).as_bytes(),
                );
            }
            Status::Ok | Status::Ran(_) => {}
        }
    }

    pub(super) fn print_text(&self) {
        if !matches!(self.status, Status::Ok | Status::Ran(_)) {
            eprint(&self.text);
            if !self.text.ends_with(b"\n") && !self.text.is_empty() {
                eprint(b"\n");
            }
        }
    }

    /// One JSON object on one line. The steps' reports are init's own, as it wrote them; the compiler's text joins
    /// that of its step.
    pub(super) fn render(&self) -> Result<String, Error> {
        #[derive(Serialize)]
        struct Head<'a> {
            version: u32,
            status: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            cause: Option<&'a str>,
            #[serde(skip_serializing_if = "str::is_empty")]
            language: &'a str,
            exit_code: u8,
            verified: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
        }
        let head = Head {
            version: VERSION,
            status: self.status.word(),
            cause: self.status.cause(),
            language: &self.language,
            exit_code: self.code,
            verified: self.verified,
            error: self.error.as_deref(),
        };
        let mut line = json(&head)?;
        line.pop();
        if let Some(compile) = &self.compile {
            let text = json(&String::from_utf8_lossy(&self.text))?;
            let rest = compile.trim().strip_prefix('{').unwrap_or("}");
            line += &format!(",\"compile\":{{\"text\":{text},{rest}");
        }
        if let Some(run) = &self.run {
            line += &format!(",\"run\":{}", run.trim());
        }
        Ok(line + "}\n")
    }
}

/// Writes to stderr what the caller should see. When stderr is closed there is no other place to write it to.
fn eprint(bytes: &[u8]) {
    let _closed = std::io::stderr().write_all(bytes);
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Report { whose: "the", what: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_holds_both_steps() {
        let mut outcome = Outcome::new("cpp");
        outcome.compile = Some("{\"version\":1,\"status\":\"ok\"}\n".to_owned());
        outcome.text = b"a \"b\"\n".to_vec();
        let report = "{\"version\":1,\"status\":\"nonzero-exit\"}\n".to_owned();
        outcome.ran(Ended { status: "nonzero-exit".to_owned(), code: 7, report });
        assert_eq!(
            outcome.render().expect("rendered"),
            "{\"version\":1,\"status\":\"nonzero-exit\",\"language\":\"cpp\",\"exit_code\":7,\"verified\":false,\
             \"compile\":{\"text\":\"a \\\"b\\\"\\n\",\"version\":1,\"status\":\"ok\"},\
             \"run\":{\"version\":1,\"status\":\"nonzero-exit\"}}\n"
        );
    }
}
