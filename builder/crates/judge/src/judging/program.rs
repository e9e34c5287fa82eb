//! A program of the problem, compiled: it is started with the files of a test, and what it leaves is read.
//!
//! The author of the problem wrote it. If it crashes, hangs, floods or gives an answer that means nothing, that is the
//! judge's fault, and never the submission's.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use run::Cancel;
use run::exec::{Artifact, CompileResult, Prepared, StepOption, Submission, Workroom};

use super::added::filled_sources;
use super::facts::Facts;
use super::feedback::{Feedback, LONGEST_MESSAGE};
use super::input::Input;
use super::protocol::{self, ANSWER, DIRECTORY, INPUT, Left, Role, Ruling};
use super::scratch::beginning;
use super::visible::Visible;
use super::{Failure, limits, use_limits};
use crate::files::Files;
use crate::problem::{Aggregate, Problem, Program, Protocol, StepLimits, Test, Verdict};

/// What a program may use when the problem says nothing else: Kattis's own.
const DEFAULT: StepLimits =
    StepLimits { cpu_us: Some(60_000_000), memory_bytes: Some(2 << 30), output_bytes: Some(8 << 20) };

/// A program of the problem, compiled.
pub(super) struct JudgeProgram {
    role: Role,
    protocol: Protocol,
    artifact: Box<Artifact>,
    options: Vec<StepOption>,
    args: Vec<String>,
    has_scores: bool,
    /// Its limits.
    pub(super) limits: StepLimits,
}

/// The test that a program is started for, and its files.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) test: &'a Test,
    pub(super) input: &'a Input<'a>,
    pub(super) visible: &'a Visible,
    pub(super) feedback: &'a Feedback,
    /// What ends its runs.
    pub(super) cancel: Option<&'a Arc<Cancel>>,
}

/// What came of a run of it: a ruling, or what is wrong with it, and with which verdict.
pub(super) type Ruled = Result<Ruling, (Verdict, String)>;

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Role::Checker => "checker",
            Role::Interactor => "interactor",
        }
    }
}

impl JudgeProgram {
    /// Compiles it.
    pub(super) fn prepare(
        role: Role,
        files: &Files,
        problem: &Problem,
        program: &Program,
        room: &Workroom,
    ) -> Result<JudgeProgram, Failure> {
        let artifact = compiled(role.noun(), files, problem, program, room)?;
        let own = limits_of(problem);
        Ok(JudgeProgram {
            role,
            protocol: program.protocol,
            artifact,
            options: match role {
                Role::Checker => limits(own),
                // How long it may wait for the submission is the talk's to decide.
                Role::Interactor => use_limits(own),
            },
            args: program.args.clone(),
            has_scores: problem.root.score != Aggregate::None,
            limits: own,
        })
    }

    /// Whether it talks through FIFOs, so that its own streams are files.
    pub(super) fn has_fifos(&self) -> bool {
        self.role == Role::Interactor && self.protocol == Protocol::Cms
    }

