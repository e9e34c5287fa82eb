//! A submission as Judge0 gives it back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::form::Extra;
use crate::store::{Row, State};
use crate::work::{Done, Work};

/// Judge0's statuses.
pub(super) const STATUSES: [(u8, &str); 14] = [
    (1, "In Queue"),
    (2, "Processing"),
    (3, "Accepted"),
    (4, "Wrong Answer"),
    (5, "Time Limit Exceeded"),
    (6, "Compilation Error"),
    (7, "Runtime Error (SIGSEGV)"),
    (8, "Runtime Error (SIGXFSZ)"),
    (9, "Runtime Error (SIGFPE)"),
    (10, "Runtime Error (SIGABRT)"),
    (11, "Runtime Error (NZEC)"),
    (12, "Runtime Error (Other)"),
    (13, "Internal Error"),
    (14, "Exec Format Error"),
];

/// What an answer has that asks for no fields.
const DEFAULT_FIELDS: [&str; 8] =
    ["token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"];
/// Base64 has lines of this length, as Ruby's encode64.
const LINE: usize = 60;

/// How an answer is to be.
pub(super) struct Wish<'a> {
    pub(super) is_base64: bool,
    /// Names, or `*`.
    pub(super) fields: Option<&'a str>,
}

/// The answer; the error is that some bytes are no text.
pub(super) fn answer(
    row: &Row,
    work: Option<&Work>,
    language: &Value,
    wish: &Wish<'_>,
) -> Result<Value, &'static str> {
    let done: Option<Done> = row.result.as_deref().and_then(|result| serde_json::from_str(result).ok());
    let extra: Option<Extra> = serde_json::from_str(&row.extra).ok();
    let mut all = facts(row, done.as_ref(), extra.as_ref());
    if work.is_some() {
        all.insert("language".to_owned(), language.clone());
        all.insert("language_id".to_owned(), language["id"].clone());
    }
    let wanted: Option<Vec<&str>> = match wish.fields {
        Some("*") => None,
        Some(fields) => Some(fields.split(',').map(str::trim).collect()),
        None => Some(DEFAULT_FIELDS.to_vec()),
    };
    // Bytes that are no text are an error only where they are asked for.
    for (field, bytes) in texts(done, work, extra.as_ref()) {
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&field)) {
            all.insert(field.to_owned(), encoded(bytes.as_deref(), wish.is_base64)?);
        }
    }
    let Some(wanted) = wanted else { return Ok(with_rest(all)) };
    let value = |field: &str| all.get(field).cloned().unwrap_or(Value::Null);
    Ok(wanted.into_iter().map(|field| (field.to_owned(), value(field))).collect())
}

/// The fields that are text or base64; an empty one is none.
fn texts(
    done: Option<Done>,
    work: Option<&Work>,
    extra: Option<&Extra>,
) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let some = |bytes: Vec<u8>| Some(bytes).filter(|bytes| !bytes.is_empty());
    let mut texts = Vec::new();
    if let Some(mut done) = done {
        if extra.is_some_and(|extra| extra.redirect_stderr_to_stdout) {
            let stderr = std::mem::take(&mut done.stderr.0);
            done.stdout.0.extend(stderr);
        }
        texts.push(("message", message(&done).map(String::into_bytes)));
        texts.push(("stdout", some(done.stdout.0)));
        texts.push(("stderr", some(done.stderr.0)));
        texts.push(("compile_output", done.compile.and_then(|step| some(step.text.0))));
    }
    if let Some(work) = work {
        let source = work.program.submission.files().first();
        texts.push(("source_code", source.map(|file| file.content.clone())));
        texts.push(("stdin", some(work.stdin.0.clone())));
        let expected = extra.and_then(|extra| extra.expected_output.as_ref());
        texts.push(("expected_output", expected.map(|text| text.0.clone())));
    }
    texts
}

