//! Piston's `/connect`: programs to which their clients talk while they run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::scene::{needs_root, wait_until};
use crate::service::{Service, inits};
use crate::socket::{Heard, Socket};

const PATH: &str = "/api/v2/connect";

fn init(source: &str) -> Value {
    json!({"type": "init", "language": "python", "version": "*", "files": [{"content": source}]})
}

fn stdin(data: &str) -> Value {
    json!({"type": "data", "stream": "stdin", "data": data})
}

fn signal(name: &str) -> Value {
    json!({"type": "signal", "signal": name})
}

/// Opens it, has a program of Python run, and reads on to its start.
fn started(service: &Service, init: &Value) -> Socket {
    let mut socket = Socket::open(service, PATH);
    socket.send(init);
    assert_eq!(socket.message()["type"], "runtime");
    runs(&mut socket);
    socket
}

/// Reads on to the start of the program: Python, too, has a compile step, which finds mistakes of its syntax.
fn runs(socket: &mut Socket) {
    assert_eq!(socket.message(), json!({"type": "stage", "stage": "compile"}));
    let compiled = socket.message();
    assert_eq!(json!([compiled["type"], compiled["stage"], compiled["code"]]), json!(["exit", "compile", 0]));
    assert_eq!(socket.message(), json!({"type": "stage", "stage": "run"}));
}

/// What the program writes, up to a text.
fn until(socket: &mut Socket, stream: &str, end: &str) {
    let mut text = String::new();
    while !text.ends_with(end) {
        let message = socket.message();
        assert_eq!(
            (&message["type"], &message["stream"]),
            (&"data".into(), &stream.into()),
            "{text}{message}"
        );
        text.push_str(message["data"].as_str().unwrap());
    }
    assert_eq!(text, end);
}

/// The exit code, the signal and the status of the run; then it is closed.
fn exit(socket: &mut Socket) -> Value {
    exit_of(socket, "run")
}

fn exit_of(socket: &mut Socket, stage: &str) -> Value {
    let mut message = socket.message();
    while message["type"] == "data" {
        message = socket.message();
    }
    assert_eq!((&message["type"], &message["stage"]), (&"exit".into(), &stage.into()), "{message}");
    assert_eq!(socket.next(), Heard::Closed(4999));
    json!([message["code"], message["signal"], message["status"]])
}

fn is_idle(service: &Service) -> bool {
    inits(service.pid()) == 0 && service.get("/v1/status").json()["busy"] == 0
}

#[test]
fn a_program_reads_and_writes_while_it_runs() {
    needs_root!();
    let service = Service::start("slots=1");
    // Python writes to a pipe when its buffer is full, or when it is told to.
    let source = "import functools, sys\nprint = functools.partial(print, flush=True)\nprint('name?')\nname = input()\n\
        print('hello', name, 'é𝄞')\ninput()\nprint(sys.argv[1:], file=sys.stderr)\nsys.exit(3)";
    let mut asked = init(source);
    asked["args"] = json!(["1"]);
    let mut socket = Socket::open(&service, "/api/v2/piston/connect/");
    socket.send(&asked);
    let runtime = socket.message();
    assert_eq!((&runtime["type"], &runtime["language"]), (&"runtime".into(), &"python".into()));
    assert_eq!(runtime["version"].as_str().unwrap().split('.').count(), 3);
    runs(&mut socket);
    until(&mut socket, "stdout", "name?\n");
    for part in ["w", "orld", "\n"] {
        socket.send(&stdin(part));
    }
    until(&mut socket, "stdout", "hello world é𝄞\n");
    socket.send(&stdin("\n"));
    until(&mut socket, "stderr", "['1']\n");
    assert_eq!(exit(&mut socket), json!([3, null, "RE"]));
    wait_until("the slot is free", || is_idle(&service));
}

#[test]
fn a_compiler_is_a_stage_of_its_own() {
    needs_root!();
    let service = Service::start("slots=1");
    let c = |source: &str| json!({"type": "init", "language": "c", "version": "*", "files": [{"content": source}]});
    let mut socket = Socket::open(&service, PATH);
    socket.send(&c(
        "#include <stdio.h>\nint main(void) { int n; scanf(\"%d\", &n); printf(\"%d\", n + 1); return 0; }",
    ));
    socket.send(&stdin("41\n"));
    assert_eq!(socket.message()["type"], "runtime");
    runs(&mut socket);
    until(&mut socket, "stdout", "42");
    assert_eq!(exit(&mut socket), json!([0, null, null]));

    let mut socket = Socket::open(&service, PATH);
    socket.send(&c("int main("));
    assert_eq!(socket.message()["type"], "runtime");
    assert_eq!(socket.message()["stage"], "compile");
    let text = socket.message();
    assert!(text["type"] == "data" && text["data"].as_str().unwrap().contains("error"), "{text}");
    let compiled = socket.message();
    assert_eq!(json!([compiled["stage"], compiled["code"], compiled["status"]]), json!(["compile", 1, "RE"]));
    assert_eq!(socket.next(), Heard::Closed(4999));
}

