//! What a service answers to workers, asked without one: no NATS is needed for that, and none is there.

use std::process::Command;

use serde_json::{Value, json};

use crate::scene::{Scene, needs_root};
use crate::service::{Answer, Service, bundle};

const TOKEN: &str = "0123456789abcdef";

/// A service whose submissions wait for workers; nobody listens at port 1.
fn service(settings: &str) -> Service {
    let scene = Scene::new();
    let data = scene.path("data");
    let settings = format!(
        "data={} nats=nats://127.0.0.1:1/judge worker-token={TOKEN} slots=1 {settings}",
        data.display()
    );
    Service::in_scene(scene, "127.0.0.1:0", &settings)
}

fn ask(service: &Service, what: &str, body: &Value) -> Answer {
    let head = [&*format!("authorization: Bearer {TOKEN}"), "content-type: application/json"];
    service.request("POST", &format!("/worker/{what}"), &head, body.to_string().as_bytes())
}

/// Of the bundle that the services of these tests have.
fn digest() -> String {
    ::bundle::manifest::digest(bundle()).unwrap().as_str().to_owned()
}

/// Hands a program in, and begins it as the worker `w`.
fn begin(service: &Service) -> Value {
    let answer = service.post("/v1/submissions", &json!({"language": "python", "source": "print(3)"}));
    let id = answer.json()["id"].clone();
    let other = ask(service, "begin", &json!({"worker": "w", "id": id, "bundle": "another"}));
    assert!(other.status == 409 && other.text().contains("another bundle"), "{}", other.text());
    let begun = ask(service, "begin", &json!({"worker": "w", "id": id, "bundle": digest()}));
    assert_eq!((begun.status, &begun.json()["yours"]["attempt"]), (200, &1.into()), "{}", begun.text());
    json!({"worker": "w", "id": id, "attempt": 1})
}

#[test]
fn only_a_worker_with_the_same_bundle_gets_a_submission() {
    needs_root!();
    let service = service("");
    begin(&service);
}

#[test]
fn a_result_that_cannot_be_written_stays_with_its_worker() {
    needs_root!();
    let service = service("");
    let held = begin(&service);
    let sql = |text: &str| {
        let line = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 60).executescript(sys.argv[2])";
        let mut python = Command::new("python3");
        python.args(["-c", line]).arg(service.scene.path("data/capsule.db")).arg(text);
        assert!(python.status().unwrap().success());
    };
    // As on a disk that is full.
    sql("CREATE TRIGGER full BEFORE UPDATE OF result ON submissions BEGIN SELECT RAISE(ABORT, 'full'); END");
    let ended = json!({"held": held, "result": "{\"status\":\"ok\"}", "failure": null});
    let failed = ask(&service, "end", &ended);
    assert!(failed.status == 500 && failed.text().contains("the store failed"), "{}", failed.text());
    sql("DROP TRIGGER full");
    assert_eq!(ask(&service, "end", &ended).json(), json!({"agreed": true}));
    let path = format!("/v1/submissions/{}", held["id"].as_str().unwrap());
    let found = service.get(&path).json();
    assert_eq!((&found["state"], &found["judgement"]["status"]), (&"done".into(), &"ok".into()), "{found}");
}