/// What needs no choice between text and base64.
fn facts(row: &Row, done: Option<&Done>, extra: Option<&Extra>) -> Map<String, Value> {
    let id = status(row, done, extra);
    let description =
        STATUSES.iter().find(|(known, _)| *known == id).map_or("", |(_, description)| description);
    let run = done.and_then(|done| done.run.as_ref()).map(|step| &step.facts);
    let seconds = |time: Option<u64>| time.map(|time| format!("{:.3}", time as f64 / 1e6));
    let fields = json!({
        "token": row.id,
        "status": { "id": id, "description": description },
        "status_id": id,
        "time": seconds(run.and_then(|run| run.cpu_us)),
        "wall_time": seconds(run.and_then(|run| run.wall_us)),
        "memory": run.and_then(|run| run.memory_peak_bytes).map(|bytes| bytes >> 10),
        "exit_code": run.and_then(|run| run.exit_code),
        "exit_signal": run.and_then(|run| run.signal),
        "created_at": date(Some(row.created_ms)),
        "finished_at": date(row.finished_ms),
        "number_of_runs": 1,
        "enable_network": false,
        "redirect_stderr_to_stdout": extra.is_some_and(|extra| extra.redirect_stderr_to_stdout),
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

fn status(row: &Row, done: Option<&Done>, extra: Option<&Extra>) -> u8 {
    let Some(done) = done else {
        return match row.state {
            State::Queued => 1,
            State::Running => 2,
            _ => 13,
        };
    };
    let signal = done.run.as_ref().and_then(|step| step.facts.signal);
    match (done.status.as_str(), signal) {
        ("ok", _) => match extra.and_then(|extra| extra.expected_output.as_ref()) {
            Some(expected) if !is_equal(&expected.0, &done.stdout.0) => 4,
            _ => 3,
        },
        ("cpu-time-limit" | "wall-time-limit" | "idle-time-limit", _) => 5,
        ("compile-error", _) => 6,
        ("signaled", Some(11)) => 7,
        ("output-limit", _) | ("signaled", Some(25)) => 8,
        ("signaled", Some(8)) => 9,
        ("signaled", Some(6)) => 10,
        ("nonzero-exit", _) => 11,
        ("signaled" | "memory-limit" | "forbidden-syscall", _) => 12,
        ("not-found", _) => 14,
        _ => 13,
    }
}

fn message(done: &Done) -> Option<String> {
    if let Some(failure) = done.failure() {
        return Some(failure);
    }
    let facts = done.run.as_ref().map(|step| step.facts.clone()).unwrap_or_default();
    match (done.status.as_str(), facts.signal, facts.exit_code) {
        ("ok" | "compile-error", ..) => None,
        ("cpu-time-limit", ..) => Some("Time limit exceeded".to_owned()),
        ("wall-time-limit" | "idle-time-limit", ..) => Some("Time limit exceeded (wall clock)".to_owned()),
        ("memory-limit", ..) => Some("Memory limit exceeded".to_owned()),
        (_, Some(signal), _) => Some(format!("Caught fatal signal {signal}")),
        (_, None, code) => Some(format!("Exited with error status {}", code.unwrap_or(1))),
    }
}

/// Blanks at the ends of lines and of the text do not count.
fn is_equal(expected: &[u8], found: &[u8]) -> bool {
    let lines = |text: &[u8]| {
        let lines: Vec<Vec<u8>> =
            text.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec()).collect();
        lines.join(&b'\n').trim_ascii_end().to_vec()
    };
    lines(expected) == lines(found)
}

/// In lines of 60 with one at the end, as Ruby has it; or as text.
fn encoded(bytes: Option<&[u8]>, is_base64: bool) -> Result<Value, &'static str> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    if !is_base64 {
        let text = str::from_utf8(bytes);
        return text.map(Value::from).map_err(|_| {
            "some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter"
        });
    }
    let code = STANDARD.encode(bytes);
    let lines = code.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line) + "\n");
    Ok(lines.collect::<String>().into())
}

/// `2026-11-30T15:36:04.123Z`: always with three decimals, without which the SDK does not read it.
fn date(milliseconds: Option<i64>) -> Option<String> {
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds?) * 1_000_000).ok()?;
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second, millisecond) = date.to_hms_milli();
    let month = u8::from(month);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"))
}

/// Fields that a submission of ours never has. The SDK reads these, and fails if there are others.
fn with_rest(mut all: Map<String, Value>) -> Value {
    for field in [
        "compiler_options",
        "command_line_arguments",
        "callback_url",
        "additional_files",
        "post_execution_filesystem",
        "cpu_time_limit",
        "cpu_extra_time",
        "wall_time_limit",
        "memory_limit",
        "stack_limit",
        "max_processes_and_or_threads",
        "max_file_size",
        "enable_per_process_and_thread_time_limit",
        "enable_per_process_and_thread_memory_limit",
        "stdout",
        "stderr",
        "compile_output",
        "message",
    ] {
        all.entry(field).or_insert(Value::Null);
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_compared_without_blanks_at_ends() {
        assert!(is_equal(b"a\nb", b"a  \nb\n\n") && is_equal(b"", b"\n"));
        assert!(!is_equal(b"a b", b"a  b") && !is_equal(b"a\n\nb", b"a\nb"));
    }

    #[test]
    fn base64_has_lines_as_rubys() {
        assert_eq!(encoded(Some(b"hi"), true), Ok("aGk=\n".into()));
        let long = encoded(Some(&[0; 50]), true).unwrap();
        let lengths: Vec<usize> = long.as_str().unwrap().lines().map(str::len).collect();
        assert_eq!(lengths, [60, 8]);
        assert!(encoded(Some(b"\xff"), false).is_err());
        assert_eq!(encoded(None, true), Ok(Value::Null));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_796_053_904_781, "2026-11-30T15:51:44.781Z"),
        ] {
            assert_eq!(date(Some(milliseconds)).as_deref(), Some(text));
        }
    }
}
