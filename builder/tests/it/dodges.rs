//! CPU time is right within the error that the report states, whatever a program does to hide it.

use serde_json::Value;

use crate::judge::bundle;
use crate::scene::{Said, Scene, needs_root};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/dodges.c");

/// What the program itself counted, and the report of its run.
fn run(scene: &Scene, way: &str) -> (u64, Value) {
    let mut command = scene.command();
    command.arg("exec").arg(bundle()).arg(PROGRAM).args(["--report", "R", "--", way]);
    let said = Said::of(&mut command);
    assert_eq!(said.code, 0, "{way}: {}", said.stderr);
    let report = std::fs::read(scene.path("R")).expect("a report");
    let mut report: Value = serde_json::from_slice(&report).expect("JSON");
    (said.stdout.trim().parse().expect("microseconds"), report["run"].take())
}

#[test]
fn cpu_time_is_right_whatever_hides_it() {
    needs_root!();
    let scene = Scene::new();
    for way in ["dodge", "forks", "sleeps", "threads"] {
        let (counted, report) = run(&scene, way);
        let [cpu, error] = [&report["cpu_us"], &report["timing"]["error_us"]].map(|us| us.as_u64().unwrap());
        // The program counts the moment before its execve(2), and does not count its own end.
        assert!(cpu.abs_diff(counted) <= error, "{way}: {cpu} is not {counted} ± {error}: {report}");
    }
}