#[test]
fn each_mistake_has_pistons_code() {
    needs_root!();
    let service = Service::start("slots=1");
    let begun = Instant::now();
    assert_eq!(Socket::open(&service, PATH).next(), Heard::Closed(4001));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    for (message, code) in [(stdin("a"), 4003), (signal("SIGKILL"), 4003)] {
        let mut socket = Socket::open(&service, PATH);
        socket.send(&message);
        assert_eq!(socket.next(), Heard::Closed(code), "{message}");
    }
    for (message, text) in [
        (json!({"type": "init"}), "language is required as a string"),
        (
            json!({"type": "init", "language": "cobol", "version": "*", "files": []}),
            "cobol-* runtime is unknown",
        ),
        (json!({"type": "other"}), "the type of the message is unknown"),
        (json!([]), "the type of the message is unknown"),
    ] {
        let mut socket = Socket::open(&service, PATH);
        socket.send(&message);
        assert_eq!(socket.message(), json!({"type": "error", "message": text}));
        assert_eq!(socket.next(), Heard::Closed(4002));
    }
    for (message, code) in [
        (init(""), 4000),
        (json!({"type": "data", "stream": "stdout", "data": ""}), 4004),
        (signal("SIGNONE"), 4005),
        (json!({"type": "signal"}), 4005),
        (json!({"type": "data", "stream": "stdin"}), 4002),
        (json!({"type": "other"}), 4002),
    ] {
        let mut socket = started(&service, &init("import time; time.sleep(20)"));
        socket.send(&message);
        assert_eq!(socket.closed(), code, "{message}");
        wait_until("the program has ended", || is_idle(&service));
    }
    let mut socket = started(&service, &init("import time; time.sleep(20)"));
    socket.say(Message::text("{"));
    assert_eq!(socket.closed(), 4002);
}

#[test]
fn a_signal_ends_the_program_or_is_refused() {
    needs_root!();
    let service = Service::start("slots=1 default.wall-time=850s limit.wall-time=900s");
    let sleeper = init("import time; print('here', flush=True); time.sleep(800)");
    for name in ["SIGINT", "SIGTERM", "SIGKILL"] {
        let mut socket = started(&service, &sleeper);
        until(&mut socket, "stdout", "here\n");
        socket.send(&signal("SIGUSR1"));
        let refused = socket.message();
        assert_eq!(refused["type"], "error");
        assert!(refused["message"].as_str().unwrap().contains("SIGUSR1 cannot be delivered"), "{refused}");
        socket.send(&signal(name));
        assert_eq!(exit(&mut socket), json!([null, name, "SG"]));
    }
    // One that waits for its slot does so no more.
    let mut first = started(&service, &sleeper);
    until(&mut first, "stdout", "here\n");
    let mut waits = Socket::open(&service, PATH);
    waits.send(&sleeper);
    assert_eq!(waits.message()["type"], "runtime");
    assert_eq!(waits.message()["stage"], "compile");
    waits.send(&signal("SIGKILL"));
    assert_eq!(exit_of(&mut waits, "compile"), json!([null, "SIGKILL", "SG"]));
    assert_eq!(service.get("/v1/status").json()["waiting"], 0);
    first.send(&signal("SIGUSR1"));
    assert_eq!(first.message()["type"], "error", "the first one has ended");
    // A client that goes away ends its program.
    drop(first);
    wait_until("the program has ended", || is_idle(&service));
}

/// Its clock runs while its client does not write, does not read, or writes what it does not read.
#[test]
fn a_slow_client_holds_no_slot() {
    needs_root!();
    let service = Service::start("slots=1 limit.wall-time=2s");
    let mut silent = started(&service, &init("input()"));
    assert_eq!(exit(&mut silent), json!([null, "SIGKILL", "TO"]));

    let begun = Instant::now();
    let mut deaf = started(&service, &init("while True: print('x' * 1000)"));
    wait_until("the slot is free", || is_idle(&service));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let ending = exit(&mut deaf);
    assert!(ending[2] == "TO" || ending[2] == "OL", "{ending}");

    let mut loud = started(&service, &init("import time; time.sleep(20)"));
    for _ in 0..40 {
        loud.send(&stdin(&"x".repeat(100_000)));
    }
    assert_eq!(exit(&mut loud), json!([null, "SIGKILL", "TO"]));
}

#[test]
fn the_limits_are_those_of_every_run() {
    needs_root!();
    let service = Service::start("slots=1 limit.output=64K limit.cpu-time=1s default.memory=64M");
    for (source, ending) in [
        ("while True: pass", json!([null, "SIGKILL", "TO"])),
        ("while True: print('x' * 1000)", json!([null, "SIGKILL", "OL"])),
        ("x = bytearray(200 << 20)", json!([null, "SIGKILL", "SG"])),
        ("import os; os.abort()", json!([null, "SIGABRT", "SG"])),
    ] {
        let mut socket = started(&service, &init(source));
        assert_eq!(exit(&mut socket), ending, "{source}");
    }
    let mut asked = init("");
    asked["run_cpu_time"] = 2000.into();
    let mut socket = Socket::open(&service, PATH);
    socket.send(&asked);
    assert!(
        socket.message()["message"].as_str().unwrap().contains("cannot exceed the configured limit of 1000")
    );
    assert_eq!(socket.next(), Heard::Closed(4002));
}
