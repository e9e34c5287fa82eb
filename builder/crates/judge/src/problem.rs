//! A problem, whatever format it came in.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::Compare;
pub use crate::example::{Bound, Example, Expected, Rule};
pub use crate::group::{Accept, Aggregate, Group, Member, StopAt};
pub use crate::verdict::Verdict;

/// A problem. Names of files are inside of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// The format that it was read from.
    pub format: Format,
    /// Its name.
    pub name: String,
    /// How a submission and the judge's programs meet.
    pub kind: Kind,
    /// How often a submission runs in one test at most.
    pub passes: u32,
    /// Limits; those that are absent are the bundle's.
    pub limits: Limits,
    /// Where a submission reads and writes.
    pub io: Io,
    /// What decides about an output.
    pub checker: Checker,
    /// The program that talks with the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interactor: Option<Program>,
    /// The program that makes verdict and score of groups, for those that want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grader: Option<Program>,
    /// Values by their names, which stand as `{{NAME}}` in its programs and its submissions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, String>,
    /// All tests, in the order in which they are judged.
    pub tests: Vec<Test>,
    /// How the tests make one verdict and one score.
    pub root: Group,
    /// Files that are added to submissions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Include>,
    /// The languages that a submission may be in, by the names of packs; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// Submissions of which the verdict is known.
    pub submissions: Vec<Example>,
    /// What was found and has no effect.
    pub warnings: Vec<String>,
    /// What the problem needs and capsule cannot do: such a problem is not judged.
    pub unsupported: Vec<String>,
}

/// A format of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Inputs and answers that are paired by name.
    Plain,
    /// Kattis, before 2023.
    KattisLegacy,
    /// Kattis for ICPC contests: DOMjudge's.
    IcpcLegacy,
    /// Kattis, 2023-07-draft and 2025-09.
    #[serde(rename = "kattis-2025-09")]
    Kattis2025,
    /// Codeforces Polygon.
    Polygon,
    /// Hydro.
    Hydro,
    /// CMS, Italian format.
    Cms,
    /// DMOJ.
    Dmoj,
}

impl Format {
    /// The name of the format, as messages show it.
    pub fn title(self) -> &'static str {
        match self {
            Format::Plain => "plain directory",
            Format::KattisLegacy => "Kattis, legacy",
            Format::IcpcLegacy => "Kattis, legacy-icpc (DOMjudge)",
            Format::Kattis2025 => "Kattis, 2025-09",
            Format::Polygon => "Polygon",
            Format::Hydro => "Hydro",
            Format::Cms => "CMS, Italian format",
            Format::Dmoj => "DMOJ",
        }
    }
}

/// How a submission and the judge's programs meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The submission reads the input and writes the output.
    Batch,
    /// It talks with the interactor.
    Interactive,
    /// So many processes of it talk with a manager.
    Communication(u32),
    /// It is the output itself.
    SubmitAnswer,
}

/// Where a submission reads and writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Io {
    /// Standard input and output.
    Std,
    /// Files of these names; an empty name is the standard stream.
    Files {
        /// The input's.
        input: String,
        /// The output's.
        output: String,
    },
}

/// Files that are added to submissions before they are compiled. They replace files of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Include {
    /// Of submissions in this language, by the name of a pack; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The files.
    pub files: Vec<String>,
    /// What stands before their names in the problem.
    pub directory: String,
    /// The file where the submission then starts, by its name there; absent where it started anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What a submission of one file is called then, without its extension; absent if it keeps its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<String>,
}

/// Limits of a test, a compiler or a checker. Times are in microseconds, sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Limits {
    /// CPU time of a test; absent if it is to be computed from the accepted submissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// Memory of a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Output of a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// A submission's files together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_bytes: Option<u64>,
    /// The compiler's.
    pub compile: StepLimits,
    /// The checker's or interactor's.
    pub check: StepLimits,
    /// The slowest accepted submission times this is the time limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_to_limit: Option<f64>,
    /// A submission that is meant to be too slow must need at least the time limit times this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_to_slow: Option<f64>,
    /// A computed time limit is a multiple of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution_us: Option<u64>,
    /// The time limit times this holds for a language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub time_rates: BTreeMap<String, f64>,
    /// The memory limit times this holds for a language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memory_rates: BTreeMap<String, f64>,
}

/// Limits of a program that is not a submission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StepLimits {
    /// CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// What decides about an output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checker {
    /// capsule itself.
    Builtin(Compare),
    /// A program of the problem.
    Program(Program),
    /// The interactor has decided.
    Interactor,
}

/// A program of the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// How it is called and how it answers.
    pub protocol: Protocol,
    /// Its files; the first is the entry point.
    pub files: Vec<String>,
    /// What stands before its files' names in the problem, and is left out where it is compiled.
    pub directory: String,
    /// Its language, where the problem says it; otherwise the entry point's extension decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Arguments after those of the protocol.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// How a checker or an interactor is called, and how it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Arguments input, answer, feedback directory; output on stdin; exit code 42 or 43.
    Kattis,
    /// Arguments input, output, answer; exit code and first words on stderr.
    Testlib,
    /// Arguments input, answer, output; a number on stdout.
    Cms,
    /// Arguments input, output, answer, full score, score file, message file.
    Lemon,
    /// Arguments input, answer, output; exit code 0 accepts.
    Hustoj,
    /// Arguments input, output; exit code 0 accepts.
    Qduoj,
    /// Files of fixed names; a number up to 100 on stdout.
    Syzoj,
    /// Arguments input, output, answer; exit code 0 accepts, 1 rejects.
    Dmoj,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// Its name in reports.
    pub name: String,
    /// The input; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The right output; absent if the checker needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The score for a right output.
    pub points: f64,
    /// The score for one that is not right.
    #[serde(skip_serializing_if = "is_zero")]
    pub reject_points: f64,
    /// What a score that the checker gives means.
    #[serde(skip_serializing_if = "Scores::is_free")]
    pub scores: Scores,
    /// Whether contestants see it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
    /// Arguments of the submission.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Where the submission is the output: the names that the file for this test may have in it. None means its only file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submitted: Vec<String>,
    /// Arguments of the checker, in addition to its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub check_args: Vec<String>,
    /// The comparison, instead of the problem's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// CPU time, instead of the problem's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// Memory, instead of the problem's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// What a score means that a checker of Kattis gives to an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scores {
    /// It may give one, of any height.
    Free,
    /// One that it gives does not count.
    Ignored,
    /// It must not give one.
    Forbidden,
    /// It may give one, up to the test's points.
    Bounded,
    /// It must give one, and there is no most.
    Required,
}

impl Scores {
    fn is_free(&self) -> bool {
        *self == Scores::Free
    }
}

impl Test {
    /// A test with an input and an answer, worth nothing.
    pub fn new(name: impl Into<String>, input: impl Into<String>, answer: Option<String>) -> Test {
        Test {
            name: name.into(),
            input: Some(input.into()),
            answer,
            points: 0.0,
            reject_points: 0.0,
            scores: Scores::Free,
            sample: false,
            args: Vec::new(),
            submitted: Vec::new(),
            check_args: Vec::new(),
            compare: None,
            cpu_us: None,
            memory_bytes: None,
        }
    }
}
