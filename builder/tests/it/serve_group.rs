//! `POST /v1/group`: programs that run at the same time, with pipes between them.

use std::io::Write;

use serde_json::{Value, json};

use crate::scene::{Scene, needs_root, wait_until};
use crate::service::{Service, inits};

fn python(source: &str) -> Value {
    json!({"language": "python", "source": source})
}

fn pipe(from: usize, fd: usize, to: usize) -> Value {
    json!({"from": {"program": from, "fd": fd}, "to": {"program": to, "fd": 0}})
}

fn run(service: &Service, programs: Value, pipes: Value) -> Vec<Value> {
    let answer = service.post("/v1/group", &json!({"programs": programs, "pipes": pipes}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["version"], 1);
    answer["programs"].as_array().unwrap().clone()
}

#[test]
fn programs_of_several_languages_talk_through_pipes() {
    needs_root!();
    let service = Service::start("slots=1");
    let asks = "print(20, flush=True)\nanswer = input()\nimport sys\nprint('got', answer, file=sys.stderr)";
    let adds = json!({"files": {"main.c": "#include <stdio.h>\nint main(void) { int n; scanf(\"%d\", &n); printf(\"%d\\n\", n + 22); return 3; }"}});
    let found = run(&service, json!([python(asks), adds]), json!([pipe(0, 1, 1), pipe(1, 1, 0)]));
    let facts = found.iter().map(|one| json!([one["status"], one["exit_code"], one["language"]]));
    let expected = [json!(["ok", 0, "python"]), json!(["nonzero-exit", 3, "c"])];
    assert_eq!(facts.collect::<Vec<_>>(), expected, "{found:?}");
    assert_eq!((&found[0]["stderr"], &found[0]["stdout"]), (&"got 42\n".into(), &"".into()));
    assert_eq!((&found[1]["stdout"], &found[1]["compile"]["status"]), (&"".into(), &"ok".into()));
    assert!(found.iter().all(|one| one["run"]["wall_us"].is_u64()));

    // Without pipes each has its own streams; stderr can be piped, too.
    let mut echo = python("print(input())");
    echo["stdin"] = "own".into();
    let found = run(
        &service,
        json!([echo, python("import sys; print('err', file=sys.stderr)"), python("print(input())")]),
        json!([pipe(1, 2, 2)]),
    );
    let outputs: Vec<_> = found.iter().map(|one| one["stdout"].as_str().unwrap()).collect();
    assert_eq!(outputs, ["own\n", "", "err\n"]);
    // One that goes away ends the talk.
    let found =
        run(&service, json!([python("exit(0)"), python("input()")]), json!([pipe(0, 1, 1), pipe(1, 1, 0)]));
    assert_eq!((&found[0]["status"], &found[1]["status"]), (&"ok".into(), &"nonzero-exit".into()));
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("capsule_runs_total{language=\"c\",status=\"nonzero-exit\"} 1"), "{metrics}");
}

#[test]
fn each_program_has_its_own_limits_and_none_runs_unless_all_compile() {
    needs_root!();
    let service = Service::start("slots=1");
    let mut endless = python("while True: pass");
    endless["limits"] = json!({"cpu_us": 200_000});
    let found = run(&service, json!([endless, python("print(1)")]), json!([]));
    assert_eq!((&found[0]["status"], &found[1]["status"]), (&"cpu-time-limit".into(), &"ok".into()));

    let broken = json!({"language": "c", "source": "int main("});
    let found = run(&service, json!([python("print(1)"), broken]), json!([pipe(0, 1, 1)]));
    let states: Vec<_> = found.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["not-run", "compile-error"]);
    assert!(found[0].get("run").is_none() && found[0]["error"].as_str().unwrap().contains("another program"));
    assert!(found[1]["compile"]["text"].as_str().unwrap().contains("error"));
}

