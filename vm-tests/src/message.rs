//! What the agent reports: one message in each frame, as JSON.

use serde::{Deserialize, Serialize};

/// A payload of the results port.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "message")]
pub enum Message {
    /// The first message: the agent runs, in this world.
    Hello(Hello),
    /// One step of the plan ended. Boxed: it is by far the largest.
    Step(Box<Observation>),
    /// The last message: this many steps were run.
    Done {
        /// As many as the plan had.
        steps: usize,
    },
}

/// The world in which the agent runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Hello {
    /// `uname -r`.
    pub kernel: String,
    /// Which hierarchy stands at /sys/fs/cgroup: `v2`, `v1` or `none`.
    pub cgroup: String,
    /// The content of the canary file, which no sandbox may ever print.
    pub secret: String,
    /// Seconds since the kernel started, when the agent did.
    pub(crate) uptime_s: f64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not within its limit: the agent killed it.
    Overdue,
    /// It could not be started at all.
    Unstarted,
}

/// What one step did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Observation {
    /// The step's name.
    pub name: String,
    /// How the process ended that the agent started: init for a sandboxed step.
    pub end: End,
    /// Standard output, cut at the agent's cap.
    pub stdout: String,
    /// Standard error, cut at the agent's cap.
    pub stderr: String,
    /// Bytes on standard output, also those cut.
    pub(crate) stdout_bytes: u64,
    /// Bytes on standard error, also those cut.
    pub(crate) stderr_bytes: u64,
    /// What init wrote to the report's descriptor, unchanged; empty without a sandbox.
    pub report: String,
    /// Wall time from spawn to the end, in microseconds.
    pub(crate) wall_us: u64,
    /// Lines `FILE VALUE` of the cgroups that the run made, when the step asked for them.
    #[serde(default)]
    pub(crate) peeked: Vec<String>,
    /// What exists after the step and did not exist before.
    pub leftovers: Vec<String>,
}

impl Observation {
    /// One that ended well and printed nothing, as a start for tests.
    #[cfg(test)]
    pub(crate) fn silent(name: &str) -> Self {
        Observation {
            name: name.into(),
            end: End::Code(0),
            stdout: String::new(),
            stderr: String::new(),
            stdout_bytes: 0,
            stderr_bytes: 0,
            report: String::new(),
            wall_us: 1,
            peeked: vec![],
            leftovers: vec![],
        }
    }

    /// The report as JSON, when it is one object on one line.
    pub(crate) fn report(&self) -> Result<serde_json::Value, String> {
        let line = self.report.strip_suffix('\n').unwrap_or(&self.report);
        if line.contains('\n') {
            return Err(format!("the report is more than one line: {:?}", self.report));
        }
        match serde_json::from_str::<serde_json::Value>(line) {
            Ok(value) if value.is_object() => Ok(value),
            Ok(_) => Err(format!("the report is not an object: {line}")),
            Err(cause) => Err(format!("the report is not JSON ({cause}): {line:?}")),
        }
    }

    /// The report without the numbers that differ from run to run: times, peaks and bytes.
    pub(crate) fn report_without_measures(&self) -> String {
        const MEASURES: [&str; 14] = [
            "cpu_us",
            "user_us",
            "system_us",
            "wall_us",
            "waited_us",
            "csw_forced",
            "throttled_us",
            "setup_us",
            "memory_peak_bytes",
            "pids_peak",
            "stdout_bytes",
            "stderr_bytes",
            "undelivered_bytes",
            "observed",
        ];
        MEASURES.iter().fold(self.report.clone(), |report, measure| {
            let key = format!("\"{measure}\":");
            // A limit of that name is an object, and stays.
            let pieces: Vec<&str> = report.split(&key).collect();
            let [first, others @ ..] = &pieces[..] else { return report };
            let others = others.iter().map(|piece| piece.trim_start_matches(|c: char| c.is_ascii_digit()));
            others.fold(first.to_string(), |text, piece| text + &key + piece)
        })
    }

    /// The report's `status`, or what is wrong with the report.
    pub(crate) fn status(&self) -> Result<String, String> {
        let report = self.report()?;
        let status = report.get("status").and_then(|status| status.as_str());
        status.map(str::to_string).ok_or_else(|| format!("the report has no status: {}", self.report))
    }

    /// The state of a guard in the report: `on`, `off`, or `unavailable: ` and why.
    pub(crate) fn guard(&self, name: &str) -> Option<String> {
        Some(self.report().ok()?.get("guards")?.get(name)?.as_str()?.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_measured_is_taken_out_of_a_report() {
        let report = r#"{"cpu_us":12,"limits":{"cpu_us":{"limit":5,"observed":12}}}"#;
        let seen = Observation { report: report.into(), ..Observation::silent("case") };
        let without = r#"{"cpu_us":,"limits":{"cpu_us":{"limit":5,"observed":}}}"#;
        assert_eq!(seen.report_without_measures(), without);
    }
}
