//! Requests of every front with damage in them, and uploads that harm: each has an answer, and the service goes on.
//! `CASES=20000` tries so many of each front.

use std::env;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tungstenite::Message;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::scene::{needs_root, wait_until};
use crate::service::{Service, inits};
use crate::socket::Socket;

/// What damage makes of a request may run, but not for long.
const QUICK: &str = "slots=2 limit.cpu-time=300ms limit.wall-time=1s";
/// Of each request.
const CASES: u32 = 24;
const JSON: &str = "content-type: application/json";

/// A request that a front accepts, or refuses for what it reads last, such as an argument with a NUL: a program takes longer
/// than all readers together.
struct Seed {
    path: &'static str,
    head: &'static str,
    body: Vec<u8>,
}

fn seeds() -> Vec<Seed> {
    let native = json!({
        "language": "python", "source": "print(1)", "stdin": {"base64": "AP8="}, "args": ["a\0"],
        "limits": {"cpu_us": 100_000, "memory_bytes": 1 << 26}, "compile_limits": {},
    });
    let files = json!({"files": {"main.none": "", "a/b.py": {"base64": ""}}, "entry": "main.none"});
    let judged = json!({"language": "python", "source": "", "problem": "none"});
    let group = json!({
        "programs": [{"language": "python", "source": "print(1)"}, {"files": {"a.py": ""}, "limits": {"pids": 1}}],
        "pipes": [{"from": {"program": 0, "fd": 1}, "to": {"program": 1, "fd": 1}}],
    });
    let piston = json!({
        "language": "python", "version": ">=3.0.0 || 1.x", "stdin": "", "args": ["\0"], "run_timeout": 100,
        "compile_memory_limit": -1,
        "files": [{"content": ""}, {"name": "a.py", "content": "0011223344556677", "encoding": "hex"}],
    });
    let fusion = json!({
        "code": "", "language": "python", "run_timeout": 0.5, "memory_limit_MB": 64, "files": {"a": "AA=="},
        "fetch_files": ["a"],
    });
    let go_judge = json!({
        "requestId": "1",
        "cmd": [{
            "args": ["/none"], "env": ["A=B"], "cpuLimit": 100_000_000, "memoryLimit": 1 << 26, "procLimit": 1,
            "files": [{"content": ""}, {"name": "stdout", "max": 10}, {"name": "stderr", "max": 10}],
            "copyIn": {"a": {"content": "b"}}, "copyOut": ["stdout", "a?"],
        }],
        "pipeMapping": [],
    });
    let judge0 = json!({
        "language_id": 999, "source_code": "cHJpbnQoMSk=", "stdin": "MQ==", "cpu_time_limit": 0.5,
        "expected_output": "MQ==", "redirect_stderr_to_stdout": true,
    });
    let seed = |path, body: Value| Seed { path, head: JSON, body: body.to_string().into_bytes() };
    let form = "language_id=999&source_code=print%281%29&cpu_time_limit=0.5";
    vec![
        seed("/v1/run", native),
        seed("/v1/run", files),
        seed("/v1/group", group),
        seed("/v1/submissions?wait=0", judged.clone()),
        seed("/v1/batch", judged),
        seed("/api/v2/execute", piston),
        seed("/run_code", fusion),
        seed("/run", go_judge),
        seed("/submissions?base64_encoded=true", judge0.clone()),
        seed("/submissions/batch", json!({"submissions": [judge0]})),
        Seed {
            path: "/submissions",
            head: "content-type: application/x-www-form-urlencoded",
            body: form.into(),
        },
        Seed { path: "/v1/problems", head: JSON, body: archive(&[("problem.yaml", b"name: a\n")]) },
    ]
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What is valid where a reader may not expect it.
const WORDS: [&[u8]; 8] =
    [b"null", b"[]", b"{}", b"\"\"", b"1e999", b"-1", b"18446744073709551616", b"\"../..\""];

/// Some bytes at a place of the body are others.
fn damage() -> impl Strategy<Value = Vec<(Index, Vec<u8>, usize)>> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..9),
        vec(select(&b"\0\x01\x7f\x80\xff"[..]), 1..9),
        vec(select(&b"0919\n\r\t =:,[]{}\"'#.-%&\\eEu"[..]), 1..4),
        // Characters of several bytes, which a reader of bytes may cut.
        "[é€𝄞]{1,3}".prop_map(String::into_bytes),
        select(&WORDS[..]).prop_map(<[u8]>::to_vec),
    ];
    vec((any::<Index>(), bytes, 0_usize..24), 1..4)
}

fn damaged(body: &[u8], damages: &[(Index, Vec<u8>, usize)]) -> Vec<u8> {
    let mut body = body.to_vec();
    for (at, with, instead_of) in damages {
        let at = at.index(body.len() + 1);
        let end = body.len().min(at + instead_of);
        body.splice(at..end, with.iter().copied());
    }
    body
}

#[test]
fn a_damaged_request_has_an_answer_and_ends_nothing() {
    needs_root!();
    let service = Service::start(QUICK);
    let cases = env::var("CASES").map_or(CASES, |cases| cases.parse().unwrap());
    for Seed { path, head, body } in seeds() {
        let whole = service.request("POST", path, &[head], &body);
        assert!((200..500).contains(&whole.status), "{path}: {}", whole.text());
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&damage(), |damages| {
            let body = damaged(&body, &damages);
            let answer = service.request("POST", path, &[head], &body);
            let is_answered = (200..500).contains(&answer.status) && !answer.body.is_empty();
            let what = || format!("{} {}{}", answer.status, answer.text(), String::from_utf8_lossy(&body));
            if is_answered { Ok(()) } else { Err(TestCaseError::fail(what())) }
        });
        outcome.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    assert_eq!(service.get("/healthz").text(), "ok\n");
}

