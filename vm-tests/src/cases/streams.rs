//! The report and the streams under a hostile submission: the report is ours alone, whole, and says what passed.

use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::message::Observation;
use crate::plan::{Sink, Stdin, Step};

/// What a run does with its streams, and what becomes of it.
struct Row {
    name: &'static str,
    program: &'static [&'static str],
    options: &'static [&'static str],
    stdin: fn() -> Stdin,
    sink: Sink,
    status: &'static str,
    exit: i32,
    /// The honest program that ends alike: the report must be the same.
    like: Option<&'static str>,
}

const fn row(name: &'static str, program: &'static [&'static str], status: &'static str, exit: i32) -> Row {
    Row { name, program, options: &[], stdin: || Stdin::Empty, sink: Sink::Read, status, exit, like: None }
}

impl Row {
    const fn like(mut self, name: &'static str) -> Row {
        self.like = Some(name);
        self
    }
}

const WALL: &[&str] = &["--wall-time", "500ms"];

const EXIT: &str = "an honest program with an exit code";
const OK: &str = "an honest program without one";
const SLEEP: &str = "an honest program that sleeps";
const PIPE: &str = "an honest program that says EPIPE";

const ROWS: &[Row] = &[
    row(EXIT, &["exit", "3"], "nonzero-exit", 3),
    row(OK, &["exit", "0"], "ok", 0),
    Row { options: WALL, ..row(SLEEP, &["sleep"], "wall-time-limit", 124) },
    row(PIPE, &["exit", "32"], "nonzero-exit", libc::EPIPE),
    row("a forged report on every descriptor", &["forge", "3"], "nonzero-exit", 3).like(EXIT),
    row("a forged report in every file that opens", &["scribble", "3"], "nonzero-exit", 3).like(EXIT),
    row("everything closed", &["close-stdout"], "ok", 0).like(OK),
    Row { options: WALL, ..row("a pipe of its own, filled", &["block-on-own-pipe"], "wall-time-limit", 124) }
        .like(SLEEP),
    Row {
        stdin: || Stdin::Text("x".repeat(1 << 20)),
        ..row("a MiB of input that is never read", &["exit", "3"], "nonzero-exit", 3)
    }
    .like(EXIT),
    // Its caller reads when all is over: until then the pipes are full, and the limit holds all the same.
    Row {
        options: WALL,
        sink: Sink::ReadAfter(2_000),
        ..row("a flood that nobody reads in time", &["flood-both"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    Row {
        sink: Sink::Closed,
        ..row("a flood to a caller that has gone", &["flood-stdout"], "nonzero-exit", libc::EPIPE)
    }
    .like(PIPE),
];

/// The suite.
pub fn cases() -> Vec<Case> {
    ROWS.iter().map(Row::case).collect()
}

impl Row {
    fn case(&self) -> Case {
        let argv: Vec<&str> = [PROBE, "verdict"].iter().chain(self.program).copied().collect();
        let mut step = Step::sandbox(format!("streams/{}", self.name), &argv).with(self.options);
        (step.stdin, step.sink) = ((self.stdin)(), self.sink);
        let expect =
            vec![Expect::Status(self.status.into()), Expect::Exit(self.exit), Expect::Rule(report_is_ours)];
        let like = self.like.map(|name| format!("streams/{name}"));
        Case { like, ..case(step, &["JDG-02", "JDG-03", "RES-12"], expect) }
    }
}

/// What every report has, whoever the submission was.
const KEYS: [&str; 17] = [
    "version",
    "status",
    "exit_code",
    "cpu_us",
    "user_us",
    "system_us",
    "wall_us",
    "setup_us",
    "memory_peak_bytes",
    "stdout_bytes",
    "stderr_bytes",
    "truncated",
    "limits",
    "guards",
    "kernel",
    "cgroup",
    "pids_peak",
];

/// One line, with all of our keys, no word of the forger's, and the bytes that we passed on.
pub(super) fn report_is_ours(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    let without = |key: &&&str| {
        // Without a cgroup nobody counts processes; a run that we ended has no exit code.
        let may_miss = matches!(**key, "pids_peak" | "cgroup" | "exit_code");
        report.get(**key).is_none() && !may_miss
    };
    if let Some(missing) = KEYS.iter().find(without) {
        return Err(format!("the report has no `{missing}`: {}", seen.report));
    }
    if !seen.report.ends_with("}\n") || seen.report.contains("forged") {
        return Err(format!("the report is not ours alone: {:?}", seen.report));
    }
    for (key, passed) in [("stdout_bytes", seen.stdout_bytes), ("stderr_bytes", seen.stderr_bytes)] {
        let told = report.get(key).and_then(|bytes| bytes.as_u64());
        // A caller that has gone reads nothing of what was written to it.
        if told != Some(passed) && passed > 0 {
            return Err(format!("{passed} bytes were passed on, the report says {key} {told:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::End;

    fn seen(report: &str, stdout_bytes: u64) -> Observation {
        Observation {
            end: End::Code(3),
            stdout_bytes,
            report: report.into(),
            ..Observation::silent("streams")
        }
    }

    fn whole(stdout_bytes: u64) -> String {
        let pairs: Vec<String> =
            KEYS.iter().filter(|key| **key != "stdout_bytes").map(|key| format!("\"{key}\":0")).collect();
        format!("{{{},\"stdout_bytes\":{stdout_bytes}}}\n", pairs.join(","))
    }

    #[test]
    fn a_forged_or_cut_report_is_seen() {
        assert_eq!(report_is_ours(&seen(&whole(5), 5)), Ok(()));
        assert!(report_is_ours(&seen(&whole(5), 6)).is_err());
        assert!(report_is_ours(&seen(&whole(5).replace("\"limits\":0,", ""), 5)).is_err());
        assert!(report_is_ours(&seen(&whole(5).repeat(2), 5)).is_err());
        assert!(
            report_is_ours(&seen(&whole(5).replace("\"kernel\":0", "\"kernel\":\"forged\""), 5)).is_err()
        );
    }
}
