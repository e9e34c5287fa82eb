//! Submissions that outlive their request and the service, batches, and the page.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::judge::own;
use crate::scene::{Scene, needs_root, wait_until};
use crate::service::{Answer, Service};

/// Programs that sleep for longer than any test waits, and a service that lets them.
const SLEEPER: &str = "import time; time.sleep(800)";
const LONG: &str = "slots=1 limit.wall-time=900s default.wall-time=850s";

fn python(source: &str) -> Value {
    json!({"language": "python", "source": source})
}

fn handed_in(service: &Service, key: &str, body: &Value) -> Answer {
    let key = format!("idempotency-key: {key}");
    service.request("POST", "/v1/submissions", &[&key], body.to_string().as_bytes())
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

/// The service with its store below the scene.
fn with_store(scene: Scene, settings: &str) -> Service {
    let data = scene.path("data");
    Service::in_scene(scene, "127.0.0.1:0", &format!("data={} {settings}", data.display()))
}

#[test]
fn a_submission_is_kept_done_and_found() {
    needs_root!();
    let service = Service::start("slots=1");
    let body = python("print(3)");
    let first = handed_in(&service, "k", &body);
    assert_eq!((first.status, id(&first)), (202, id(&handed_in(&service, "k", &body))));
    assert_eq!(handed_in(&service, "k", &python("print(4)")).status, 409);
    let found = service.get(&format!("/v1/submissions/{}?wait=100", id(&first)));
    assert_eq!((found.status, &found.json()["result"]["stdout"]), (200, &"3\n".into()));
    let waited = service.post("/v1/submissions?wait=100", &python("exit(1)")).json();
    assert_eq!((&waited["state"], &waited["result"]["status"]), (&"done".into(), &"nonzero-exit".into()));
    assert_eq!(service.get("/v1/submissions/none").status, 404);
    assert_eq!(service.post("/v1/submissions", &python("1").as_object().unwrap()["source"]).status, 422);
}

#[test]
fn events_end_with_the_result_and_can_be_resumed() {
    needs_root!();
    let service = Service::start("slots=1");
    let path =
        format!("/v1/submissions/{}/events", id(&service.post("/v1/submissions", &python("print(3)"))));
    let lines = |answer: &Answer, name: &str| -> Vec<String> {
        // The body comes in chunks, whose sizes have lines of their own.
        let text = answer.text();
        text.lines().filter_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned()).collect()
    };
    let all = service.get(&path);
    assert_eq!(lines(&all, "event:"), ["queued", "running", "done"], "{}", all.text());
    let resume = format!("last-event-id: {}", lines(&all, "id:")[1]);
    let rest = service.request("GET", &path, &[&resume], b"");
    assert_eq!(lines(&rest, "event:"), ["done"]);
    // After the last one there is nothing to wait for.
    let resume = format!("last-event-id: {}", lines(&all, "id:")[2]);
    let rest = service.request("GET", &path, &[&resume], b"");
    assert_eq!((rest.status, lines(&rest, "event:")), (200, Vec::new()));
}

#[test]
fn what_is_called_off_ends_and_stays_so() {
    needs_root!();
    let service = Service::start(LONG);
    let path = format!("/v1/submissions/{}", id(&service.post("/v1/submissions", &python(SLEEPER))));
    wait_until("it runs", || service.get(&path).json()["state"] == "running");
    assert_eq!(service.request("DELETE", &path, &[], b"").status, 204);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
    assert_eq!(service.get(&path).json()["state"], "cancelled");
    assert_eq!(service.request("DELETE", &path, &[], b"").status, 409);
}

