//! Judges an output, by a built-in comparison or by a program of the problem in a sandbox of its own.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use run::exec::Workroom;
use serde_json::Value;

use super::Failure;
use super::facts::Facts;
use super::program::{Case, JudgeProgram, Ruled};
use super::protocol::Role;
use crate::compare::{Compare, Decision};
use crate::files::Files;
use crate::problem::{Checker, Problem, Test, Verdict};

/// A checker that is ready.
pub(super) enum Check {
    Builtin(Compare),
    Program(Box<JudgeProgram>),
    /// The interactor has decided.
    Interactor,
}

/// What a checker found.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) share: f64,
    pub(super) message: String,
    pub(super) report: Option<Value>,
}

impl Finding {
    /// What a program decided, or why it did not.
    pub(super) fn of(ruled: Ruled, report: Option<Value>) -> Finding {
        match ruled {
            Ok(ruling) => {
                let verdict = if ruling.is_accepted { Verdict::Accepted } else { Verdict::WrongAnswer };
                Finding { verdict, share: ruling.share, message: ruling.message, report }
            }
            Err((verdict, message)) => Finding { verdict, share: 0.0, message, report },
        }
    }
}

impl Check {
    /// Compiles the checker, if it is a program.
    pub(super) fn prepare(files: &Files, problem: &Problem, room: &Workroom) -> Result<Check, Failure> {
        Ok(match &problem.checker {
            Checker::Builtin(compare) => Check::Builtin(*compare),
            Checker::Interactor => Check::Interactor,
            Checker::Program(program) => {
                let program = JudgeProgram::prepare(Role::Checker, files, problem, program, room)?;
                Check::Program(Box::new(program))
            }
        })
    }

    /// Whether it writes to a directory.
    pub(super) fn is_program(&self) -> bool {
        matches!(self, Check::Program(_))
    }
}

/// By a comparison. An error is the host's.
pub(super) fn compared(
    compare: &Compare,
    files: &Files,
    test: &Test,
    output: File,
) -> Result<Finding, String> {
    let answer: Box<dyn Read> = match &test.answer {
        Some(name) => Box::new(files.open_file(name).map_err(|error| error.to_string())?),
        None => Box::new(std::io::empty()),
    };
    let outcome = compare.compare(output, answer).map_err(|error| format!("output and answer: {error}"))?;
    let verdict = match outcome.decision {
        Decision::Accepted => Verdict::Accepted,
        Decision::Wrong | Decision::Format => Verdict::WrongAnswer,
        Decision::Failed => Verdict::JudgeError,
    };
    let share = if verdict == Verdict::Accepted { 1.0 } else { 0.0 };
    Ok(Finding { verdict, share, message: outcome.message, report: None })
}

/// By a program. An error is the host's.
pub(super) fn checked(program: &JudgeProgram, case: Case<'_>, output: &File) -> Result<Finding, String> {
    let [mut said, mut errors] = [super::scratch::scratch()?, super::scratch::scratch()?];
    let prepared = program.prepare_run(case, &[], &[], [output.as_fd(), said.as_fd(), errors.as_fd()])?;
    let ended = prepared.until(case.cancel).start().wait().map_err(|error| error.to_string())?;
    let facts = Facts::read(&ended.report);
    let ruled = program.ruling(&facts, case, Some(&mut said), &mut errors);
    Ok(Finding::of(ruled, facts.report))
}
