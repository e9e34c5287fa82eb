//! The APIs that other services have: what their clients send, and what they read.

use serde_json::{Value, json};

use crate::scene::needs_root;
use crate::service::{Service, inits};

fn posted(service: &Service, path: &str, status: u16, body: Value) -> Value {
    let answer = service.post(path, &body);
    assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    answer.json()
}

#[test]
fn piston_runs_and_refuses_in_its_own_words() {
    needs_root!();
    let service = Service::start("slots=2 limit.wall-time=20s");
    let execute = |status, body| posted(&service, "/api/v2/execute", status, body);
    let file = |content: &str| json!({"content": content});
    let python = |content: &str| json!({"language": "py", "version": "3.x", "files": [file(content)]});

    let mut echo = python("import sys\nprint(input(), sys.argv[1:])\nsys.exit(3)");
    (echo["stdin"], echo["args"]) = ("hey".into(), json!(["1"]));
    let answer = execute(200, echo);
    let run = &answer["run"];
    assert_eq!(
        (&run["stdout"], &run["code"], &run["status"]),
        (&"hey ['1']\n".into(), &3.into(), &"RE".into())
    );
    assert_eq!((&answer["language"], &run["signal"]), (&"python".into(), &Value::Null));

    let answer = execute(200, json!({"language": "c", "version": "*", "files": [file("int main(")]}));
    assert_eq!(answer["compile"]["code"], 1);
    assert_eq!(answer["compile"], answer["run"]);

    let mut endless = python("while True: pass");
    endless["run_cpu_time"] = 200.into();
    let run = &execute(200, endless)["run"];
    assert_eq!(
        (&run["status"], &run["signal"], &run["code"]),
        (&"TO".into(), &"SIGKILL".into(), &Value::Null)
    );

    // Several files, one of them bytes; the first one of text is where it starts.
    let files = json!([
        {"name": "data", "content": "AP8=", "encoding": "base64"},
        {"name": "main.py", "content": "import b; print(open('data', 'rb').read(), b.x)"},
        {"name": "b.py", "content": "x = 5"},
    ]);
    let answer = execute(200, json!({"language": "python", "version": "*", "files": files}));
    assert_eq!(answer["run"]["stdout"], "b'\\x00\\xff' 5\n", "{answer}");

    for (change, message) in [
        (json!({"language": null}), "language is required as a string"),
        (json!({"version": 3}), "version is required as a string"),
        (json!({"files": "x"}), "files is required as an array"),
        (json!({"files": [{}]}), "files[0].content is required as a string"),
        (json!({"language": "cobol"}), "cobol-3.x runtime is unknown"),
        (json!({"version": "2.x"}), "py-2.x runtime is unknown"),
        (
            json!({"files": [{"content": "", "encoding": "hex"}]}),
            "files must include at least one utf8 encoded file",
        ),
        (json!({"run_timeout": "1"}), "If specified, run_timeout must be a number"),
        (json!({"run_timeout": 20_001}), "run_timeout cannot exceed the configured limit of 20000"),
        (json!({"files": [{"name": "../x.py", "content": ""}]}), "`../x.py`"),
    ] {
        let mut body = python("");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let found = execute(400, body)["message"].as_str().unwrap().to_owned();
        assert!(found.contains(message), "{found}");
    }

    // Slashes at the end, and bodies that say that they are text, come from real clients.
    let text = python("print(1)").to_string();
    let answer = service.request("POST", "/api/v2/execute/", &["content-type: text/plain"], text.as_bytes());
    assert_eq!(answer.json()["run"]["output"], "1\n");
    let runtimes = service.get("/api/v2/piston/runtimes/").json();
    let python = runtimes.as_array().unwrap().iter().find(|one| one["language"] == "python").unwrap();
    assert_eq!(
        (&python["aliases"][0], python["version"].as_str().unwrap().split('.').count()),
        (&"py".into(), 3)
    );
    assert_eq!(service.get("/api/v2/packages").json()[0]["installed"], true);
    assert_eq!(service.post("/api/v2/packages", &json!({"language": "c", "version": "1"})).status, 403);
    assert_eq!(inits(service.pid()), 0);
}

#[test]
fn sandbox_fusion_says_success_or_failed() {
    needs_root!();
    let service = Service::start("slots=2");
    for (code, status, run) in [
        ("print(input())", "Success", json!(["Finished", 0, "in\n"])),
        ("exit(2)", "Failed", json!(["Finished", 2, ""])),
        ("print(open('a/b').read())", "Success", json!(["Finished", 0, "data\n"])),
        ("while True: pass", "Failed", json!(["TimeLimitExceeded", null, ""])),
    ] {
        let body = json!({
            "language": "python", "code": code, "stdin": "in\n", "run_timeout": 1, "files": {"a/b": "ZGF0YQ=="},
        });
        let answer = posted(&service, "/run_code", 200, body);
        let found = &answer["run_result"];
        assert_eq!(answer["status"], status, "{answer}");
        assert_eq!(json!([found["status"], found["return_code"], found["stdout"]]), run, "{code}");
    }
    let answer = posted(&service, "/run_code", 200, json!({"language": "c", "code": "int main("}));
    assert_eq!((&answer["status"], &answer["run_result"]), (&"Failed".into(), &Value::Null));
    posted(&service, "/run_code", 422, json!({"language": "cobol", "code": ""}));
    posted(&service, "/run_code", 422, json!({"code": ""}));
}

