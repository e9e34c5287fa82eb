//! One program to compile and run, and what came of it. Every API makes the one and is answered with the other.

use run::exec::{Ended, SourceFile, Submission};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limit::Limits;
use crate::text::Text;

/// A program, its input, and its limits, which the operator's allow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) program: Program,
    /// `None` where the files' names tell.
    pub(crate) language: Option<String>,
    pub(crate) args: Vec<String>,
    pub(crate) stdin: Text,
    /// What was asked for.
    pub(crate) compile: Limits,
    pub(crate) run: Limits,
    /// The problem with whose tests it is judged, instead of one run.
    #[serde(default)]
    pub(crate) problem: Option<String>,
}

/// The files of a program, which are checked, and the one where it starts if that was said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Program {
    pub(crate) submission: Submission,
    entry: Option<String>,
}

/// The same in the store.
#[derive(Serialize, Deserialize)]
struct Written {
    files: Vec<(String, Text)>,
    entry: Option<String>,
}

impl Program {
    /// # Errors
    /// As [`Submission::new`].
    pub(crate) fn new(files: Vec<SourceFile>, entry: Option<String>) -> Result<Program, run::Error> {
        Ok(Program { submission: Submission::new(files, entry.as_deref())?, entry })
    }
}

impl TryFrom<Written> for Program {
    type Error = run::Error;

    fn try_from(Written { files, entry }: Written) -> Result<Program, run::Error> {
        let files = files.into_iter().map(|(path, Text(content))| SourceFile { path, content });
        Program::new(files.collect(), entry)
    }
}

impl From<Program> for Written {
    fn from(Program { submission, entry }: Program) -> Written {
        let files = submission.files().iter().map(|file| (file.path.clone(), Text(file.content.clone())));
        Written { files: files.collect(), entry }
    }
}

/// What came of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    /// `ok`, `compile-error`, `sandbox-error`, or the status of the run step, in init's words.
    pub(crate) status: String,
    /// Why it is a compile error.
    pub(crate) cause: Option<String>,
    /// The language that was chosen; empty if none could be.
    pub(crate) language: String,
    /// The exit code of `capsule exec` for it.
    pub(crate) code: u8,
    pub(crate) compile: Option<Step>,
    pub(crate) run: Option<Step>,
    pub(crate) stdout: Text,
    pub(crate) stderr: Text,
    /// Why the sandbox failed, if that was before any step.
    pub(crate) error: Option<String>,
}

/// A step of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) facts: Facts,
    /// init's report.
    pub(crate) report: Map<String, Value>,
    /// What the compiler printed; empty for the run step.
    pub(crate) text: Text,
}

/// What the APIs tell of a report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) status: String,
    pub(crate) exit_code: Option<i64>,
    pub(crate) signal: Option<i64>,
    pub(crate) cpu_us: Option<u64>,
    pub(crate) wall_us: Option<u64>,
    pub(crate) memory_peak_bytes: Option<u64>,
}

impl Done {
    /// Nothing ran, and that is not the submission's fault.
    pub(crate) fn failed(error: String) -> Done {
        let mut done = Done::default();
        done.fail(error);
        done
    }

    /// The sandbox failed, whatever came before.
    pub(crate) fn fail(&mut self, error: String) {
        (self.status, self.code, self.error) = ("sandbox-error".to_owned(), 125, Some(error));
    }

    /// Its run has ended; says whether init has a report of it.
    pub(crate) fn end(&mut self, Ended { status, code, report }: Ended) -> bool {
        (self.status, self.code) = (status, code);
        self.run = Step::read(&report, Vec::new());
        self.run.is_some()
    }

    /// What init said of options that it did not understand, instead of a run.
    pub(crate) fn refusal(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.stderr.0)).trim_end().to_owned()
    }

    /// Why it is no verdict, for a log or an answer.
    pub(crate) fn failure(&self) -> Option<String> {
        if self.status != "sandbox-error" {
            return None;
        }
        let of_step =
            [&self.run, &self.compile].into_iter().flatten().find_map(|step| step.report.get("error"));
        let from_report = of_step.map(Value::to_string);
        Some(self.error.clone().or(from_report).unwrap_or_else(|| "the sandbox failed".to_owned()))
    }
}

impl Step {
    /// Reads init's report; `None` for what is not one.
    pub(crate) fn read(report: &str, text: Vec<u8>) -> Option<Step> {
        let facts: Facts = serde_json::from_str(report).ok()?;
        let report: Map<String, Value> = serde_json::from_str(report).ok()?;
        Some(Step { facts, report, text: Text(text) })
    }
}

/// Arguments of a program, in number,
const MOST_ARGUMENTS: usize = 1000;
/// and in bytes: far below what execve(2) takes, since the language's own come in addition.
const LONGEST_ARGUMENTS: usize = 64 << 10;

/// What is wrong with a program's arguments, if anything is.
pub(crate) fn bad_arguments(args: &[String]) -> Option<String> {
    if args.len() > MOST_ARGUMENTS {
        return Some(format!("a program has at most {MOST_ARGUMENTS} arguments"));
    }
    if args.iter().map(String::len).sum::<usize>() > LONGEST_ARGUMENTS {
        return Some(format!("all arguments together have at most {LONGEST_ARGUMENTS} bytes"));
    }
    args.iter().any(|arg| arg.contains('\0')).then(|| "an argument has no NUL in it".to_owned())
}
