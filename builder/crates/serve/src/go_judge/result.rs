//! What came of a command, in go-judge's words.

use std::fs::File;
use std::io::{self, Read, Seek};

use run::exec::{Booth, Ended, Left};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::budget::{self, Budget};
use super::request::{Collector, Command, CopyOut};
use crate::kept::Kept;
use crate::work::Facts;

/// A command that has ended.
pub(super) struct Outcome {
    pub(super) ended: Ended,
    /// stdout and stderr, where they were collected.
    pub(super) collected: [Option<File>; 2],
}

/// What went through a pipe.
pub(super) struct Transcript {
    pub(super) name: String,
    /// `None` if the request has no room for it.
    pub(super) content: Option<Vec<u8>>,
}

/// A stream that was collected.
enum Stream {
    Whole(Vec<u8>),
    /// The beginning of a longer one.
    Cut(Vec<u8>),
    /// The request has no room for it.
    NoRoom,
}

/// A result of a command that could not be run, or whose sandbox failed.
pub(super) fn internal(what: &str) -> Value {
    json!({ "status": "Internal Error", "exitStatus": 0, "error": what, "time": 0, "memory": 0, "runTime": 0 })
}

/// Adds what went through a pipe to the result of the command that wrote it.
pub(super) fn add_transcript(result: &mut Value, Transcript { name, content }: Transcript) {
    if let Some(content) = content {
        return add_file(result, &name, &content);
    }
    if result["fileError"].is_null() {
        result["fileError"] = json!([]);
    }
    if let Some(errors) = result["fileError"].as_array_mut() {
        errors.push(file_error(&name, TOO_LONG, &no_room()));
    }
    if result["status"] == "Accepted" {
        result["status"] = "File Error".into();
    }
}

/// How go-judge calls a file that is larger than it may be.
const TOO_LONG: &str = "CopyOutSizeExceeded";

fn no_room() -> String {
    format!("the outputs of a request may have {} bytes together", budget::MOST)
}

fn file_error(name: &str, kind: &str, message: &str) -> Value {
    json!({ "name": name, "type": kind, "message": message })
}

/// Reads a stream, up to so many bytes.
fn read(mut file: File, max: u64, budget: &Budget) -> io::Result<Stream> {
    let size = file.metadata()?.len();
    let wanted = size.min(max);
    if !budget.take(usize::try_from(wanted).unwrap_or(usize::MAX)) {
        return Ok(Stream::NoRoom);
    }
    let mut content = Vec::new();
    file.rewind()?;
    file.take(wanted).read_to_end(&mut content)?;
    Ok(if size > max { Stream::Cut(content) } else { Stream::Whole(content) })
}

/// Adds a file to a result, as text: bytes that are not UTF-8 are replaced, as by go-judge.
fn add_file(result: &mut Value, name: &str, content: &[u8]) {
    if result["files"].is_null() {
        result["files"] = json!({});
    }
    result["files"][name] = String::from_utf8_lossy(content).into();
}

/// The result of a command, with the files that it left; what is to be kept gets an id.
pub(super) fn of(
    kept: &Kept,
    tenant: &str,
    command: &Command,
    booth: &Booth,
    outcome: Outcome,
    budget: &Budget,
) -> Value {
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
    let mut out = Out { kept, tenant, budget, result: &mut result, errors: Vec::new() };
    if out.put_streams(command, collected) {
        status = if status == "Accepted" { "Output Limit Exceeded" } else { status };
    }
    let is_stream = |name: &str| command.collectors.iter().flatten().any(|one| one.name == name);
    for one in command.copy_out.iter().filter(|one| !is_stream(&one.name)) {
        out.put_file(one, booth, command.copy_out_max);
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
    budget: &'a Budget,
    result: &'a mut Value,
    errors: Vec<Value>,
}

impl Out<'_> {
    /// Puts what was collected; says whether one has more than its client wanted.
    fn put_streams(&mut self, command: &Command, collected: [Option<File>; 2]) -> bool {
        let mut is_exceeded = false;
        for (collector, file) in command.collectors.iter().zip(collected) {
            let (Some(Collector { name, max }), Some(file)) = (collector, file) else { continue };
            let content = match read(file, *max, self.budget) {
                Ok(Stream::Whole(content)) => content,
                Ok(Stream::Cut(content)) => {
                    if !command.truncate {
                        self.fail(name, "CollectSizeExceeded", &format!("{name} has more than {max} bytes"));
                        is_exceeded = true;
                    }
                    content
                }
                Ok(Stream::NoRoom) => {
                    self.fail(name, TOO_LONG, &no_room());
                    continue;
                }
                Err(_) => {
                    self.fail(name, "CopyOutCopyContent", "it cannot be read");
                    continue;
                }
            };
            let is_cached = command.copy_out.iter().any(|one| one.is_cached && one.name == *name);
            self.put(name, content, is_cached);
        }
        is_exceeded
    }

    /// Puts a file that the command left.
    fn put_file(&mut self, CopyOut { name, is_optional, is_cached }: &CopyOut, booth: &Booth, max: u64) {
        match booth.take(name, max.min(self.budget.left())) {
            Ok(Left::File(content)) if self.budget.take(content.len()) => self.put(name, content, *is_cached),
            Ok(Left::File(_)) => self.fail(name, TOO_LONG, &no_room()),
            Ok(Left::Absent) if *is_optional => {}
            Ok(Left::Absent) => self.fail(name, "CopyOutOpen", "there is no such file"),
            Ok(Left::Odd) => self.fail(name, "CopyOutNotRegularFile", "it is not a regular file"),
            Ok(Left::TooLong(size)) if size > max => {
                self.fail(name, TOO_LONG, &format!("it has {size} bytes, and at most {max} are wanted"));
            }
            Ok(Left::TooLong(_)) => self.fail(name, TOO_LONG, &no_room()),
            Err(_) => self.fail(name, "CopyOutCopyContent", "it cannot be read"),
        }
    }

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
        self.errors.push(file_error(name, kind, message));
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
    use std::io::Write;

    #[test]
    fn a_stream_is_read_as_far_as_it_is_wanted_and_there_is_room() {
        let stream = |content: &str| {
            let mut file = crate::streams::in_memory("output").unwrap();
            file.write_all(content.as_bytes()).unwrap();
            file
        };
        let budget = Budget::new(10);
        assert!(matches!(read(stream("1234"), 4, &budget), Ok(Stream::Whole(content)) if content == b"1234"));
        // What is not wanted takes no room.
        assert!(
            matches!(read(stream("123456789"), 5, &budget), Ok(Stream::Cut(content)) if content == b"12345")
        );
        assert!(matches!(read(stream("12"), 5, &budget), Ok(Stream::NoRoom)));
        assert_eq!(budget.left(), 1);
    }

    #[test]
    fn a_transcript_without_room_is_an_error_of_its_file() {
        let mut result = json!({ "status": "Accepted" });
        add_transcript(&mut result, Transcript { name: "a".to_owned(), content: Some(b"x".to_vec()) });
        assert_eq!(result, json!({ "status": "Accepted", "files": { "a": "x" } }));
        add_transcript(&mut result, Transcript { name: "b".to_owned(), content: None });
        assert_eq!(
            (&result["status"], &result["fileError"][0]["type"]),
            (&json!("File Error"), &json!(TOO_LONG))
        );
    }

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
