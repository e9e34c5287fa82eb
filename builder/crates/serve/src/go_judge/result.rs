//! What came of a command, in go-judge's words.

use run::exec::{Booth, Ended, Left};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request::{Collector, Command};
use crate::kept::Kept;
use crate::work::Facts;

/// A command that has ended.
pub(super) struct Outcome {
    pub(super) ended: Ended,
    /// stdout and stderr, where they were collected.
    pub(super) collected: [Option<Vec<u8>>; 2],
}

/// A result of a command that could not be run, or whose sandbox failed.
pub(super) fn internal(what: &str) -> Value {
    json!({ "status": "Internal Error", "exitStatus": 0, "error": what, "time": 0, "memory": 0, "runTime": 0 })
}

/// Adds a file to a result, as text: bytes that are not UTF-8 are replaced, as by go-judge.
pub(super) fn add_file(result: &mut Value, name: &str, content: &[u8]) {
    if result["files"].is_null() {
        result["files"] = json!({});
    }
    result["files"][name] = String::from_utf8_lossy(content).into();
}

/// The result of a command, with the files that it left; what is to be kept gets an id.
pub(super) fn of(kept: &Kept, tenant: &str, command: &Command, booth: &Booth, outcome: Outcome) -> Value {
    let Outcome { ended, collected } = outcome;
    let report: Map<String, Value> = serde_json::from_str(&ended.report).unwrap_or_default();
    let facts = Facts::deserialize(&Value::Object(report.clone())).unwrap_or_default();
    let (mut status, exit) = verdict(&ended.status, &facts);
    let mut result = json!({
        "exitStatus": exit,
        "time": facts.cpu_us.unwrap_or_default().saturating_mul(1000),
        "memory": facts.memory_peak_bytes.unwrap_or_default(),
        "runTime": facts.wall_us.unwrap_or_default().saturating_mul(1000),
    });
    let mut out = Out { kept, tenant, result: &mut result, errors: Vec::new() };
    let mut streams = Vec::new();
    for (collector, content) in command.collectors.iter().zip(collected) {
        if let (Some(Collector { name, max }), Some(mut content)) = (collector, content) {
            if content.len() as u64 > *max {
                content.truncate(usize::try_from(*max).unwrap_or(usize::MAX));
                if !command.truncate {
                    out.fail(name, "CollectSizeExceeded", &format!("{name} has more than {max} bytes"));
                    status = if status == "Accepted" { "Output Limit Exceeded" } else { status };
                }
            }
            streams.push((name.clone(), content));
        }
    }
    for (name, content) in streams {
        let is_cached = command.copy_out.iter().any(|one| one.is_cached && one.name == name);
        out.put(&name, content, is_cached);
    }
    let is_stream = |name: &str| command.collectors.iter().flatten().any(|one| one.name == name);
    for one in command.copy_out.iter().filter(|one| !is_stream(&one.name)) {
        match booth.take(&one.name, command.copy_out_max) {
            Ok(Left::File(content)) => out.put(&one.name, content, one.is_cached),
            Ok(Left::Absent) if one.is_optional => {}
            Ok(Left::Absent) => out.fail(&one.name, "CopyOutOpen", "there is no such file"),
            Ok(Left::Odd) => out.fail(&one.name, "CopyOutNotRegularFile", "it is not a regular file"),
            Ok(Left::TooLong(size)) => {
                let what = format!("it has {size} bytes, and at most {} are wanted", command.copy_out_max);
                out.fail(&one.name, "CopyOutSizeExceeded", &what);
            }
            Err(_) => out.fail(&one.name, "CopyOutCopyContent", "it cannot be read"),
        }
    }
    let errors = out.errors;
    if !errors.is_empty() {
        status = if status == "Accepted" { "File Error" } else { status };
        result["fileError"] = errors.into();
    }
    if status == "Internal Error" {
        result["error"] = report.get("error").map_or_else(|| ended.status.clone(), Value::to_string).into();
    }
    result["status"] = status.into();
    result
}

/// Where files of a result go.
struct Out<'a> {
    kept: &'a Kept,
    tenant: &'a str,
    result: &'a mut Value,
    errors: Vec<Value>,
}

impl Out<'_> {
    fn put(&mut self, name: &str, content: Vec<u8>, is_cached: bool) {
        if !is_cached {
            return add_file(self.result, name, &content);
        }
        match self.kept.put(self.tenant, name, content) {
            Ok(id) => {
                if self.result["fileIds"].is_null() {
                    self.result["fileIds"] = json!({});
                }
                self.result["fileIds"][name] = id.into();
            }
            Err(what) => self.fail(name, "CopyOutCreateFile", &what),
        }
    }

    fn fail(&mut self, name: &str, kind: &str, message: &str) {
        self.errors.push(json!({ "name": name, "type": kind, "message": message }));
    }
}

/// go-judge's status, and the exit code or the number of the signal.
fn verdict(status: &str, facts: &Facts) -> (&'static str, i64) {
    let code = facts.exit_code.or(facts.signal).unwrap_or_default();
    let killed = facts.signal.unwrap_or(9);
    match status {
        "ok" => ("Accepted", 0),
        "nonzero-exit" => ("Nonzero Exit Status", code),
        "signaled" => ("Signalled", killed),
        "forbidden-syscall" => ("Dangerous Syscall", facts.signal.unwrap_or(31)),
        "memory-limit" => ("Memory Limit Exceeded", killed),
        "cpu-time-limit" | "wall-time-limit" | "idle-time-limit" => ("Time Limit Exceeded", killed),
        "output-limit" => ("Output Limit Exceeded", killed),
        // The program cannot be started, or the sandbox failed: it has no verdict.
        _ => ("Internal Error", 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_one_of_go_judges() {
        let facts = Facts { exit_code: Some(3), ..Facts::default() };
        let killed = Facts { signal: Some(11), ..Facts::default() };
        for (status, facts, found) in [
            ("ok", &facts, ("Accepted", 0)),
            ("nonzero-exit", &facts, ("Nonzero Exit Status", 3)),
            ("signaled", &killed, ("Signalled", 11)),
            ("memory-limit", &Facts::default(), ("Memory Limit Exceeded", 9)),
            ("wall-time-limit", &Facts::default(), ("Time Limit Exceeded", 9)),
            ("output-limit", &Facts::default(), ("Output Limit Exceeded", 9)),
            ("sandbox-error", &Facts::default(), ("Internal Error", 0)),
            ("not-found", &Facts::default(), ("Internal Error", 0)),
        ] {
            assert_eq!(verdict(status, facts), found, "{status}");
        }
    }
}