#[test]
fn a_tenant_sees_no_submission_of_another() {
    needs_root!();
    let scene = Scene::new();
    scene.file(
        "serve.toml",
        "slots = 1\n[tenants.a]\ntoken = \"aaaaaaaaaaaaaaaa\"\n[tenants.b]\ntoken = \"bbbbbbbbbbbbbbbb\"\n",
    );
    let service = Service::in_scene(scene, "127.0.0.1:0", "serve.toml");
    let asked = |method: &str, path: &str, token: &str, body: &Value| {
        let head = format!("authorization: Bearer {}", token.repeat(16));
        service.request(method, path, &[&head], body.to_string().as_bytes())
    };
    let path = format!("/v1/submissions/{}", id(&asked("POST", "/v1/submissions", "a", &python("print(1)"))));
    for (method, more) in [("GET", ""), ("GET", "/events"), ("DELETE", "")] {
        assert_eq!(asked(method, &format!("{path}{more}"), "b", &Value::Null).status, 404, "{method} {more}");
    }
    assert_eq!(asked("GET", &format!("{path}?wait=100"), "a", &Value::Null).status, 200);
    assert_eq!(service.get(&path).status, 401);
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    needs_root!();
    let mut scene = Scene::new();
    let mut ids = BTreeSet::new();
    // Each service takes some, does some, and is killed at some moment.
    for round in 0..4 {
        let mut service = with_store(scene, "slots=2");
        for number in 0..10 {
            let body = python(&format!("print({})", 10 * round + number));
            let answer = handed_in(&service, &format!("{round}-{number}"), &body);
            ids.insert((10 * round + number, id(&answer)));
        }
        service.signal(Signal::KILL);
        service.wait();
        scene = std::mem::replace(&mut service.scene, Scene::new());
    }
    let service = with_store(scene, "slots=2");
    assert_eq!(ids.len(), 40);
    for (number, id) in ids {
        let found = service.get(&format!("/v1/submissions/{id}?wait=200")).json();
        assert_eq!(
            (&found["state"], &found["result"]["stdout"]),
            (&"done".into(), &format!("{number}\n").into())
        );
    }
    // A name of before the kill is known after it.
    let again = handed_in(&service, "0-0", &python("print(0)"));
    assert_eq!(service.get(&format!("/v1/submissions/{}", id(&again))).json()["state"], "done");
}

#[test]
fn a_store_that_fails_for_a_while_strands_nothing() {
    needs_root!();
    let service = with_store(Scene::new(), "slots=1");
    let sql = |text: &str| {
        let line = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 60).executescript(sys.argv[2])";
        let mut python = Command::new("python3");
        python.args(["-c", line]).arg(service.scene.path("data/capsule.db")).arg(text);
        assert!(python.status().unwrap().success());
    };
    // As on a disk that is full: no attempt can begin.
    sql("CREATE TRIGGER full BEFORE UPDATE ON submissions BEGIN SELECT RAISE(ABORT, 'full'); END");
    let path = format!("/v1/submissions/{}", id(&service.post("/v1/submissions", &python("print(3)"))));
    wait_until("the slot is free", || service.get("/v1/status").json()["waiting"] == 0);
    assert_eq!(service.get(&path).json()["state"], "queued");
    sql("DROP TRIGGER full");
    // Neither can a result be written.
    sql("CREATE TRIGGER full BEFORE UPDATE OF result ON submissions BEGIN SELECT RAISE(ABORT, 'full'); END");
    wait_until("it runs", || service.get(&path).json()["state"] == "running");
    wait_until("it has run", || {
        service.get("/metrics").text().contains("capsule_runs_total{language=\"python\",status=\"ok\"} 1")
    });
    sql("DROP TRIGGER full");
    let found = service.get(&format!("{path}?wait=100")).json();
    assert_eq!((&found["state"], &found["result"]["stdout"]), (&"done".into(), &"3\n".into()));
}

/// The archive of a problem of ours.
pub(crate) fn archive(scene: &Scene, name: &str) -> Vec<u8> {
    let zip = "import shutil, sys; shutil.make_archive(sys.argv[2], 'zip', sys.argv[1], sys.argv[2])";
    let mut python = Command::new("python3");
    python.current_dir(scene.path("")).args(["-c", zip]).arg(own("")).arg(name);
    assert!(python.status().unwrap().success());
    fs::read(scene.path(&format!("{name}.zip"))).unwrap()
}

