//! The report and the streams under a hostile submission: init alone writes the report, all of it, and it counts the
//! bytes that passed.

use super::{PROBE, case};
use crate::case::{Case, Expect};
use crate::message::Observation;
use crate::plan::{Sink, Stdin, Step};
use crate::suite::Suite;

/// What a run does with its streams, and how it must end.
struct StreamCase {
    name: &'static str,
    program: &'static [&'static str],
    options: &'static [&'static str],
    stdin: fn() -> Stdin,
    sink: Sink,
    status: &'static str,
    exit: i32,
    /// The honest program that ends in the same way: both reports must be the same.
    like: Option<&'static str>,
}

const fn row(
    name: &'static str,
    program: &'static [&'static str],
    status: &'static str,
    exit: i32,
) -> StreamCase {
    StreamCase {
        name,
        program,
        options: &[],
        stdin: || Stdin::Empty,
        sink: Sink::Read,
        status,
        exit,
        like: None,
    }
}

impl StreamCase {
    const fn like(mut self, name: &'static str) -> StreamCase {
        self.like = Some(name);
        self
    }
}

/// The output limit is out of reach: a caller that happens to read early must not change the verdict.
const WALL: &[&str] = &["--wall-time", "500ms", "--output", "1G"];

const EXIT: &str = "an honest program with an exit code";
const OK: &str = "an honest program without one";
const SLEEP: &str = "an honest program that sleeps";
const PIPE: &str = "an honest program that says EPIPE";

const ROWS: &[StreamCase] = &[
    row(EXIT, &["exit", "3"], "nonzero-exit", 3),
    row(OK, &["exit", "0"], "ok", 0),
    StreamCase { options: WALL, ..row(SLEEP, &["sleep"], "wall-time-limit", 124) },
    row(PIPE, &["exit", "32"], "nonzero-exit", libc::EPIPE),
    row("a forged report on every descriptor", &["forge", "3"], "nonzero-exit", 3).like(EXIT),
    row("a forged report in every file that opens", &["scribble", "3"], "nonzero-exit", 3).like(EXIT),
    row("everything closed", &["close-stdout"], "ok", 0).like(OK),
    StreamCase {
        options: WALL,
        ..row("a pipe of its own, filled", &["block-on-own-pipe"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    StreamCase {
        stdin: || Stdin::Text("x".repeat(1 << 20)),
        ..row("a MiB of input that is never read", &["exit", "3"], "nonzero-exit", 3)
    }
    .like(EXIT),
    // The caller reads after the limit: until then the pipes are full, and the limit must hold all the same.
    StreamCase {
        options: WALL,
        sink: Sink::ReadAfter(2_000),
        ..row("a flood that nobody reads in time", &["flood-both"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    StreamCase {
        options: WALL,
        sink: Sink::ReadAfterEnd,
        ..row("a flood that is never read", &["flood-both"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    // Both directions stand still, as when a program and its interactor talk past each other.
    StreamCase {
        options: WALL,
        stdin: || Stdin::Text("x".repeat(1 << 20)),
        sink: Sink::ReadAfterEnd,
        ..row("a flood past an answer that is never read", &["flood-both"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    StreamCase {
        options: WALL,
        sink: Sink::AlmostFull,
        ..row("a flood into a pipe that others fill", &["flood-both"], "wall-time-limit", 124)
    }
    .like(SLEEP),
    // More than the caller's pipe and ours hold is left at the end. It is not a verdict that the caller missed it.
    StreamCase {
        options: &["--drain-time", "200ms"],
        sink: Sink::ReadAfterEnd,
        ..row("output that is not taken in time", &["print", "100000"], "sandbox-error", 125)
    },
    StreamCase {
        sink: Sink::ReadAfter(500),
        ..row("output that its program does not wait for", &["print-hasty", "1000000"], "ok", 0)
    },
    // Copied, and mounted.
    StreamCase {
        stdin: || Stdin::File(9_000),
        ..row("a small file as input", &["file-input", "9000"], "ok", 0)
    },
    StreamCase {
        stdin: || Stdin::File(2_000_000),
        ..row("a large file as input", &["file-input", "2000000"], "ok", 0)
    },
    StreamCase {
        sink: Sink::Closed,
        ..row("a flood to a caller that has gone", &["flood-stdout"], "nonzero-exit", libc::EPIPE)
    }
    .like(PIPE),
];

pub(crate) fn cases() -> Vec<Case> {
    ROWS.iter().map(StreamCase::case).collect()
}

impl StreamCase {
    fn case(&self) -> Case {
        let argv: Vec<&str> = [PROBE, "verdict"].iter().chain(self.program).copied().collect();
        let mut step = Step::sandbox(self.name, &argv).with(self.options);
        (step.stdin, step.sink) = ((self.stdin)(), self.sink);
        let expect =
            vec![Expect::Status(self.status.into()), Expect::Exit(self.exit), Expect::Rule(report_is_ours)];
        let like = self.like.map(|name| Suite::Streams.case_name(name));
        Case { like, ..case(Suite::Streams, step, &["JDG-02", "JDG-03", "RES-12"], expect) }
    }
}

/// The keys of every report.
const KEYS: [&str; 20] = [
    "version",
    "status",
    "exit_code",
    "cpu_us",
    "user_us",
    "system_us",
    "wall_us",
    "waited_us",
    "csw_forced",
    "setup_us",
    "memory_peak_bytes",
    "stdout_bytes",
    "stderr_bytes",
    "undelivered_bytes",
    "truncated",
    "limits",
    "guards",
    "kernel",
    "cgroup",
    "pids_peak",
];

/// The report is one line, with all keys, nothing forged, and the number of bytes that were passed on.
pub(super) fn report_is_ours(seen: &Observation) -> Result<(), String> {
    let report = seen.report()?;
    let without = |key: &&&str| {
        // Processes are counted by a cgroup; a run that a limit ended has no exit code.
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
        let reported = report.get(key).and_then(|bytes| bytes.as_u64());
        // A caller that closed its end reads nothing of what was written to it.
        if reported != Some(passed) && passed > 0 {
            return Err(format!("{passed} bytes were passed on, the report says {key} {reported:?}"));
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
