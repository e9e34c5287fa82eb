//! What init reports of a run, as far as a verdict needs it.

use serde::Deserialize;
use serde_json::Value;

use crate::problem::Verdict;

/// A run that ended.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) verdict: Verdict,
    /// In init's words; empty without a report.
    pub(super) status: String,
    /// The report as init wrote it.
    pub(super) report: Option<Value>,
    pub(super) cpu_us: Option<u64>,
    pub(super) wall_us: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) exit_code: Option<i64>,
    /// How far the CPU time can be off, and whether it can be used.
    pub(super) timing: Option<Timing>,
    /// What is to be known of the end, in a few words.
    pub(super) message: String,
}

/// What matters of the block `timing`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Timing {
    pub(super) error_us: Option<u64>,
    pub(super) reliable: bool,
}

#[derive(Deserialize)]
struct Report {
    status: String,
    cpu_us: Option<u64>,
    wall_us: Option<u64>,
    memory_peak_bytes: Option<u64>,
    exit_code: Option<i64>,
    signal: Option<i64>,
    timing: Option<Timing>,
}

impl Facts {
    /// From init's report; `ok` is [`Verdict::Accepted`] until the output is checked.
    pub(super) fn read(text: &str) -> Facts {
        let report: Option<Value> = serde_json::from_str(text).ok();
        let Some(read) = report.clone().and_then(|value| serde_json::from_value::<Report>(value).ok()) else {
            return Facts::failed("init wrote no report".to_owned());
        };
        let (verdict, message) = match (read.status.as_str(), read.exit_code, read.signal) {
            ("ok", ..) => (Verdict::Accepted, String::new()),
            ("nonzero-exit", Some(code), _) => (Verdict::RunTimeError, format!("exit code {code}")),
            ("signaled", _, Some(signal)) => (Verdict::RunTimeError, format!("signal {signal}")),
            (status @ ("wall-time-limit" | "idle-time-limit"), ..) => {
                (verdict(status), format!("{status}{}", waited(&read)))
            }
            (status, ..) => (verdict(status), status.to_owned()),
        };
        Facts {
            verdict,
            status: read.status,
            report,
            cpu_us: read.cpu_us,
            wall_us: read.wall_us,
            memory_bytes: read.memory_peak_bytes,
            exit_code: read.exit_code,
            timing: read.timing,
            message,
        }
    }

    /// A run that may take longer than its limit, to see by how much, was too slow if it did; however it ended.
    pub(super) fn hold_to_limit(&mut self, limit_us: Option<u64>) {
        let is_slow = self.cpu_us.zip(limit_us).is_some_and(|(cpu_us, limit_us)| cpu_us > limit_us);
        let is_own = !matches!(self.verdict, Verdict::InternalError | Verdict::TimeLimit);
        if is_slow && is_own {
            (self.verdict, self.message) = (Verdict::TimeLimit, "cpu-time-limit".to_owned());
        }
    }

    /// Whether the CPU time is nearer to the limit than it can be off, as far as that counts.
    pub(super) fn is_near(&self, limit_us: Option<u64>) -> bool {
        self.reaches(limit_us, counted_error)
    }

    /// Whether the CPU time can be used for the verdict: nothing disturbed the measurement, and the error does not reach
    /// the limit. Absent where nothing is known.
    pub(super) fn is_reliable(&self, limit_us: Option<u64>) -> Option<bool> {
        Some(self.timing?.reliable && !self.reaches(limit_us, |error_us, _| error_us))
    }

    /// Whether the error, as far as it counts for a limit, reaches the limit.
    fn reaches(&self, limit_us: Option<u64>, counted: fn(u64, u64) -> u64) -> bool {
        let error_us = self.timing.and_then(|timing| timing.error_us);
        let all = self.cpu_us.zip(limit_us).zip(error_us);
        all.is_some_and(|((cpu_us, limit_us), error_us)| {
            cpu_us.abs_diff(limit_us) <= counted(error_us, limit_us)
        })
    }

    /// What all processes of a submission used together, and how far that can be off. Where that of one is not known, these
    /// stay as they are.
    pub(super) fn add_up<'a>(&mut self, all: impl Iterator<Item = &'a Facts> + Clone) {
        let timings = || all.clone().map(|facts| facts.timing);
        let error_us = timings().map(|timing| timing?.error_us).sum::<Option<u64>>();
        let reliable = timings().try_fold(true, |so_far, timing| Some(so_far && timing?.reliable));
        let timing = reliable.map(|reliable| Timing { error_us, reliable });
        self.cpu_us = all.map(|facts| facts.cpu_us).sum::<Option<u64>>().or(self.cpu_us);
        self.timing = timing.or(self.timing);
    }

    /// The sandbox failed.
    pub(super) fn failed(message: String) -> Facts {
        Facts {
            verdict: Verdict::InternalError,
            status: String::new(),
            report: None,
            cpu_us: None,
            wall_us: None,
            memory_bytes: None,
            exit_code: None,
            timing: None,
            message,
        }
    }
}

/// How much of an error counts, where a limit is compared with. A machine whose times are off by more than a tenth would
/// otherwise repeat everything, and let every run take much longer than it may.
pub(super) fn counted_error(error_us: u64, limit_us: u64) -> u64 {
    error_us.min(limit_us / 10)
}

/// How much of its time a run computed that a limit of waiting ended.
fn waited(report: &Report) -> String {
    let (Some(cpu), Some(wall)) = (report.cpu_us, report.wall_us) else { return String::new() };
    let seconds = |us: u64| us as f64 / 1e6;
    format!(": {:.2} s of CPU time in {:.2} s", seconds(cpu), seconds(wall))
}

