//! What came of a program, in Piston's words.

use serde_json::{Value, json};

use crate::signal;
use crate::work::{Done, Facts, Step};

/// The answer of `POST /execute`. A program that does not compile has the compile step's result twice, as with Piston.
pub(super) fn answer(done: &Done, language: &str, version: &str) -> Value {
    let failed = done.status == "compile-error";
    let compile = done.compile.as_ref().map(|step| {
        let status = if failed { done.cause.as_deref().unwrap_or("nonzero-exit") } else { "ok" };
        stage(status, step, b"", &step.text.0)
    });
    let run = match (&done.run, &compile) {
        (Some(step), _) => stage(&done.status, step, &done.stdout.0, &done.stderr.0),
        (None, Some(compile)) => compile.clone(),
        (None, None) => Value::Null,
    };
    let mut answer = json!({ "language": language, "version": version, "run": run });
    if let Some(compile) = compile {
        answer["compile"] = compile;
    }
    answer
}

/// How a step ended.
pub(super) struct Ending {
    pub(super) code: Option<i64>,
    pub(super) signal: Option<String>,
    pub(super) message: Option<String>,
    /// `None` for a program that ended by itself with exit code 0.
    pub(super) status: Option<&'static str>,
}

impl Ending {
    pub(super) fn new(status: &str, facts: &Facts, is_stderr_longer: bool) -> Ending {
        let killed = Some("SIGKILL".to_owned());
        let (word, signal, message) = match status {
            "ok" => (None, None, None),
            "cpu-time-limit" => (Some("TO"), killed, Some("Time limit exceeded".to_owned())),
            "wall-time-limit" | "idle-time-limit" => {
                (Some("TO"), killed, Some("Time limit exceeded (wall clock)".to_owned()))
            }
            "output-limit" if is_stderr_longer => {
                (Some("EL"), killed, Some("stderr length exceeded".to_owned()))
            }
            "output-limit" => (Some("OL"), killed, Some("stdout length exceeded".to_owned())),
            "memory-limit" => (Some("SG"), killed, Some("Memory limit exceeded".to_owned())),
            "forbidden-syscall" => {
                (Some("SG"), Some("SIGSYS".to_owned()), Some("Caught fatal signal 31".to_owned()))
            }
            _ => match (facts.signal, facts.exit_code) {
                (Some(number), _) => {
                    (Some("SG"), Some(signal::name(number)), Some(format!("Caught fatal signal {number}")))
                }
                (None, code) => {
                    (Some("RE"), None, Some(format!("Exited with error status {}", code.unwrap_or(1))))
                }
            },
        };
        let code = if signal.is_some() { None } else { facts.exit_code };
        Ending { code, signal, message, status: word }
    }
}

fn stage(status: &str, step: &Step, stdout: &[u8], stderr: &[u8]) -> Value {
    let facts = &step.facts;
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let Ending { code, signal, message, status } = Ending::new(status, facts, stderr.len() > stdout.len());
    json!({
        "stdout": stdout,
        "stderr": stderr,
        "output": format!("{stdout}{stderr}"),
        "code": code,
        "signal": signal,
        "message": message,
        "status": status,
        "memory": facts.memory_peak_bytes,
        "cpu_time": facts.cpu_us.map(|time| time / 1000),
        "wall_time": facts.wall_us.map(|time| time / 1000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(report: &str) -> Option<Step> {
        Step::read(report, b"text".to_vec())
    }

    #[test]
    fn each_status_has_pistons_words() {
        for (status, report, expected) in [
            ("ok", r#"{"status":"ok","exit_code":0}"#, json!([0, null, null])),
            ("nonzero-exit", r#"{"status":"nonzero-exit","exit_code":3}"#, json!([3, null, "RE"])),
            ("signaled", r#"{"status":"signaled","signal":11}"#, json!([null, "SIGSEGV", "SG"])),
            ("cpu-time-limit", r#"{"status":"cpu-time-limit","signal":9}"#, json!([null, "SIGKILL", "TO"])),
            // A runtime said so by its exit code.
            ("memory-limit", r#"{"status":"nonzero-exit","exit_code":3}"#, json!([null, "SIGKILL", "SG"])),
            ("output-limit", r#"{"status":"output-limit","exit_code":0}"#, json!([null, "SIGKILL", "OL"])),
            ("not-found", r#"{"status":"not-found","exit_code":127}"#, json!([127, null, "RE"])),
        ] {
            let done = Done { status: status.to_owned(), run: step(report), ..Done::default() };
            let run = &answer(&done, "c", "1.0.0")["run"];
            assert_eq!(json!([run["code"], run["signal"], run["status"]]), expected, "{status}");
        }
    }

    #[test]
    fn what_does_not_compile_has_that_result_twice() {
        let cause = Some("nonzero-exit".to_owned());
        let compile = step(r#"{"status":"nonzero-exit","exit_code":1}"#);
        let done = Done { status: "compile-error".to_owned(), cause, compile, ..Done::default() };
        let answer = answer(&done, "c", "1.0.0");
        assert_eq!(answer["run"], answer["compile"]);
        assert_eq!((&answer["run"]["code"], &answer["run"]["output"]), (&1.into(), &"text".into()));
    }
}
