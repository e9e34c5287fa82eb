//! What a checker decided.

use serde::Serialize;

/// A decision about an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is right.
    Accepted,
    /// It is wrong.
    Wrong,
    /// It cannot be read: a wrong answer, too.
    Format,
    /// The answer cannot be used. That is the judge's fault.
    Failed,
}

/// A decision and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// Where and how output and answer differ; empty if they do not.
    pub message: String,
}

/// As many bytes of a word are shown.
const SHOWN: usize = 40;

impl Outcome {
    pub(super) fn accepted() -> Outcome {
        Outcome { decision: Decision::Accepted, message: String::new() }
    }

    pub(super) fn wrong(message: impl Into<String>) -> Outcome {
        Outcome { decision: Decision::Wrong, message: message.into() }
    }

    pub(super) fn format(message: impl Into<String>) -> Outcome {
        Outcome { decision: Decision::Format, message: message.into() }
    }

    pub(super) fn failed(message: impl Into<String>) -> Outcome {
        Outcome { decision: Decision::Failed, message: message.into() }
    }

    /// Whether the output is right.
    pub fn is_accepted(&self) -> bool {
        self.decision == Decision::Accepted
    }
}

/// The start of some bytes, between backquotes, as text that a terminal can show.
pub(super) fn shown(bytes: &[u8]) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).escape_debug().to_string();
    if bytes.len() > SHOWN { format!("`{start}…`") } else { format!("`{start}`") }
}

/// A difference at these lines of output and answer.
pub(super) fn difference(lines: [u64; 2], expected: &[u8], found: &[u8]) -> String {
    let [output, answer] = lines;
    let place = if output == answer {
        format!("line {output}")
    } else {
        format!("line {output} (line {answer} of the answer)")
    };
    format!("{place}: expected {}, found {}", shown(expected), shown(found))
}
