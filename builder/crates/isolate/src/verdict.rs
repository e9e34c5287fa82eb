//! From init's report to isolate's words. Pure; it decides nothing that init has not decided.

use serde::Deserialize;

use crate::fault::Fault;
use crate::meta::Meta;
use crate::options::Limits;

/// The fields of init's report that are read (docs/report.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Report {
    pub(crate) status: String,
    pub(crate) exit_code: Option<u8>,
    pub(crate) signal: Option<u8>,
    pub(crate) cpu_us: Option<u64>,
    pub(crate) wall_us: Option<u64>,
    pub(crate) memory_peak_bytes: Option<u64>,
    pub(crate) error: Option<Failure>,
}

impl Report {
    /// Whether there is no run because another one has the user of the box.
    pub(crate) fn is_user_taken(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.step == "credentials" && error.errno == "EBUSY")
    }
}

/// Why the sandbox failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Failure {
    step: String,
    call: String,
    subject: Option<String>,
    #[serde(default)]
    errno: String,
}

/// What the kernel counted for the processes of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// In KiB.
    pub(crate) max_rss: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) forced_switches: u64,
}

/// What isolate says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The meta file's lines.
    pub(crate) meta: Meta,
    /// The status line.
    pub(crate) line: String,
    pub(crate) exit_code: u8,
}

/// The lines about what a run used.
fn used(report: &Report, usage: Usage, cg: bool) -> Meta {
    let mut meta = Meta::default();
    meta.add("time", seconds(report.cpu_us));
    meta.add("time-wall", seconds(report.wall_us));
    meta.add("max-rss", usage.max_rss);
    meta.add("csw-voluntary", usage.voluntary_switches);
    meta.add("csw-forced", usage.forced_switches);
    if let (true, Some(peak)) = (cg, report.memory_peak_bytes) {
        meta.add("cg-mem", peak.div_ceil(1024));
    }
    meta
}

/// Judges a run that ended by itself or at a limit.
///
/// # Errors
/// The sandbox failed.
pub(crate) fn of_run(report: &Report, usage: Usage, limits: &Limits, cg: bool) -> Result<Verdict, Fault> {
    let meta = used(report, usage, cg);
    let exceeded =
        |used: Option<u64>, limit: Option<u64>| used.zip(limit).is_some_and(|(used, limit)| used > limit);
    let was_killed = match report.status.as_str() {
        "cpu-time-limit" | "wall-time-limit" => true,
        "ok" | "nonzero-exit" | "signaled" | "memory-limit" | "output-limit" | "forbidden-syscall" => false,
        _ => return Err(fault(report)),
    };
    // Too late is too late, however the program ended; as isolate, the meta file then has no end of its own.
    if report.status == "cpu-time-limit" || exceeded(report.cpu_us, limits.time) {
        return Ok(failed(meta, "TO", "Time limit exceeded", was_killed));
    }
    if was_killed || exceeded(report.wall_us, limits.wall_time) {
        return Ok(failed(meta, "TO", "Time limit exceeded (wall clock)", was_killed));
    }
    Ok(ended(meta, report, cg))
}

/// The end of a run within its time.
fn ended(mut meta: Meta, report: &Report, cg: bool) -> Verdict {
    match ending(report) {
        Ending::Exit(0) => {
            meta.add("exitcode", 0);
            let line =
                format!("OK ({} sec real, {} sec wall)", seconds(report.cpu_us), seconds(report.wall_us));
            Verdict { meta, line, exit_code: 0 }
        }
        Ending::Exit(code) => {
            meta.add("exitcode", code);
            failed(meta, "RE", &format!("Exited with error status {code}"), false)
        }
        Ending::Signal(signal) => {
            if report.status == "memory-limit" && cg {
                meta.add("cg-oom-killed", 1);
            }
            meta.add("exitsig", signal);
            failed(meta, "SG", &format!("Caught fatal signal {signal}"), false)
        }
    }
}

fn failed(mut meta: Meta, status: &str, message: &str, was_killed: bool) -> Verdict {
    meta.add("status", status);
    meta.add("message", message);
    if was_killed {
        meta.add("killed", 1);
    }
    Verdict { meta, line: message.to_owned(), exit_code: 1 }
}

/// A run that a signal to isolate ended.
pub(crate) fn interrupted(signal: i32, report: &Report, usage: Usage, cg: bool) -> Verdict {
    let mut meta = used(report, usage, cg);
    meta.add("exitsig", signal);
    failed(meta, "SG", "Interrupted", true)
}

/// The lines about a sandbox that failed.
pub(crate) fn of_fault(fault: &Fault) -> Meta {
    let mut meta = Meta::default();
    meta.add("status", "XX");
    meta.add("message", &fault.0);
    meta
}

enum Ending {
    Exit(u8),
    Signal(u8),
}

