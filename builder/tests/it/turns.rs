//! How long and how often a run went without a CPU, by its report.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::neighbours::first_cpu;
use crate::scene::{Scene, needs_root};

/// Some hundred milliseconds of work.
const WORK: &str = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";

fn start(scene: &Scene, name: &str, options: &[&str], script: &str) -> Child {
    let mut command = Command::new(scene.path("B/init"));
    command.arg("run").arg("--root").arg(scene.path("B/rootfs")).arg("--report").arg(scene.path(name));
    command.args(options).args(["--", "/bin/bash", "-c", script]).stdin(Stdio::null());
    command.spawn().expect("init starts")
}

fn report(scene: &Scene, name: &str, mut run: Child) -> Value {
    assert!(run.wait().expect("it ends").success());
    serde_json::from_slice(&fs::read(scene.path(name)).expect("a report")).expect("JSON")
}

fn number(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("{key}: {report}"))
}

#[test]
fn waiting_for_a_cpu_differs_from_sleeping() {
    needs_root!();
    let scene = Scene::with_bash();
    let one = first_cpu();
    let names = ["one", "two", "three"];
    let runs = names.map(|name| start(&scene, name, &["--cpus", &one], WORK));
    for (name, run) in names.into_iter().zip(runs) {
        let report = report(&scene, name, run);
        let without_cpu = number(&report, "wall_us") - number(&report, "cpu_us");
        assert!(number(&report, "waited_us") > without_cpu / 2, "{report}");
        assert!(number(&report, "csw_forced") > 0, "{report}");
    }
    let run = start(&scene, "asleep", &[], "exec 3<> <(:); read -t 1 <&3; :");
    let report = report(&scene, "asleep", run);
    assert!(number(&report, "wall_us") > 900_000, "{report}");
    assert!(number(&report, "waited_us") < number(&report, "wall_us") / 2, "{report}");
}

#[test]
fn a_report_says_how_long_a_quota_throttled_a_run() {
    needs_root!();
    let scene = Scene::with_bash();
    let run = start(&scene, "report", &["--cpu-quota", "10ms"], WORK);
    let report = report(&scene, "report", run);
    if report["guards"]["cpu-quota"] == "on" {
        let without_cpu = number(&report, "wall_us") - number(&report, "cpu_us");
        assert!(number(&report, "throttled_us") > without_cpu / 2, "{report}");
    }
    let run = start(&scene, "free", &[], ":");
    let report = self::report(&scene, "free", run);
    assert!(report.get("throttled_us").is_none(), "{report}");
}
