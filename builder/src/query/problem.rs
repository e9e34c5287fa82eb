//! `capsule problem show` and `check`: what was understood of a problem, and what was not.

use std::path::PathBuf;

use judge::files::Files;
use judge::problem::Problem;
use judge::show::Shown;
use serde::Serialize;

use crate::error::Error;

/// A question about a problem.
#[derive(Debug)]
pub struct ProblemRequest {
    /// The problem.
    pub problem: PathBuf,
    /// What is asked.
    pub question: ProblemQuestion,
    /// The form of the answer.
    pub form: ProblemForm,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemQuestion {
    /// What was understood.
    Show,
    /// What was not.
    Check,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemForm {
    /// Lines.
    Text,
    /// One JSON object.
    Json,
}

/// An answer.
#[derive(Debug)]
pub struct ProblemAnswer {
    /// It ends with a line feed.
    pub text: String,
    /// Whether `show` was asked, or the problem has nothing that capsule cannot do.
    pub is_judgeable: bool,
}

/// Reads the problem and answers.
pub fn answer(request: &ProblemRequest) -> Result<ProblemAnswer, Error> {
    let problem = judge::read(&mut Files::open(&request.problem)?)?;
    let is_judgeable = request.question == ProblemQuestion::Show || problem.unsupported.is_empty();
    let text = match (request.question, request.form) {
        (ProblemQuestion::Show, ProblemForm::Text) => Shown(&problem).to_string(),
        (ProblemQuestion::Show, ProblemForm::Json) => json(&problem)?,
        (ProblemQuestion::Check, ProblemForm::Text) => findings(&problem),
        (ProblemQuestion::Check, ProblemForm::Json) => json(&Findings::of(&problem))?,
    };
    Ok(ProblemAnswer { text, is_judgeable })
}

#[derive(Serialize)]
struct Findings<'a> {
    format: &'static str,
    tests: usize,
    warnings: &'a [String],
    unsupported: &'a [String],
}

impl Findings<'_> {
    fn of(problem: &Problem) -> Findings<'_> {
        Findings {
            format: problem.format.title(),
            tests: problem.tests.len(),
            warnings: &problem.warnings,
            unsupported: &problem.unsupported,
        }
    }
}

fn findings(problem: &Problem) -> String {
    let line = |what: &str, text: &String| format!("{what}: {}\n", text.escape_debug());
    let mut text: String = problem.warnings.iter().map(|text| line("warning", text)).collect();
    text.extend(problem.unsupported.iter().map(|text| line("not supported", text)));
    let noun = if problem.tests.len() == 1 { "test" } else { "tests" };
    text + &format!("{}: {} {noun}\n", problem.format.title(), problem.tests.len())
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value);
    let error = |error: serde_json::Error| Error::Render { template: "JSON", what: error.to_string() };
    Ok(text.map_err(error)? + "\n")
}
