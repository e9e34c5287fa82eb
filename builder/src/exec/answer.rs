//! What came of a submission: status, exit code, and the report of both steps.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::start::Compiled;
use super::{COMPILE_ERROR, SANDBOX_ERROR, say, words};
use crate::error::Error;

/// The report's version.
const VERSION: u32 = 1;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// As far as we are, all is well.
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
}

/// The answer.
#[derive(Debug)]
pub struct Answer {
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
}

/// What is read of a report of init's.
#[derive(Deserialize)]
struct StepReport {
    status: String,
}

/// `--report`: as init has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `-`
    Stdout,
    /// `fd:N`
    Fd(i32),
    /// A file, made or overwritten.
    Path(PathBuf),
}

/// Where the report goes, opened before anything untrusted starts.
pub struct Sink(File);

impl Answer {
    /// Nothing has happened yet.
    pub fn new(language: &str) -> Answer {
        Answer {
            language: language.to_owned(),
            status: Status::Ok,
            code: 0,
            compile: None,
            text: Vec::new(),
            run: None,
            error: None,
        }
    }

    /// Nothing could happen.
    pub fn failed(error: &Error) -> Answer {
        let error = Some(error.to_string());
        Answer { status: Status::SandboxError, code: SANDBOX_ERROR, error, ..Answer::new("") }
    }

    /// Takes what came of the compile step: anything but success is the submission's fault, unless the sandbox
    /// failed or the bundle has no such compiler.
    pub fn compiled(&mut self, Compiled { report, text }: Compiled) -> Result<(), Error> {
        if report.is_empty() {
            // init did not understand its options, and said so.
            let said = String::from_utf8_lossy(&text);
            return Err(Error::InitRefused { what: said.trim().to_owned() });
        }
        let status = status(&report)?;
        (self.status, self.code) = match status.as_str() {
            "ok" => (Status::Ok, 0),
            "sandbox-error" | "not-found" => (Status::SandboxError, SANDBOX_ERROR),
            _ => (Status::CompileError(status), COMPILE_ERROR),
        };
        self.compile = Some(report);
        self.text = text;
        Ok(())
    }

    /// Takes what came of the run step.
    pub fn ran(&mut self, code: u8, report: String) -> Result<(), Error> {
        self.code = code;
        if report.is_empty() {
            // init did not understand its options, and said so on our stderr.
            self.status = Status::SandboxError;
        } else {
            self.status = Status::Ran(status(&report)?);
            self.run = Some(report);
        }
        Ok(())
    }

    /// For people: the compiler's text, and a line when there is no program that could say something itself.
    /// What a run step has to say, init has said already.
    pub fn tell(&self) {
        self.tell_text();
        match &self.status {
            Status::CompileError(cause) if cause == "nonzero-exit" => say(b"capsule: compile-error\n"),
            Status::CompileError(cause) => say(format!("capsule: compile-error: {cause}\n").as_bytes()),
            Status::SandboxError => {
                say(format!("capsule: sandbox-error: {}", self.compile.as_deref().unwrap_or("\n")).as_bytes());
            }
            Status::Ok | Status::Ran(_) => {}
        }
    }

    fn tell_text(&self) {
        if !matches!(self.status, Status::Ok | Status::Ran(_)) {
            say(&self.text);
            if !self.text.ends_with(b"\n") && !self.text.is_empty() {
                say(b"\n");
            }
        }
    }

    /// One JSON object on one line. The steps' reports are init's own, as it wrote them; the compiler's text joins
    /// that of its step.
    fn render(&self) -> Result<String, Error> {
        #[derive(Serialize)]
        struct Head<'a> {
            version: u32,
            status: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            language: &'a str,
            exit_code: u8,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
        }
        let head = Head {
            version: VERSION,
            status: self.status.word(),
            language: &self.language,
            exit_code: self.code,
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

impl Destination {
    /// Reads `-`, `fd:N` or a path.
    pub fn parse(value: &OsStr) -> Result<Destination, Error> {
        match value.to_str() {
            Some("-") => Ok(Destination::Stdout),
            Some(text) if text.starts_with("fd:") => {
                let number = text["fd:".len()..].parse().ok().filter(|number| *number >= 0);
                number
                    .map(Destination::Fd)
                    .ok_or_else(|| words::usage(format!("`--report {text}`"), "write a path, `-` or fd:N"))
            }
            _ => Ok(Destination::Path(value.into())),
        }
    }

    fn open(&self) -> io::Result<File> {
        match self {
            Destination::Path(path) => File::create(path),
            // Through /proc, so that a number nobody opened is an error and not somebody else's file.
            Destination::Stdout => File::options().append(true).open("/proc/self/fd/1"),
            Destination::Fd(number) => File::options().append(true).open(format!("/proc/self/fd/{number}")),
        }
    }
}

impl Sink {
    /// Opens it.
    pub fn open(destination: &Destination) -> Result<Sink, Error> {
        destination.open().map(Sink).map_err(|error| {
            let path = match destination {
                Destination::Stdout => PathBuf::from("-"),
                Destination::Fd(number) => PathBuf::from(format!("fd:{number}")),
                Destination::Path(path) => path.clone(),
            };
            Error::Write { path, error }
        })
    }

    /// Writes the report, and to stderr what the compiler said of a submission that did not pass.
    pub fn write(mut self, answer: &Answer) -> Result<(), Error> {
        answer.tell_text();
        let line = answer.render()?;
        self.0
            .write_all(line.as_bytes())
            .map_err(|error| Error::sandbox(Error::write("report".as_ref(), error)))
    }
}

fn status(report: &str) -> Result<String, Error> {
    let report: Result<StepReport, _> = serde_json::from_str(report);
    report
        .map(|report| report.status)
        .map_err(|e| Error::Manifest { path: "a report of init".into(), what: e.to_string() })
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Manifest { path: "report".into(), what: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(status: &str) -> Answer {
        let mut answer = Answer::new("cpp");
        let report = format!("{{\"version\":1,\"status\":\"{status}\"}}\n");
        answer.compiled(Compiled { report, text: b"a \"b\"\n".to_vec() }).expect("a report");
        answer
    }

    #[test]
    fn a_limit_of_the_compile_step_is_a_compile_error() {
        for status in ["nonzero-exit", "cpu-time-limit", "memory-limit", "output-limit", "signaled"] {
            assert_eq!(compiled(status).code, COMPILE_ERROR, "{status}");
        }
        assert_eq!(compiled("sandbox-error").code, SANDBOX_ERROR);
        assert_eq!(compiled("not-found").code, SANDBOX_ERROR);
    }

    #[test]
    fn the_report_holds_both_steps() {
        let mut answer = compiled("ok");
        answer.ran(7, "{\"version\":1,\"status\":\"nonzero-exit\"}\n".to_owned()).expect("a report");
        assert_eq!(
            answer.render().expect("rendered"),
            "{\"version\":1,\"status\":\"nonzero-exit\",\"language\":\"cpp\",\"exit_code\":7,\
             \"compile\":{\"text\":\"a \\\"b\\\"\\n\",\"version\":1,\"status\":\"ok\"},\
             \"run\":{\"version\":1,\"status\":\"nonzero-exit\"}}\n"
        );
    }
}
