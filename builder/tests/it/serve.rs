//! `capsule serve`: the native API, what a client may send, who may, and the service's end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::pool::{below, is_alive};
use crate::scene::{Said, Scene, needs_root, wait_until};
use crate::service::{Answer, Service, bundle, inits};

fn run(service: &Service, body: Value) -> Value {
    let answer = service.post("/v1/run", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn a_program_runs_and_its_answer_is_the_report_of_exec() {
    needs_root!();
    let service = Service::start("slots=2");
    let sum =
        json!({"language": "python", "source": "print(sum(map(int, input().split())))", "stdin": "1 2\n"});
    let answer = run(&service, sum);
    assert_eq!(
        (&answer["status"], &answer["stdout"], &answer["exit_code"]),
        (&"ok".into(), &"3\n".into(), &0.into())
    );
    assert!(answer["run"]["guards"]["seccomp"] == "on" && answer["run"]["cpu_us"].is_u64(), "{answer}");
    assert_eq!(answer["run"]["stdin_file"], true);

    let files = json!({"main.c": "#include \"a.h\"\nint main(int n, char **v) { return n + ADD; }", "a.h": "#define ADD 40"});
    let answer = run(&service, json!({"files": files, "entry": "main.c", "args": ["x"]}));
    assert_eq!((&answer["status"], &answer["exit_code"]), (&"nonzero-exit".into(), &42.into()));
    assert_eq!((&answer["language"], &answer["run"]["exit_code"]), (&"c".into(), &42.into()));

    let answer = run(&service, json!({"language": "c", "source": "int main(void) { retur 0; }"}));
    assert_eq!((&answer["status"], &answer["exit_code"]), (&"compile-error".into(), &122.into()));
    assert!(answer["compile"]["text"].as_str().unwrap().contains("retur"), "{answer}");
    assert!(answer.get("run").is_none());

    let bytes = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])";
    let answer = run(&service, json!({"language": "python", "source": bytes, "stdin": {"base64": "AP8="}}));
    assert_eq!(answer["stdout"], json!({"base64": "/wA="}));
}

