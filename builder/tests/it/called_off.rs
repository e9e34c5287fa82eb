//! A submission that is called off ends at once, whichever of its programs runs: the compiler, the program itself, or one of
//! the problem's.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;
use serde_json::{Value, json};

use crate::scene::{Scene, needs_root, wait_until};
use crate::service::{Service, inits};

/// Python that outlasts any test.
pub(crate) const SLEEP: &str = "import time; time.sleep(800)\n";
/// Limits that let it.
pub(crate) const LONG: &str =
    "limit.cpu-time=850s limit.wall-time=900s limit.memory=4G compile.cpu-time=850s compile.wall-time=900s";
const SHEET: &str =
    "problem_format_version: 2025-09\nname: p\nlimits: {time_limit: 400, validation_time: 400}\n";

/// Uploads a problem of one test, whose checker or interactor is `judge`, and gives its id.
pub(crate) fn problem(service: &Service, sheet: &str, judge: &str) -> Value {
    let scene = Scene::new();
    for (name, text) in [
        ("p/problem.yaml", format!("{SHEET}{sheet}").as_str()),
        ("p/data/secret/1.in", "1\n"),
        ("p/data/secret/1.ans", "1\n"),
        ("p/output_validator/v.py", judge),
    ] {
        scene.file(name, text);
    }
    let zip = "import shutil; shutil.make_archive('p', 'zip', '.', 'p')";
    let zipped = Command::new("python3").current_dir(scene.path("")).args(["-c", zip]).status().unwrap();
    assert!(zipped.success());
    let uploaded = service.request("POST", "/v1/problems", &[], &fs::read(scene.path("p.zip")).unwrap());
    assert!(uploaded.status < 300, "{}", uploaded.text());
    uploaded.json()["id"].clone()
}

/// Waits until programs run below a process for longer than all take that do not sleep.
pub(crate) fn until_it_sleeps(below: Pid) {
    let runs = || inits(below) > 0;
    wait_until("a program sleeps", || {
        runs() && {
            thread::sleep(Duration::from_secs(1));
            runs()
        }
    });
}

/// Hands it in, calls it off when its programs sleep, and sees them end.
fn ends(service: &Service, body: &Value) {
    let handed_in = service.post("/v1/submissions", body);
    assert_eq!(handed_in.status, 202, "{}", handed_in.text());
    let path = format!("/v1/submissions/{}", handed_in.json()["id"].as_str().unwrap());
    until_it_sleeps(service.pid());
    assert_eq!(service.get(&path).json()["state"], "running");
    assert_eq!(service.request("DELETE", &path, &[], b"").status, 204);
    wait_until("all programs end", || inits(service.pid()) == 0);
    wait_until("the slot is free", || service.get("/v1/status").json()["busy"] == 0);
    assert_eq!(service.get(&path).json()["state"], "cancelled");
}

#[test]
fn whatever_a_judge_runs_ends() {
    needs_root!();
    let service = Service::start(&format!("slots=1 {LONG}"));
    let accepts = "import sys; sys.exit(42)\n";
    for (source, sheet, judge) in [
        (SLEEP, "", accepts),
        ("print(1)", "", SLEEP),
        (SLEEP, "type: interactive\n", "import sys; sys.stdin.read()\n"),
        ("", "type: interactive\n", SLEEP),
    ] {
        let problem = problem(&service, sheet, judge);
        ends(&service, &json!({"language": "python", "source": source, "problem": problem}));
    }
}

#[test]
fn a_compiler_ends() {
    needs_root!();
    let service = Service::start(&format!("slots=1 {LONG}"));
    // Nothing, 10^15 times: it takes the assembler's time, and no memory.
    let repeated = format!("{}{}", ".rept 100000\\n".repeat(3), ".endr\\n".repeat(3));
    let source = format!("asm(\"{repeated}\");\n");
    let limits = json!({"cpu_us": 800_000_000, "wall_us": 850_000_000});
    ends(&service, &json!({"language": "c", "source": source, "compile_limits": limits}));
}