    /// Prepares it; `more` are options beside its own, and `fifos` arguments.
    pub(super) fn prepare_run(
        &self,
        case: Case<'_>,
        more: &[StepOption],
        fifos: &[String],
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Prepared, String> {
        let rules = protocol::rules(self.protocol);
        let mut options = self.options.clone();
        for (source, target) in [(case.input.path(), INPUT), (case.visible.answer.clone(), ANSWER)] {
            options.push(bind(source.as_deref().unwrap_or(Path::new("/dev/null")), target, ""));
        }
        options.push(bind(case.feedback.path(), DIRECTORY, ":rw"));
        for (name, target) in rules.links(self.role) {
            case.feedback.link(name, target)?;
            options.push(("cwd".to_owned(), DIRECTORY.into()));
        }
        options.extend_from_slice(more);
        let protocol = rules.arguments(self.role, case.test.points);
        let all = protocol.iter().chain(fifos).chain(&self.args).chain(&case.test.check_args);
        let arguments: Vec<OsString> = all.map(OsString::from).collect();
        self.artifact.prepare(&options, &arguments, streams).map_err(|error| error.to_string())
    }

    /// What it decided. `written` is what it wrote to stdout, where that was not for the submission.
    pub(super) fn ruling(
        &self,
        facts: &Facts,
        case: Case<'_>,
        written: Option<&mut File>,
        errors: &mut File,
    ) -> Ruled {
        let noun = self.role.noun();
        let stdout = written.map(start_of).unwrap_or_default();
        let stderr = start_of(errors);
        let code = match (facts.verdict, facts.exit_code) {
            (Verdict::Accepted, _) => 0,
            (Verdict::RunTimeError, Some(code)) => code,
            (Verdict::InternalError, _) => {
                return Err((Verdict::InternalError, format!("the {noun}'s sandbox: {}", facts.message)));
            }
            _ => return Err(failed(noun, &facts.message, &stderr)),
        };
        let left = Left {
            code,
            stdout: &stdout,
            stderr: &stderr,
            feedback: case.feedback,
            points: case.test.points,
            scores: case.test.scores,
            has_scores: self.has_scores,
        };
        protocol::rules(self.protocol).ruling(&left).map_err(|what| failed(noun, &what, &stderr))
    }
}

/// What a program of the problem may use.
pub(super) fn limits_of(problem: &Problem) -> StepLimits {
    let own = problem.limits.check;
    StepLimits {
        cpu_us: own.cpu_us.or(DEFAULT.cpu_us),
        memory_bytes: own.memory_bytes.or(DEFAULT.memory_bytes),
        output_bytes: own.output_bytes.or(DEFAULT.output_bytes),
    }
}

/// Compiles a program of the problem; `noun` is what messages call it.
pub(super) fn compiled(
    noun: &str,
    files: &Files,
    problem: &Problem,
    program: &Program,
    room: &Workroom,
) -> Result<Box<Artifact>, Failure> {
    let submission = sources(files, problem, program)?;
    let options = limits(problem.limits.compile);
    let compilation = room.compile(&submission, program.language.as_deref(), &options)?;
    let what = match compilation.result {
        CompileResult::Ready(artifact) => return Ok(artifact),
        CompileResult::CompileError(status) => format!("its {noun} does not compile: {status}"),
        CompileResult::SandboxError => {
            let what = format!("the sandbox failed when its {noun} was compiled");
            return Err(Failure::Unready { problem: files.place().to_path_buf(), what });
        }
    };
    let text = String::from_utf8_lossy(&compilation.text).trim_end().to_owned();
    let what = if text.is_empty() { what } else { format!("{what}\n{text}") };
    Err(Failure::Unsupported { problem: files.place().to_path_buf(), what })
}

/// The judge's fault, with the evidence.
pub(super) fn failed(noun: &str, what: &str, stderr: &str) -> (Verdict, String) {
    let evidence = match stderr.trim_end() {
        "" => String::new(),
        text => format!("; it wrote: {text}"),
    };
    (Verdict::JudgeError, format!("the {noun}: {what}{evidence}"))
}

/// Its files by their names in its directory.
fn sources(files: &Files, problem: &Problem, program: &Program) -> Result<Submission, Failure> {
    let sources = filled_sources(files, problem, &program.files, &program.directory)?;
    let entry = sources.first().map(|first| first.path.clone());
    Ok(Submission::new(sources, entry.as_deref())?)
}

/// Shows a file or a directory of this machine in a sandbox.
pub(super) fn bind(source: &Path, target: &str, mode: &str) -> StepOption {
    let mut value = source.as_os_str().to_owned();
    value.push(format!(":{target}{mode}"));
    ("bind".to_owned(), value)
}

/// The start of what it wrote; nothing if that cannot be read.
pub(super) fn start_of(file: &mut File) -> String {
    beginning(file, LONGEST_MESSAGE).unwrap_or_default()
}