#[test]
fn limits_end_a_program_and_a_request_never_widens_the_operators() {
    needs_root!();
    let service =
        Service::start("slots=1 limit.cpu-time=2s limit.memory=128M limit.output=64K default.output=1K");
    for (source, limits, status) in [
        ("while True: pass", json!({"cpu_us": 200_000}), "cpu-time-limit"),
        ("import time; time.sleep(1000)", json!({"wall_us": 200_000}), "wall-time-limit"),
        ("x = bytearray(100 << 20)", json!({"memory_bytes": 64 << 20}), "memory-limit"),
        // More than it may have by default.
        ("print('x' * 2000)", json!({}), "output-limit"),
        ("print('x' * 2000)", json!({"output_bytes": 4000}), "ok"),
        // The operator's own limit, although the pack says nothing of it.
        ("x = bytearray(200 << 20)", json!({}), "memory-limit"),
    ] {
        let answer = run(&service, json!({"language": "python", "source": source, "limits": limits}));
        assert_eq!(answer["status"], status, "{source}: {answer}");
    }
    for (field, object, amount) in [
        ("cpu_us", "limits", 2_000_001_u64),
        ("memory_bytes", "limits", 1 << 30),
        ("memory_bytes", "compile_limits", 3 << 30),
        ("pids", "compile_limits", 1 << 20),
        ("stack_bytes", "compile_limits", 1 << 40),
    ] {
        let answer =
            service.post("/v1/run", &json!({"language": "python", "source": "", object: {field: amount}}));
        assert_eq!((answer.status, &answer.json()["field"]), (422, &format!("{object}.{field}").into()));
    }
    // What is not a limit cannot be asked for at all.
    for field in ["net", "uid", "seccomp", "bind", "without"] {
        let limits = json!({field: "x"});
        let answer = service.post("/v1/run", &json!({"language": "python", "source": "", "limits": limits}));
        assert_eq!(answer.status, 422, "{field}: {}", answer.text());
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_one_problem() {
    needs_root!();
    let service = Service::start("slots=1 body=64K request-time=300ms");
    let source = json!("print(1)");
    for (body, status, detail) in [
        (
            json!({"language": "cobol", "source": source}),
            422,
            "there is no language `cobol`; there are c, python",
        ),
        (json!({"source": source}), 422, "`source` needs `language`"),
        (json!({"language": "python"}), 422, "a program needs either `source` or `files`"),
        (json!({"files": {"../a.py": source}}), 422, "`../a.py`"),
        (json!({"files": {"a.py": source}, "entry": "b.py"}), 422, "`b.py` is not a file of the submission"),
        (json!({"language": "python", "source": {"base64": "!"}}), 422, "is not base64"),
        (json!({"files": {"a.xyz": source}}), 422, "say which with `language`: c, "),
        (
            json!({"language": "python", "files": {"a.py": source, "b.py": source}}),
            422,
            "the submission has no `main.py`; say with `entry` where it starts",
        ),
        (
            json!({"language": "python", "source": source, "args": ["a\0b"]}),
            422,
            "an argument has no NUL in it",
        ),
        (json!({"language": "python", "source": source, "lang": ""}), 422, "unknown field `lang`"),
        (
            json!({"language": "python", "source": "x".repeat(70_000)}),
            413,
            "the request has more than 65536 bytes",
        ),
    ] {
        let answer = service.post("/v1/run", &body);
        assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
        let problem = answer.json();
        assert_eq!((answer.status, &problem["status"]), (status, &status.into()), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        assert!(!problem.to_string().contains(bundle().to_str().unwrap()), "{problem}");
    }
    assert_eq!(service.request("POST", "/v1/run", &[], b"{").status, 400);
    assert_eq!(service.request("POST", "/v1/run", &[], b"").status, 400);
    assert_eq!((service.get("/v1/run").status, service.get("/nowhere").status), (405, 404));
    // A client that is slow, sends half, or sends a head without end.
    let half = "POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    assert_eq!(service.raw(half.as_bytes()).status, 408);
    let unfinished = service.raw(b"POST /v1/run HTTP/1.1\r\nhost: localhost\r\n");
    assert!([0, 408].contains(&unfinished.status), "{}", unfinished.head);
    let many = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000_000));
    assert!([0, 431].contains(&service.raw(many.as_bytes()).status));
    assert_eq!(service.get("/healthz").text(), "ok\n");
}

#[test]
fn what_a_service_says_of_itself() {
    needs_root!();
    let service = Service::start("slots=3 queue=7");
    let status = service.get("/v1/status").json();
    assert_eq!((&status["slots"], &status["queue"], &status["busy"]), (&3.into(), &7.into(), &0.into()));
    assert_eq!(service.get("/readyz").status, 200);
    let languages = service.get("/v1/languages").json();
    let names = languages["languages"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["c", "c11", "c17", "c2x", "c99", "python", "python3"]);
    run(&service, json!({"language": "python", "source": ""}));
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("capsule_runs_total{language=\"python\",status=\"ok\"} 1"), "{metrics}");
    let named = service.request("GET", "/healthz", &["x-request-id: my-own.1"], b"");
    assert!(named.head.contains("x-request-id: my-own.1"), "{}", named.head);
    // The document names each path that answers, and each path that it names answers.
    let document = service.get("/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let answer = service.request(&method.to_uppercase(), &path.replace(['{', '}'], ""), &[], b"");
            assert!(
                answer.status != 405 && !answer.text().contains("nothing at this path"),
                "{method} {path}"
            );
        }
    }
    assert!(document["paths"]["/v1/run"]["post"]["requestBody"].is_object());
}

