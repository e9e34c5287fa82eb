//! WebSockets: go-judge's `/ws`, and what holds for each of them.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tungstenite::Message;

use crate::scene::{Scene, needs_root, wait_until};
use crate::service::{Service, inits};
use crate::socket::{Heard, Socket};

/// All that there are.
const PATHS: [&str; 3] = ["/ws", "/api/v2/connect", "/api/v2/piston/connect"];

fn request(id: &str, source: &str) -> Value {
    json!({"requestId": id, "cmd": [{
        "args": ["/usr/bin/python3", "a.py"],
        "env": ["PATH=/usr/bin:/bin"],
        "files": [{"content": "in"}, {"name": "stdout", "max": 10240}, {"name": "stderr", "max": 10240}],
        "cpuLimit": 20_000_000_000u64, "clockLimit": 900_000_000_000u64, "memoryLimit": 256 << 20, "procLimit": 50,
        "copyIn": {"a.py": {"content": source}},
    }]})
}

fn is_idle(service: &Service) -> bool {
    inits(service.pid()) == 0 && service.get("/v1/status").json()["busy"] == 0
}

#[test]
fn requests_of_go_judge_are_answered_in_the_order_in_which_they_end() {
    needs_root!();
    let service = Service::start("slots=2 default.wall-time=850s limit.wall-time=900s");
    let mut socket = Socket::open(&service, "/ws");
    socket.send(&request("slow", "import time; time.sleep(800)"));
    wait_until("the first one runs", || inits(service.pid()) == 1);
    socket.send(&request("quick", "print(input()[::-1])"));
    let answer = socket.message();
    assert_eq!((&answer["requestId"], &answer["error"]), (&"quick".into(), &Value::Null), "{answer}");
    let result = &answer["results"][0];
    assert_eq!((&result["status"], &result["files"]["stdout"]), (&"Accepted".into(), &"ni\n".into()));

    // An id is taken until its answer is there.
    for (message, id, error) in [
        (request("slow", ""), "slow", "duplicated request id: slow"),
        (request("", ""), "", "empty request id"),
        (json!({"requestId": "none"}), "none", "no cmd provided"),
        (json!({"requestId": "a", "cmd": 3}), "a", "invalid type"),
    ] {
        socket.send(&message);
        let answer = socket.message();
        let found = answer["error"].as_str().unwrap();
        assert!(answer["requestId"] == id && found.contains(error), "{answer}");
        assert_eq!(answer["results"], json!([]));
    }
    // One that is not there has no answer.
    socket.send(&json!({"cancelRequestId": "none"}));
    socket.send(&json!({"cancelRequestId": "slow"}));
    let answer = socket.message();
    assert_eq!(
        (&answer["requestId"], &answer["error"]),
        (&"slow".into(), &"the request was called off".into())
    );
    wait_until("it ends", || is_idle(&service));
    socket.send(&request("slow", "print(1)"));
    assert_eq!(socket.message()["results"][0]["files"]["stdout"], "1\n");
}

#[test]
fn a_client_that_closes_the_connection_calls_all_its_requests_off() {
    needs_root!();
    let service = Service::start("slots=2 default.wall-time=850s limit.wall-time=900s");
    for is_polite in [true, false] {
        let mut socket = Socket::open(&service, "/ws");
        for id in ["a", "b", "c"] {
            socket.send(&request(id, "import time; time.sleep(800)"));
        }
        wait_until("two run", || inits(service.pid()) == 2);
        if is_polite {
            socket.say(Message::Close(None));
        }
        drop(socket);
        wait_until("all end", || is_idle(&service));
        assert_eq!(service.get("/v1/status").json()["waiting"], 0);
    }
}

#[test]
fn a_message_that_cannot_be_read_ends_the_connection_and_nothing_else() {
    needs_root!();
    let service = Service::start("slots=1 body=4K");
    let long = Message::text(json!({"requestId": "x".repeat(5000)}).to_string());
    for path in PATHS {
        for (message, code) in [(Message::binary(vec![1, 2]), 1003), (long.clone(), 1009)] {
            let mut socket = Socket::open(&service, path);
            socket.say(message);
            assert_eq!(socket.next(), Heard::Closed(code), "{path}");
        }
    }
    for text in ["", "{", "3", "null", "\"a\""] {
        let mut socket = Socket::open(&service, "/ws");
        socket.say(Message::text(text));
        assert_eq!(socket.next(), Heard::Closed(1007), "{text}");
    }
    // All requests that wait are no longer than one may be.
    let mut socket = Socket::open(&service, "/ws");
    let filler = format!("import time; time.sleep(9) # {}", "x".repeat(2000));
    socket.send(&request("a", &filler));
    socket.send(&request("b", &filler));
    let answer = socket.message();
    assert_eq!(answer["requestId"], "b");
    assert!(answer["error"].as_str().unwrap().contains("of 4096 bytes together"), "{answer}");
    drop(socket);
    assert_eq!(service.get("/healthz").text(), "ok\n");
}