fn ending(report: &Report) -> Ending {
    const SIGKILL: u8 = 9;
    const SIGXFSZ: u8 = 25;
    const SIGSYS: u8 = 31;
    match (report.status.as_str(), report.signal, report.exit_code) {
        ("memory-limit", _, _) => Ending::Signal(SIGKILL),
        ("output-limit", _, _) => Ending::Signal(SIGXFSZ),
        ("forbidden-syscall", _, _) => Ending::Signal(SIGSYS),
        (_, Some(signal), _) => Ending::Signal(signal),
        (_, None, code) => Ending::Exit(code.unwrap_or(0)),
    }
}

fn fault(report: &Report) -> Fault {
    let Some(Failure { step, call, subject, errno }) = &report.error else {
        return Fault(format!("The sandbox failed: {}", report.status));
    };
    let subject = subject.as_ref().map(|subject| format!("`{subject}`: ")).unwrap_or_default();
    Fault(format!("The sandbox failed: {step}: {call}: {subject}{errno}").trim_end_matches(": ").to_owned())
}

fn seconds(microseconds: Option<u64>) -> String {
    let milliseconds = microseconds.unwrap_or(0) / 1000;
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    fn limits() -> Limits {
        let args = ["--run", "--time=1", "--extra-time=0.5", "--wall-time=4", "x"].map(Into::into);
        options::parse(&args).expect("good").limits
    }

    /// The meta file without what was used, and the exit code.
    fn verdict(report: Report, cg: bool) -> (String, u8) {
        let verdict = of_run(&report, Usage::default(), &limits(), cg).expect("a verdict");
        let text = verdict.meta.to_string();
        let lines =
            text.lines().filter(|line| !["time", "max", "csw"].iter().any(|start| line.starts_with(start)));
        (lines.collect::<Vec<_>>().join(" "), verdict.exit_code)
    }

    fn report(status: &str) -> Report {
        Report { status: status.into(), cpu_us: Some(5_999), wall_us: Some(2_000_999), ..Report::default() }
    }

    #[test]
    fn each_end_has_isolates_words() {
        let is = |report, words: &str, code| assert_eq!(verdict(report, true), (words.to_owned(), code));
        is(Report { exit_code: Some(0), ..report("ok") }, "exitcode:0", 0);
        is(
            Report { exit_code: Some(3), ..report("nonzero-exit") },
            "exitcode:3 status:RE message:Exited with error status 3",
            1,
        );
        is(
            Report { signal: Some(11), ..report("signaled") },
            "exitsig:11 status:SG message:Caught fatal signal 11",
            1,
        );
        is(report("memory-limit"), "cg-oom-killed:1 exitsig:9 status:SG message:Caught fatal signal 9", 1);
        is(report("output-limit"), "exitsig:25 status:SG message:Caught fatal signal 25", 1);
        is(report("forbidden-syscall"), "exitsig:31 status:SG message:Caught fatal signal 31", 1);
        is(report("cpu-time-limit"), "status:TO message:Time limit exceeded killed:1", 1);
        is(report("wall-time-limit"), "status:TO message:Time limit exceeded (wall clock) killed:1", 1);
    }

    #[test]
    fn who_ends_by_himself_after_the_limit_is_too_late_and_was_not_killed() {
        let late = Report { cpu_us: Some(1_200_000), exit_code: Some(3), ..report("nonzero-exit") };
        assert_eq!(verdict(late, false), ("status:TO message:Time limit exceeded".into(), 1));
        let late = Report { wall_us: Some(4_000_001), exit_code: Some(0), ..report("ok") };
        assert_eq!(verdict(late, false), ("status:TO message:Time limit exceeded (wall clock)".into(), 1));
    }

    #[test]
    fn what_was_used_comes_first_and_memory_only_with_a_control_group() {
        let peaked = Report { exit_code: Some(0), memory_peak_bytes: Some(4097), ..report("ok") };
        let usage = Usage { max_rss: 7, voluntary_switches: 2, forced_switches: 1 };
        let text = |cg| of_run(&peaked, usage, &limits(), cg).expect("a verdict").meta.to_string();
        let lines = "time:0.005\ntime-wall:2.000\nmax-rss:7\ncsw-voluntary:2\ncsw-forced:1\n";
        assert_eq!(text(false), format!("{lines}exitcode:0\n"));
        assert_eq!(text(true), format!("{lines}cg-mem:5\nexitcode:0\n"));
    }

    #[test]
    fn a_sandbox_that_failed_is_no_verdict() {
        let error = Failure {
            step: "mounts".into(),
            call: "open".into(),
            subject: Some("/x".into()),
            errno: "ENOENT".into(),
        };
        let failed = Report { error: Some(error), ..report("sandbox-error") };
        let fault = of_run(&failed, Usage::default(), &limits(), true).expect_err("no verdict");
        assert_eq!(fault.0, "The sandbox failed: mounts: open: `/x`: ENOENT");
        assert_eq!(of_fault(&fault).to_string(), format!("status:XX\nmessage:{}\n", fault.0));
    }
}