/// A status whose message has no number of its own.
fn verdict(status: &str) -> Verdict {
    match status {
        "cpu-time-limit" | "wall-time-limit" | "idle-time-limit" => Verdict::TimeLimit,
        "memory-limit" => Verdict::MemoryLimit,
        "output-limit" => Verdict::OutputLimit,
        "nonzero-exit" | "signaled" | "forbidden-syscall" | "not-found" => Verdict::RunTimeError,
        _ => Verdict::InternalError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        for (report, verdict, message) in [
            (r#"{"status":"ok","exit_code":0}"#, Verdict::Accepted, ""),
            (r#"{"status":"nonzero-exit","exit_code":3}"#, Verdict::RunTimeError, "exit code 3"),
            (r#"{"status":"signaled","signal":11}"#, Verdict::RunTimeError, "signal 11"),
            (r#"{"status":"idle-time-limit"}"#, Verdict::TimeLimit, "idle-time-limit"),
            (
                r#"{"status":"wall-time-limit","cpu_us":300000,"wall_us":6000000}"#,
                Verdict::TimeLimit,
                "wall-time-limit: 0.30 s of CPU time in 6.00 s",
            ),
            (r#"{"status":"memory-limit"}"#, Verdict::MemoryLimit, "memory-limit"),
            (r#"{"status":"output-limit"}"#, Verdict::OutputLimit, "output-limit"),
            (r#"{"status":"forbidden-syscall"}"#, Verdict::RunTimeError, "forbidden-syscall"),
            (r#"{"status":"sandbox-error"}"#, Verdict::InternalError, "sandbox-error"),
            (r#"{"status":"something new"}"#, Verdict::InternalError, "something new"),
            ("", Verdict::InternalError, "init wrote no report"),
        ] {
            let facts = Facts::read(report);
            assert_eq!((facts.verdict, facts.message.as_str()), (verdict, message), "{report}");
        }
    }

    #[test]
    fn a_time_above_the_limit_is_too_slow_however_the_run_ended() {
        for (status, verdict) in [
            (r#""status":"ok""#, Verdict::TimeLimit),
            (r#""status":"nonzero-exit","exit_code":1"#, Verdict::TimeLimit),
            (r#""status":"output-limit""#, Verdict::TimeLimit),
            (r#""status":"memory-limit""#, Verdict::TimeLimit),
            (r#""status":"sandbox-error""#, Verdict::InternalError),
        ] {
            let mut facts = Facts::read(&format!("{{{status},\"cpu_us\":1001}}"));
            facts.hold_to_limit(Some(1000));
            assert_eq!(facts.verdict, verdict, "{status}");
        }
        for limit in [None, Some(1001)] {
            let mut facts = Facts::read(r#"{"status":"ok","cpu_us":1001}"#);
            facts.hold_to_limit(limit);
            assert_eq!(facts.verdict, Verdict::Accepted);
        }
    }

    #[test]
    fn a_time_is_near_the_limit_if_its_error_reaches_it() {
        let near = |cpu_us: u64, error: &str| {
            let timing = format!(r#"{{"error_us":{error},"reliable":true}}"#);
            let report = format!(r#"{{"status":"ok","cpu_us":{cpu_us},"timing":{timing}}}"#);
            Facts::read(&report).is_near(Some(1000))
        };
        assert!(near(950, "50") && near(1050, "50") && near(1000, "0"));
        assert!(!near(949, "50") && !near(1051, "50") && !near(1000, "null"));
        // No more than a tenth of the limit counts.
        assert!(near(900, "500") && near(1100, "500") && !near(899, "500") && !near(1101, "500"));
    }

    #[test]
    fn a_time_whose_error_reaches_the_limit_says_nothing_about_it() {
        let is_reliable = |timing: &str, limit_us| {
            let report = format!(r#"{{"status":"ok","cpu_us":700,"timing":{timing}}}"#);
            Facts::read(&report).is_reliable(limit_us)
        };
        let timing = |error: u64, reliable: bool| format!(r#"{{"error_us":{error},"reliable":{reliable}}}"#);
        // All of the error counts here.
        for (error, limit_us, wanted) in
            [(299, Some(1000), true), (300, Some(1000), false), (300, None, true), (0, Some(700), false)]
        {
            assert_eq!(is_reliable(&timing(error, true), limit_us), Some(wanted), "{error} {limit_us:?}");
            assert_eq!(is_reliable(&timing(error, false), limit_us), Some(false));
        }
        assert_eq!(is_reliable("null", Some(1000)), None);
    }

    #[test]
    fn the_limit_is_for_all_processes_together() {
        let one = |cpu_us: &str, timing: &str| {
            Facts::read(&format!(r#"{{"status":"ok","cpu_us":{cpu_us},"timing":{timing}}}"#))
        };
        let added = |all: [Facts; 2]| {
            let mut sum = all[0].clone();
            sum.add_up(all.iter());
            (sum.cpu_us, sum.timing.map(|timing| (timing.error_us, timing.reliable)), sum.is_near(Some(1000)))
        };
        let [sure, unsure] =
            [true, false].map(|reliable| format!(r#"{{"error_us":30,"reliable":{reliable}}}"#));
        assert!(!one("480", &sure).is_near(Some(1000)));
        let all = [one("480", &sure), one("470", &unsure)];
        assert_eq!(added(all), (Some(950), Some((Some(60), false)), true));
        let all = [one("990", &sure), one("990", &sure)];
        assert_eq!(added(all), (Some(1980), Some((Some(60), true)), false));
        let without = [one("480", &sure), one("null", "null")];
        assert_eq!(added(without), (Some(480), Some((Some(30), true)), false));
    }
}