#[test]
fn a_problem_is_uploaded_once_and_judges_submissions() {
    needs_root!();
    let service = Service::start(
        "slots=2 limit.cpu-time=20s limit.memory=4G limit.pids=33 limit.wall-time=50s limit.stack=3M",
    );
    let zip = archive(&service.scene, "mean");
    let upload = || service.request("POST", "/v1/problems", &[], &zip);
    let problem = upload();
    assert_eq!(problem.status, 201, "{}", problem.text());
    let problem = problem.json();
    assert_eq!((&upload().json()["id"], &problem["tests"]), (&problem["id"], &4.into()));
    let listed = service.get("/v1/problems").json();
    assert_eq!(listed["problems"], json!([problem["id"]]));
    let judged = |file: &str| {
        let source = fs::read_to_string(own("mean").join("submissions").join(file)).unwrap();
        let mut body = python(&source);
        body["problem"] = problem["id"].clone();
        service.post("/v1/submissions?wait=200", &body).json()
    };
    for (file, verdict) in
        [("accepted/mean.py", "AC"), ("wrong_answer/whole.py", "WA"), ("run_time_error/no_file.py", "RTE")]
    {
        let found = judged(file);
        assert_eq!(
            (&found["state"], &found["judgement"]["verdict"]),
            (&"done".into(), &verdict.into()),
            "{found}"
        );
        assert_eq!(found["judgement"]["tests"].as_array().unwrap().len(), 4);
        // The problem's limits say nothing of these, and the pack's are wider.
        let limits = &found["judgement"]["tests"][0]["run"]["limits"];
        for (name, most) in [("pids", 33), ("wall_us", 50_000_000), ("stack_bytes", 3 << 20)] {
            assert_eq!(limits[name]["limit"], most, "{name}: {limits}");
        }
        let events = service.get(&format!("/v1/submissions/{}/events", found["id"].as_str().unwrap())).text();
        assert_eq!(events.matches("event: test").count(), 4, "{events}");
    }
    // One run has no tests, and no limit of a problem is above the operator's.
    let path = format!("/v1/problems/{}", problem["id"].as_str().unwrap());
    let mut body = python("");
    body["problem"] = problem["id"].clone();
    assert_eq!(service.post("/v1/run", &body).json()["field"], "problem");
    assert_eq!(service.request("DELETE", &path, &[], b"").status, 204);
    assert_eq!((service.get(&path).status, service.post("/v1/submissions", &body).status), (404, 422));
    let strict = Service::start("slots=1 limit.memory=64M");
    let refused = strict.request("POST", "/v1/problems", &[], &zip);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(
        refused.text().contains("is allowed here") && !refused.text().contains("/tmp"),
        "{}",
        refused.text()
    );
    assert_eq!(strict.get("/v1/problems").json()["problems"], json!([]));
    let nonsense = strict.request("POST", "/v1/problems", &[], b"PK nonsense");
    assert_eq!(nonsense.status, 422, "{}", nonsense.text());
}

#[test]
fn a_batch_answers_each_line_once() {
    needs_root!();
    let service = Service::start("slots=2 queue=0 body=2K");
    let lines: Vec<String> = (0..30).map(|number| python(&format!("print({number})")).to_string()).collect();
    let text = lines.join("\n") + "\n\n{\"language\": \"cobol\", \"source\": \"\"}\nnonsense";
    let answer = service.request("POST", "/v1/batch", &[], text.as_bytes());
    let mut found = BTreeSet::new();
    for line in answer.text().lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap();
        let index = line["index"].as_u64().unwrap();
        assert!(found.insert(index), "{index} twice");
        match index {
            30 => assert_eq!(line["problem"]["field"], "language"),
            31 => assert_eq!(line["problem"]["status"], 400),
            _ => assert_eq!(line["answer"]["stdout"], format!("{index}\n"), "{line}"),
        }
    }
    assert_eq!(found.len(), 32);
    let long = service.request("POST", "/v1/batch", &[], "x".repeat(5000).as_bytes()).text();
    assert!(long.contains("a line has more than 2048 bytes"), "{long}");
}

#[test]
fn a_batch_ends_with_its_client() {
    needs_root!();
    let service = Service::start(LONG);
    let mut stream = service.connect();
    let line = python(SLEEPER).to_string() + "\n";
    let head = "POST /v1/batch HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}{:x}\r\n{line}\r\n", line.len()).as_bytes()).unwrap();
    wait_until("it runs", || service.get("/v1/status").json()["busy"] == 1);
    drop(stream);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
}

#[test]
fn the_page_is_whole_and_asks_nobody_else() {
    needs_root!();
    let service = Service::start("slots=1");
    let page = service.get("/");
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.text().contains("<option value=\"python\""), "{}", page.text());
    for path in ["/", "/page.js", "/page.css"] {
        let text = service.get(path).text();
        assert!(!text.is_empty() && !text.contains("://"), "{path}");
    }
    // What the page names is there.
    let text = page.text();
    let named =
        text.split("href=\"").chain(text.split("src=\"")).skip(1).filter_map(|rest| rest.split('"').next());
    for path in named.filter(|path| path.starts_with('/')) {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    let mut stream = service.connect();
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.0 200"), "{said}");
}