#[test]
fn judge0_takes_submissions_and_gives_results() {
    needs_root!();
    let service = Service::start("slots=2 limit.cpu-time=5s");
    let waited = |body: Value| posted(&service, "/submissions?wait=true", 201, body);
    for (source, language, expected, status) in [
        ("print(input()[::-1])", 71, "cba", 3),
        ("print(input())", 71, "cba", 4),
        ("while True: pass", 71, "", 5),
        ("int main(", 50, "", 6),
        ("int main(void) { *(volatile int *)0 = 1; }", 50, "", 7),
        ("#include <stdlib.h>\nint main(void) { abort(); }", 50, "", 10),
        ("exit(3)", 71, "", 11),
    ] {
        let body = json!({
            "source_code": source, "language_id": language, "stdin": "abc", "expected_output": expected, "cpu_time_limit": 0.5,
        });
        let answer = waited(body);
        assert_eq!(answer["status"]["id"], status, "{source}: {answer}");
    }
    // Base64 in and out, in lines as Ruby has them, and text that is none.
    let body = json!({"source_code": "aW1wb3J0IG9zOyBvcy53cml0ZSgxLCBiJ1x4ZmYnKQ==", "language_id": 71});
    let token =
        posted(&service, "/submissions?base64_encoded=true", 201, body)["token"].as_str().unwrap().to_owned();
    crate::scene::wait_until("it is done", || {
        service.get(&format!("/submissions/{token}?fields=status_id")).json()["status_id"].as_u64() > Some(2)
    });
    let all = service.get(&format!("/submissions/{token}?base64_encoded=true&fields=*")).json();
    assert_eq!((&all["stdout"], &all["language"]["id"]), (&"/w==\n".into(), &71.into()));
    assert!(all["time"].is_string() && all["created_at"].as_str().unwrap().ends_with('Z'), "{all}");
    let plain = service.get(&format!("/submissions/{token}"));
    assert!(plain.status == 400 && plain.text().contains("use base64_encoded=true"), "{}", plain.text());

    let wrong = posted(
        &service,
        "/submissions",
        422,
        json!({"language_id": 9999, "cpu_time_limit": 6, "callback_url": "x"}),
    );
    assert_eq!(wrong["language_id"][0], "language with id 9999 doesn't exist");
    assert_eq!(wrong["cpu_time_limit"][0], "must be less than or equal to 5");
    assert!(wrong["callback_url"].is_array());
    assert_eq!(service.get("/submissions/no-such-token").status, 404);

    let one = json!({"language_id": 71, "source_code": "print(1)"});
    let batch =
        posted(&service, "/submissions/batch", 201, json!({"submissions": [one, {"language_id": 71}]}));
    assert_eq!(batch[1]["source_code"][0], "can't be blank");
    let tokens = format!("{},x", batch[0]["token"].as_str().unwrap());
    let found = service.get(&format!("/submissions/batch?tokens={tokens}")).json();
    assert_eq!(
        (&found["submissions"][0]["token"], &found["submissions"][1]),
        (&batch[0]["token"], &Value::Null)
    );
    posted(&service, "/submissions/batch", 400, json!({"submissions": vec![one; 21]}));

    let config = service.get("/config_info").json();
    assert_eq!((config.as_object().unwrap().len(), &config["max_cpu_time_limit"]), (39, &5.0.into()));
    assert_eq!(service.get("/about").json()["version"], "1.13.1");
    assert_eq!(service.get("/statuses").json().as_array().unwrap().len(), 14);
    assert_eq!(service.get("/languages/71").json()["source_file"], "main.py");
}

#[test]
fn a_judge0_batch_that_fills_the_queue_gives_the_tokens_of_what_is_kept() {
    needs_root!();
    let service = Service::start("slots=1 queue=1");
    let long = json!({"language_id": 71, "source_code": "import time; time.sleep(800)"});
    let batch = posted(&service, "/submissions/batch", 201, json!({"submissions": vec![long.clone(); 4]}));
    assert!(batch[0]["token"].is_string() && batch[1]["token"].is_string(), "{batch}");
    assert_eq!(batch[3], json!({"error": "queue is full"}));
    posted(&service, "/submissions/batch", 503, json!({"submissions": [long]}));
}