/// Messages that a WebSocket accepts, or refuses for what it reads last.
fn messages() -> [(&'static str, Vec<u8>); 2] {
    let go_judge = json!({
        "requestId": "1", "cancelRequestId": "",
        "cmd": [{"args": ["/none"], "files": [{"content": ""}, {"name": "a", "max": 9}], "cpuLimit": 100_000_000}],
    });
    let piston = json!({
        "type": "init", "language": "python", "version": "*", "args": ["\0"], "files": [{"content": ""}],
    });
    [("/ws", go_judge), ("/api/v2/connect", piston)].map(|(path, body)| (path, body.to_string().into_bytes()))
}

#[test]
fn a_damaged_message_ends_its_connection_at_the_most() {
    needs_root!();
    let service = Service::start(QUICK);
    let cases = env::var("CASES").map_or(CASES, |cases| cases.parse().unwrap());
    for (path, message) in messages() {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&damage(), |damages| {
            let message = damaged(&message, &damages);
            let mut socket = Socket::open(&service, path);
            match String::from_utf8(message) {
                Ok(text) => socket.say(Message::text(text)),
                Err(error) => socket.say_bytes(error.as_bytes()),
            }
            // What damage has made of a message may have no answer; this one has.
            if path == "/ws" {
                socket.try_send(&json!({"requestId": ""}));
            }
            // It panics if nothing comes.
            socket.next();
            // Bytes that are no frame.
            socket.say_raw(&damages.first().map_or_else(Vec::new, |(_, with, _)| with.clone()));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    assert_eq!(service.get("/healthz").text(), "ok\n");
    wait_until("nothing runs on", || inits(service.pid()) == 0);
}

/// `{}` is two bytes long, and a command of which every field is absent takes half a kilobyte.
#[test]
fn a_request_with_millions_of_values_is_refused_before_it_is_read() {
    needs_root!();
    let service = Service::start("slots=1 body=16M");
    let many = |value: &str| vec![value; 2_000_000].join(",");
    for (path, before, value, after) in [
        ("/run", r#"{"cmd":["#, "{}", "]}"),
        ("/api/v2/execute", r#"{"files":["#, r#"{"a":1}"#, "]}"),
        ("/run_code", r#"{"code":"","language":"python","fetch_files":["#, "\"\"", "]}"),
        ("/submissions", r#"{"a":["#, "[]", "]}"),
        ("/submissions/batch", r#"{"submissions":["#, "{}", "]}"),
        ("/v1/run", r#"{"args":["#, "\"\"", "]}"),
        ("/v1/group", r#"{"programs":["#, "{}", "]}"),
        ("/v1/submissions", r#"{"args":["#, "\"\"", "]}"),
        ("/v1/batch", r#"{"args":["#, "\"\"", "]}"),
    ] {
        let body = format!("{before}{}{after}", many(value));
        let answer = service.request("POST", path, &[JSON], body.as_bytes()).text();
        assert!(answer.contains("at most 65536 values"), "{path}: {answer}");
    }
    assert!(service.peak() < 150 << 20, "{} bytes", service.peak());
}

/// Bytes of all files below a directory.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

#[test]
fn an_upload_cannot_climb_nor_swell() {
    needs_root!();
    let service = Service::start("slots=1 data=data");
    let zeros = vec![0; 128 << 20];
    for (what, zip) in [
        ("problem.yaml", archive(&[("problem.yaml", b"name: a\n"), ("data/secret/1.in", &zeros)])),
        ("../climbed", archive(&[("../climbed", b"")])),
        ("/climbed", archive(&[("/climbed", b"")])),
    ] {
        let answer = service.request("POST", "/v1/problems", &[JSON], &zip);
        assert_eq!(answer.status, 422, "{what}: {}", answer.text());
    }
    assert!(!service.scene.path("climbed").exists() && !service.scene.path("../climbed").exists());
    assert!(size(&service.scene.path("data")) < 8 << 20, "it has kept what it refused");
}

#[test]
fn no_front_writes_a_file_outside_the_box() {
    needs_root!();
    let service = Service::start(QUICK);
    for name in ["../x", "/x", "a/../../x", "a//b", ".", "..", "", "a\0b", "a/", &"x".repeat(5000)] {
        let fronts = [
            (
                "/v1/run",
                json!({"language": "python", "files": {"main.py": "", name: "x"}, "entry": "main.py"}),
            ),
            (
                "/api/v2/execute",
                json!({"language": "python", "version": "*", "files": [{"name": "main.py", "content": ""}, {"name": name, "content": "x"}]}),
            ),
            ("/run_code", json!({"language": "python", "code": "", "files": {name: "eA=="}})),
            (
                "/run",
                json!({"cmd": [{"args": ["/usr/bin/python3", "-V"], "copyIn": {name: {"content": "x"}}}]}),
            ),
        ];
        for (path, body) in fronts {
            // Piston gives a file without a name one.
            if name.is_empty() && path == "/api/v2/execute" {
                continue;
            }
            let answer = service.post(path, &body);
            assert!((400..500).contains(&answer.status), "{name:.20} {path}: {}", answer.text());
        }
    }
}
