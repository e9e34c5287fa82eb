//! What becomes of a submission.

use std::fmt;

use serde::Serialize;

/// What becomes of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Verdict {
    /// Accepted.
    #[serde(rename = "AC")]
    Accepted,
    /// Wrong answer.
    #[serde(rename = "WA")]
    WrongAnswer,
    /// The time limit was exceeded: CPU, wall or idle.
    #[serde(rename = "TLE")]
    TimeLimit,
    /// The memory limit was exceeded.
    #[serde(rename = "MLE")]
    MemoryLimit,
    /// The output limit was exceeded.
    #[serde(rename = "OLE")]
    OutputLimit,
    /// It exited with another code than 0, or a signal ended it.
    #[serde(rename = "RTE")]
    RunTimeError,
    /// It does not compile.
    #[serde(rename = "CE")]
    CompileError,
    /// A program of the problem failed: never the submission's fault.
    #[serde(rename = "JE")]
    JudgeError,
    /// The sandbox or the host failed: never the submission's fault.
    #[serde(rename = "IE")]
    InternalError,
    /// It was not judged.
    #[serde(rename = "SKIPPED")]
    Skipped,
}

impl Verdict {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Accepted => "AC",
            Verdict::WrongAnswer => "WA",
            Verdict::TimeLimit => "TLE",
            Verdict::MemoryLimit => "MLE",
            Verdict::OutputLimit => "OLE",
            Verdict::RunTimeError => "RTE",
            Verdict::CompileError => "CE",
            Verdict::JudgeError => "JE",
            Verdict::InternalError => "IE",
            Verdict::Skipped => "SKIPPED",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