#[test]
fn a_page_of_another_site_is_refused() {
    needs_root!();
    let service = Service::start("slots=1");
    let body = json!({"language": "python", "source": ""}).to_string();
    let answer = service.request("POST", "/v1/run", &["origin: https://evil.example"], body.as_bytes());
    assert_eq!(answer.status, 403);
    // A site whose name has the address of this machine, so that its page is of the same origin.
    let called = |service: &Service, host: &str| {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        service.raw(request.as_bytes())
    };
    let refused = called(&service, "evil.example:2000");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("this service is not called `evil.example`"), "{}", refused.text());
    assert_eq!(called(&service, "localhost:2000").status, 200);
    let named = Service::start("slots=1 hosts=judge.example");
    assert_eq!((called(&named, "judge.example").status, called(&named, "evil.example").status), (200, 403));
}

#[test]
fn a_log_that_nobody_reads_ends_no_request() {
    needs_root!();
    let scene = Scene::new();
    let mut command = scene.command();
    command.arg("serve").arg(bundle()).args(["--listen", "127.0.0.1:0", "--slots", "1"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    // The reader is gone.
    let address = said.trim().rsplit("http://").next().unwrap().to_owned();
    for _ in 0..3 {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        assert_eq!(Answer::read(stream).text(), "ok\n");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn with_tenants_a_token_is_needed() {
    needs_root!();
    let scene = Scene::new();
    scene.file("serve.toml", "slots = 1\n[tenants.a]\ntoken = \"0123456789abcdef\"\n");
    let service = Service::in_scene(scene, "127.0.0.1:0", "serve.toml");
    let body = json!({"language": "python", "source": "print(1)"}).to_string();
    let asked = |head: &[&str]| service.request("POST", "/v1/run", head, body.as_bytes());
    assert_eq!(asked(&[]).status, 401);
    assert!(asked(&["authorization: Bearer wrong"]).head.contains("www-authenticate: bearer"));
    assert_eq!(asked(&["authorization: Bearer 0123456789abcdef"]).json()["stdout"], "1\n");
    assert_eq!(service.get("/healthz").status, 200);
}

/// Sleeps for longer than any test waits.
const SLEEPER: &str = "import time\ntime.sleep(800)";
/// So that it may.
const LONG: &str = "slots=1 limit.wall-time=900s";

/// A request whose program sleeps, on its way.
fn sleeping(service: &Service, wall_us: u64) -> std::net::TcpStream {
    let body = json!({"language": "python", "source": SLEEPER, "limits": {"wall_us": wall_us}}).to_string();
    let mut stream = service.connect();
    let head = format!(
        "POST /v1/run HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    stream
}

fn runs(service: &Service) -> bool {
    service.get("/v1/status").json()["busy"] == 1 && inits(service.pid()) > 0
}

#[test]
fn a_client_that_goes_away_takes_its_program_along() {
    needs_root!();
    let service = Service::start(LONG);
    let stream = sleeping(&service, 850_000_000);
    wait_until("the program runs", || runs(&service));
    drop(stream);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
    assert_eq!(inits(service.pid()), 0);
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    needs_root!();
    let service = Service::start(&format!("{LONG} queue=0"));
    let _stream = sleeping(&service, 850_000_000);
    wait_until("the program runs", || runs(&service));
    let answer = service.post("/v1/run", &json!({"language": "python", "source": ""}));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    assert_eq!(service.get("/readyz").status, 503);
}

#[test]
fn sigterm_lets_what_runs_come_to_its_end() {
    needs_root!();
    let mut service = Service::start("slots=1 drain=100s");
    let body =
        json!({"language": "python", "source": "import time; time.sleep(2); print('done')"}).to_string();
    let mut stream = service.connect();
    let head = format!("POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    wait_until("the program runs", || runs(&service));
    service.signal(Signal::TERM);
    assert_eq!(Answer::read(stream).json()["stdout"], "done\n");
    assert_eq!(service.wait(), Some(0));
}

#[test]
fn what_does_not_end_in_time_is_called_off() {
    needs_root!();
    let mut service = Service::start(&format!("{LONG} drain=100ms"));
    let stream = sleeping(&service, 850_000_000);
    wait_until("the program runs", || runs(&service));
    service.signal(Signal::TERM);
    assert_eq!(Answer::read(stream).json()["status"], "sandbox-error");
    assert_eq!(service.wait(), Some(0));
}

#[test]
fn nothing_is_left_of_a_service_that_is_killed() {
    needs_root!();
    let mut service = Service::start(LONG);
    let _stream = sleeping(&service, 840_000_000);
    wait_until("the program runs", || runs(&service));
    // Supervisors, the first process of each sandbox, and the program; those of sandboxes that wait, too.
    let supervisors = crate::judge::runs(service.pid());
    let all: Vec<Pid> = supervisors.into_iter().flat_map(|one| [vec![one], below(one)].concat()).collect();
    assert!(all.len() > 2, "{all:?}");
    service.signal(Signal::KILL);
    service.wait();
    wait_until("nothing runs", || !all.iter().any(is_alive));
}

#[test]
fn a_unix_socket_is_its_owners_and_groups() {
    needs_root!();
    let scene = Scene::new();
    let path = scene.path("socket");
    let listen = format!("unix:{}", path.display());
    let mut first = Service::in_scene(scene, &listen, "slots=1");
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("ok\n"), "{said}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let other = Scene::new();
    let said = Said::of(other.command().arg("serve").arg(bundle()).args(["--listen", &listen]));
    assert!(said.code == 1 && said.stderr.contains("cannot be listened on"), "{}", said.stderr);
    // One that was killed leaves a socket that is in nobody's way, and one that ends leaves none.
    first.signal(Signal::KILL);
    first.wait();
    assert!(path.exists());
    let mut second = Service::in_scene(other, &listen, "slots=1");
    second.signal(Signal::TERM);
    assert_eq!((second.wait(), path.exists()), (Some(0), false));
}

#[test]
fn a_socket_of_systemd_is_served_and_it_hears_of_the_start() {
    needs_root!();
    let scene = Scene::new();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let notify = UnixDatagram::bind(scene.path("notify")).unwrap();
    let mut command = Command::new("bash");
    // What the shell opens as 3, it passes on to what it becomes.
    let line = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve \"$1\" --listen systemd --slots 1 3<&0";
    command.args(["-c", line, env!("CARGO_BIN_EXE_capsule")]).arg(bundle()).stdin(OwnedFd::from(socket));
    let mut child = command.env("NOTIFY_SOCKET", scene.path("notify")).spawn().unwrap();
    let heard = |notify: &UnixDatagram| {
        notify.set_read_timeout(Some(crate::scene::HANG)).unwrap();
        let mut text = [0; 99];
        let length = notify.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(heard(&notify), "READY=1");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(Answer::read(stream).text(), "ok\n");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!((heard(&notify).as_str(), child.wait().unwrap().code()), ("STOPPING=1", Some(0)));
    let said = Said::of(Scene::new().command().arg("serve").arg(bundle()).args(["--listen", "systemd"]));
    assert!(said.stderr.contains("systemd has passed no socket on"), "{}", said.stderr);
}

#[test]
fn what_cannot_be_served_is_said_in_one_line() {
    let scene = Scene::new();
    let fails = |line: &str| scene.fails(&format!("serve {line}"));
    assert_eq!(
        fails("B --set slots"),
        "error: `--set slots` has no `=`\n  hint: as in `--set limit.memory=1G`; docs/serve.md lists all settings\n"
    );
    assert_eq!(
        fails("B --slots 0"),
        "error: the command line: `slots`: expected a number from 1 to 1024, not `0`\n"
    );
    assert!(fails("B --config absent.toml").starts_with("error: `absent.toml` cannot be read"));
    assert!(fails("B").contains("B` is not a bundle"), "{}", fails("B"));
    let mut command: Command = scene.command();
    let said = Said::of(command.args(["serve", "B"]).env("CAPSULE_SERVE_SLOTS", "many"));
    assert_eq!(said.stderr, "error: CAPSULE_SERVE_SLOTS: expected a number from 1 to 1024, not `many`\n");
}