#[test]
fn a_field_that_cannot_be_is_named() {
    needs_root!();
    let service = Service::start("slots=1 default.output=1M");
    let two = || json!([python(""), python("")]);
    let mut with_stdin = python("");
    with_stdin["stdin"] = "x".into();
    let mut greedy = python("");
    greedy["limits"] = json!({"cpu_us": u64::MAX});
    let mut loud = python("");
    loud["limits"] = json!({"output_bytes": 16 << 20});
    for (programs, pipes, field) in [
        (json!([]), json!([]), "programs"),
        (Value::Array(vec![python(""); 9]), json!([]), "programs"),
        (json!([python(""), {"language": "cobol", "source": ""}]), json!([]), "programs[1].language"),
        (json!([python(""), greedy]), json!([]), "programs[1].limits.cpu_us"),
        (json!([{"language": "python", "source": "", "problem": "a"}]), json!([]), "programs[0].problem"),
        (two(), json!([pipe(0, 1, 1), pipe(2, 1, 0)]), "pipes[1].from.program"),
        (two(), json!([pipe(0, 1, 2)]), "pipes[0].to.program"),
        (two(), json!([pipe(0, 0, 1)]), "pipes[0].from.fd"),
        (two(), json!([{"from": {"program": 0, "fd": 1}, "to": {"program": 1, "fd": 3}}]), "pipes[0].to.fd"),
        (two(), json!([pipe(0, 1, 1), pipe(0, 1, 0)]), "pipes[1].from"),
        (two(), json!([pipe(0, 1, 1), pipe(1, 1, 1)]), "pipes[1].to"),
        (json!([python(""), with_stdin]), json!([pipe(0, 1, 1)]), "pipes[0].to"),
        (json!([loud, loud, loud]), json!([]), "programs[2].limits.output_bytes"),
    ] {
        let answer = service.post("/v1/group", &json!({"programs": programs, "pipes": pipes}));
        assert_eq!((answer.status, &answer.json()["field"]), (422, &field.into()), "{}", answer.text());
    }
    // What leads into a pipe is not kept.
    let found = run(&service, json!([loud, loud, loud]), json!([pipe(0, 1, 1), pipe(1, 1, 2)]));
    assert_eq!(found.len(), 3);
    for (body, status) in [(&b"{"[..], 400), (b"", 400), (b"{\"programs\": 3}", 422), (b"{\"x\": 3}", 422)] {
        assert_eq!(service.request("POST", "/v1/group", &[], body).status, status);
    }
    let document = service.get("/openapi.json").json();
    assert!(document["components"]["schemas"]["PipeRequest"].is_object());
}

#[test]
fn a_group_ends_with_its_client() {
    needs_root!();
    let service = Service::start("slots=1 default.wall-time=850s limit.wall-time=900s");
    let sleeper = python("import time; time.sleep(800)");
    let body = json!({"programs": [sleeper, sleeper]}).to_string();
    let mut stream = service.connect();
    let head =
        format!("POST /v1/group HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    wait_until("both run", || inits(service.pid()) == 2);
    drop(stream);
    wait_until("both end", || inits(service.pid()) == 0);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
}

/// The names of a program's files tell its language, and with it what it may write.
#[test]
fn what_a_group_may_write_counts_without_a_named_language() {
    needs_root!();
    let scene = Scene::new();
    scene.file(
        "loud.toml",
        "packs = [\"hello\"]\nbinaries = [\"sh\"]\n[language]\nsource = \"main.loud\"\n\
         [run]\nargv = [\"sh\", \"{source}\"]\nlimits = { output = \"16M\" }\n",
    );
    scene.succeeds("build --pack ./loud.toml -o B --format dir");
    let bundle = scene.path("B");
    let service = Service::of_bundle(&bundle, scene, "127.0.0.1:0", "slots=1 default.output=1M");
    let named = json!({"language": "loud", "source": ""});
    let told = json!({"files": {"main.loud": ""}});
    for loud in [named, told] {
        let programs = vec![loud; 3];
        let answer = service.post("/v1/group", &json!({"programs": programs}));
        let field = &answer.json()["field"];
        assert_eq!(
            (answer.status, field),
            (422, &"programs[2].limits.output_bytes".into()),
            "{}",
            answer.text()
        );
        assert_eq!(run(&service, json!(programs[..2]), json!([])).len(), 2);
    }
}