#[test]
fn a_websocket_needs_a_token_and_a_page_of_the_same_site() {
    needs_root!();
    let scene = Scene::new();
    scene.file("serve.toml", "slots = 1\n[tenants.a]\ntoken = \"aaaaaaaaaaaaaaaa\"\n");
    let service = Service::in_scene(scene, "127.0.0.1:0", "serve.toml");
    let token = ("authorization", "Bearer aaaaaaaaaaaaaaaa");
    for path in PATHS {
        let asked = |head: &[(&'static str, &str)]| Socket::ask(&service, path, head).err();
        assert_eq!(asked(&[]), Some(401), "{path}");
        assert_eq!(asked(&[("authorization", "Bearer b")]), Some(401), "{path}");
        assert_eq!(asked(&[token, ("origin", "https://evil.example")]), Some(403), "{path}");
        assert_eq!(asked(&[token, ("host", "evil.example")]), Some(403), "{path}");
        assert_eq!(asked(&[token, ("x-other", "")]), None, "{path}");
        // A plain request is no WebSocket.
        let plain = service.request("GET", path, &["authorization: Bearer aaaaaaaaaaaaaaaa"], b"");
        assert!(plain.status == 400 && plain.text().contains("WebSocket"), "{}", plain.text());
    }
}

#[test]
fn a_websocket_counts_among_the_connections_and_makes_room_when_it_is_idle() {
    needs_root!();
    let service = Service::start("slots=2 connections=2 default.wall-time=850s limit.wall-time=900s");
    let mut sockets = [(); 2].map(|()| Socket::open(&service, "/ws"));
    // No other client waits: idle ones stay for longer than a second.
    thread::sleep(Duration::from_millis(2500));
    for socket in &mut sockets {
        socket.send(&request("a", "import time; time.sleep(800)"));
    }
    wait_until("both run", || inits(service.pid()) == 2);
    let mut third = service.connect();
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut answer = [0; 12];
    assert!(third.read(&mut answer).is_err(), "a third connection was answered");
    let [first, busy] = &mut sockets;
    first.send(&json!({"cancelRequestId": "a"}));
    assert_eq!(first.message()["error"], "the request was called off");
    assert_eq!(first.next(), Heard::Closed(1013));
    third.set_read_timeout(Some(crate::scene::HANG)).unwrap();
    third.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    busy.send(&json!({"cancelRequestId": "a"}));
    assert_eq!(busy.message()["error"], "the request was called off");
}

/// A request of the connection waits for its turn, as one of `/v1/batch` does: its client has nothing to come back with.
#[test]
fn a_request_waits_while_others_work_fills_the_queue() {
    needs_root!();
    let service = Service::start("slots=1 queue=1 default.wall-time=850s limit.wall-time=900s");
    let mut others = Socket::open(&service, "/ws");
    others.send(&request("a", "import time; time.sleep(800)"));
    wait_until("it runs", || inits(service.pid()) == 1);
    others.send(&request("b", "print('b')"));
    wait_until("the queue is full", || service.get("/v1/status").json()["waiting"] == 1);
    let mut socket = Socket::open(&service, "/ws");
    socket.send(&request("c", "print('c')"));
    // By another way it is refused.
    let refused = service.post("/run", &request("", "print('d')"));
    assert_eq!(refused.json(), json!("worker queue is full"));
    others.send(&json!({"cancelRequestId": "a"}));
    let answer = socket.message();
    assert_eq!(answer["results"][0]["files"]["stdout"], "c\n", "{answer}");
}

/// The connection would be reset, and its client would not see why, if the rest of its message were not read.
#[test]
fn a_message_that_is_much_too_long_is_answered_with_the_reason() {
    needs_root!();
    let service = Service::start("slots=1 body=4K");
    for path in PATHS {
        let mut socket = Socket::open(&service, path);
        socket.say(Message::text("x".repeat(30_000_000)));
        assert_eq!(socket.next(), Heard::Closed(1009), "{path}");
        let mut socket = Socket::open(&service, path);
        socket.say_bytes(&[0xff; 3000]);
        assert_eq!(socket.next(), Heard::Closed(1007), "{path}");
    }
}

#[test]
fn a_shutdown_answers_what_runs_and_closes_the_sockets() {
    needs_root!();
    let mut service = Service::start("slots=2");
    let mut idle: Vec<Socket> = PATHS.map(|path| Socket::open(&service, path)).into();
    // The others have a second to say what to run.
    idle.truncate(1);
    let mut busy = Socket::open(&service, "/ws");
    busy.send(&request("a", "import time; time.sleep(2); print(1)"));
    wait_until("it runs", || inits(service.pid()) == 1);
    service.signal(Signal::TERM);
    for socket in &mut idle {
        assert_eq!(socket.next(), Heard::Closed(1001));
    }
    let answer = busy.message();
    assert_eq!(answer["results"][0]["files"]["stdout"], "1\n", "{answer}");
    assert_eq!(busy.next(), Heard::Closed(1001));
    assert_eq!(service.wait(), Some(0));
}

/// Whether nothing runs, and nothing begins in a while.
fn rests(service: &Service) -> bool {
    (0..20).all(|_| {
        thread::sleep(Duration::from_millis(20));
        is_idle(service)
    })
}

/// A request whose answer has so many bytes, and a line break.
fn long(id: usize, bytes: usize) -> Value {
    let mut request = request(&id.to_string(), &format!("print('x' * {bytes})"));
    request["cmd"][0]["files"][1]["max"] = (bytes + 1).into();
    request
}

/// Answers that wait for it are few: the next programs wait, too.
#[test]
fn a_client_that_sends_all_before_it_reads_gets_all_answers_and_fills_no_memory() {
    needs_root!();
    let service = Service::start("slots=2");
    let mut socket = Socket::open(&service, "/ws");
    let (number, bytes) = (60, 4_000_000);
    (0..number).for_each(|id| socket.send(&long(id, bytes)));
    wait_until("it waits for its client", || rests(&service));
    assert!(service.peak() < 200 << 20, "{} bytes", service.peak());
    let mut found: Vec<usize> = (0..number)
        .map(|_| {
            let answer = socket.message();
            assert_eq!(answer["results"][0]["files"]["stdout"].as_str().unwrap().len(), bytes + 1);
            answer["requestId"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, (0..number).collect::<Vec<_>>());
}

/// What is short as JSON can be long in memory.
#[test]
fn a_request_that_waits_is_kept_as_it_came() {
    needs_root!();
    let service = Service::start("slots=1 body=16M default.wall-time=850s limit.wall-time=900s");
    let mut socket = Socket::open(&service, "/ws");
    let sleeper = "import time; time.sleep(800)";
    socket.send(&request("a", sleeper));
    socket.send(&request("b", sleeper));
    let mut long = request("long", "");
    long["cmd"][0]["files"] = Value::Array(vec![Value::Null; 2_000_000]);
    socket.send(&long);
    socket.send(&long);
    let answer = socket.message();
    assert_eq!(answer["error"], "duplicated request id: long");
    assert!(service.peak() < 150 << 20, "{} bytes", service.peak());
    for id in ["a", "b"] {
        socket.send(&json!({"cancelRequestId": id}));
        assert_eq!(socket.message()["error"], "the request was called off");
    }
    assert_eq!(socket.message()["requestId"], "long");
}

/// Longer than the buffers of a connection.
#[test]
fn an_answer_that_is_on_its_way_comes_before_the_close() {
    needs_root!();
    let service = Service::start("slots=2");
    let mut socket = Socket::open(&service, "/ws");
    let (number, bytes) = (3, 4_000_000);
    (0..number).for_each(|id| socket.send(&long(id, bytes)));
    let all = format!("\ncapsule_queue_wait_seconds_count {number}\n");
    wait_until("all have run", || service.get("/metrics").text().contains(&all));
    wait_until("the answers are made", || rests(&service));
    socket.say(Message::text("{"));
    // The service has read it.
    thread::sleep(Duration::from_secs(1));
    for _ in 0..number {
        let answer = socket.message();
        assert_eq!(answer["results"][0]["files"]["stdout"].as_str().unwrap().len(), bytes + 1);
    }
    assert_eq!(socket.next(), Heard::Closed(1007));
}
