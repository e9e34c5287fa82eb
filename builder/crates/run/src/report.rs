//! init's report of one run, as a type: the fields that callers here read. docs/report.md lists all of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::error::Error;

/// Whose a step's report is, for errors.
pub(crate) const INITS: &str = "init's";

/// A report. Numbers are absent where nothing measured them.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The status of the submission, by init's name for it ([`init::contract::report`]).
    pub status: String,
    /// CPU time of all processes, in microseconds.
    pub cpu_us: Option<u64>,
    /// Time from exec to exit, in microseconds.
    pub wall_us: Option<u64>,
    /// The kernel's release.
    #[serde(default)]
    pub kernel: String,
    /// What held the limits: `v2`, `v1` or `none`.
    #[serde(default)]
    pub cgroup: String,
    /// `on`, `off` or `unavailable: WHY` for each guard.
    #[serde(default)]
    pub guards: BTreeMap<String, String>,
    /// Why the sandbox failed.
    pub error: Option<Failure>,
}

/// The step of the sandbox that failed.
#[derive(Debug, Clone, Deserialize)]
pub struct Failure {
    /// The step.
    pub step: String,
    /// The system call.
    pub call: String,
    /// The name of the error: `EPERM`.
    pub errno: String,
    /// The path, option or guard that it is about.
    pub subject: Option<String>,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl Report {
    /// Reads one JSON object; `whose` begins the sentence of an error: `init's`.
    pub fn parse(text: &[u8], whose: &'static str) -> Result<Report, Error> {
        serde_json::from_slice(text).map_err(|error| Error::Report { whose, what: error.to_string() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.step, self.call)?;
        if let Some(subject) = &self.subject {
            write!(f, "`{subject}`: ")?;
        }
        f.write_str(&self.errno)
    }
}

/// A field of a report: the step's program had got ready before, so that its times are not those of a cold start.
pub(crate) const WARM: &str = "\"warm\":true";

/// A report without that.
pub(crate) fn without_warm(report: &str) -> String {
    report.replacen(&format!(",{WARM}"), "", 1)
}

/// A report with one field more, written as JSON has it; as it is if it is no object.
pub(crate) fn with(report: &str, field: &str) -> String {
    let Some(open) = report.trim_end().strip_suffix('}') else { return report.to_owned() };
    let comma = if open.ends_with('{') { "" } else { "," };
    format!("{open}{comma}{field}}}\n")
}
