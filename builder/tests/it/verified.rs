//! `--verify` of `run`, `exec` and `judge`: nothing starts from a tree that has changed, and the report says that it was
//! compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Said, Scene, needs_root, wait_until};

/// An ordinary user, who owns nothing of a bundle.
const USER: u32 = 61_000;

/// A directory that other users enter, with a bundle `B` of bash and a language, and a submission `a.shell`.
fn scene() -> Scene {
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    let language = "[language]\nsource = \"main.shell\"\n[run]\nargv = [\"bash\", \"{source}\"]\n";
    scene.file("shell.toml", format!("binaries = [\"bash\"]\n{language}"));
    scene.succeeds("build --pack ./shell.toml -o B --format dir");
    scene.file("a.shell", "echo ran");
    scene
}

fn as_user(scene: &Scene, line: &str) -> Command {
    let mut command = scene.command();
    command.args(line.split_whitespace()).uid(USER).gid(USER).env("HOME", "/nonexistent");
    command
}

fn report(text: &str) -> Value {
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{text}"))
}

/// The exit code and the report of a run.
fn run(scene: &Scene, options: &str) -> (i32, Value) {
    let said = scene.capsule(&format!("run B {options} --report r.json -- /bin/bash -c exit${{IFS}}7"));
    let text = fs::read_to_string(scene.path("r.json")).expect("a report");
    assert_eq!(text.lines().count(), 1, "{text} {}", said.stderr);
    (said.code, report(&text))
}

fn change(scene: &Scene) {
    fs::write(scene.path("B/rootfs/etc/group"), "short").expect("written");
}

#[test]
fn the_report_of_a_run_says_whether_the_tree_was_compared() {
    needs_root!();
    let scene = scene();
    let verified = |options: &str| {
        let (code, report) = run(&scene, options);
        (code, report["status"].clone(), report.get("verified").cloned())
    };
    let ended = Value::from("nonzero-exit");
    assert_eq!(verified(""), (7, ended.clone(), None));
    assert_eq!(verified("--verify"), (7, ended.clone(), Some(true.into())));
    change(&scene);
    assert_eq!(verified(""), (7, ended, None), "nobody asked");
    assert_eq!(verified("--verify"), (125, "sandbox-error".into(), Some(false.into())));
    let (_, report) = run(&scene, "--verify");
    assert_eq!((&report["error"]["step"], &report["error"]["call"]), (&"bundle".into(), &"verify".into()));
    let message = report["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("has changed: /etc/group has 5 bytes, not "), "{message}");
}

#[test]
fn a_run_without_a_report_is_verified_too() {
    needs_root!();
    let scene = scene();
    let run = || scene.capsule("run B --verify -- /bin/bash -c echo${IFS}ran");
    assert_eq!((run().code, run().stdout.as_str()), (0, "ran\n"));
    change(&scene);
    let said = run();
    assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{}", said.stderr);
    assert!(said.stderr.contains("hint: `capsule verify "), "{}", said.stderr);
}

#[test]
fn an_option_that_init_does_not_know_is_reported_once() {
    needs_root!();
    let scene = scene();
    let (code, report) = run(&scene, "--verify --memroy 1G");
    assert_eq!((code, &report["status"], &report["verified"]), (125, &"sandbox-error".into(), &true.into()));
    assert!(report["error"]["message"].as_str().unwrap_or_default().contains("--memroy"), "{report}");
}

#[test]
fn a_verified_run_that_is_asked_to_end_still_reports() {
    needs_root!();
    let scene = scene();
    let ready = scene.path("ready");
    let mut run = scene.command();
    run.args(["run", "B", "--verify", "--report", "r.json", "--stdout", "ready", "--"]);
    run.args(["/bin/bash", "-c", "echo; while :; do :; done"]);
    let mut run = run.spawn().expect("it starts");
    wait_until("the submission runs", || fs::read(&ready).is_ok_and(|said| !said.is_empty()));
    kill_process(Pid::from_child(&run), Signal::TERM).expect("sent");
    assert_eq!(run.wait().expect("it ends").code(), Some(125));
    let report = report(&fs::read_to_string(scene.path("r.json")).expect("a report"));
    assert_eq!((&report["status"], &report["error"]["call"]), (&"sandbox-error".into(), &"signal".into()));
    assert_eq!(report["verified"], true, "{report}");
}

#[test]
fn an_ordinary_user_has_the_tree_compared_as_well() {
    needs_root!();
    let scene = scene();
    for line in
        ["exec B a.shell --verify --report -", "run B --verify --report - -- /bin/bash -c echo${IFS}ran"]
    {
        let said = Said::of(&mut as_user(&scene, line));
        assert_eq!(said.code, 0, "{line}: {}", said.stderr);
        assert!(
            said.stdout.starts_with("ran\n") && report(&said.stdout)["verified"] == true,
            "{}",
            said.stdout
        );
    }
    change(&scene);
    let said = Said::of(&mut as_user(&scene, "exec B a.shell --verify"));
    assert!(said.code == 125 && said.stderr.contains("/etc/group has 5 bytes"), "{}", said.stderr);
}

#[test]
fn a_judgement_says_whether_the_tree_was_compared() {
    needs_root!();
    let scene = scene();
    for (name, content) in
        [("p/1.in", ""), ("p/1.ans", "ran\n"), ("p/submissions/accepted/a.shell", "echo ran")]
    {
        scene.file(name, content);
    }
    let judge = |options: &str| {
        let said = scene.capsule(&format!("judge B p --no-cache --format json {options}"));
        (said.code, report(&said.stdout), said.stderr)
    };
    for (options, expected) in [("a.shell", false), ("a.shell --verify", true), ("--verify", true)] {
        let (code, report, errors) = judge(options);
        assert_eq!((code, &report["verified"]), (0, &expected.into()), "{options}: {report} {errors}");
    }
    change(&scene);
    let said = scene.capsule("judge B p a.shell --no-cache --verify --report r.json");
    let report = report(&fs::read_to_string(scene.path("r.json")).expect("a report"));
    assert_eq!((said.code, &report["verdict"]), (125, &"IE".into()), "{report}");
    assert!(report["error"].as_str().unwrap_or_default().contains("B` has changed: /etc/group"), "{report}");
}
