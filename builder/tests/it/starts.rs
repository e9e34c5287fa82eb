//! `--start-on`: a sandbox that stands ready, and what becomes of it when the byte comes, does not come, or somebody dies.

use std::fs;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Scene, needs_root};

/// Longer than any set-up.
const WAIT: Duration = Duration::from_millis(400);
/// A loaded machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox that waits for a byte on stdin; and where that goes.
fn ready(scene: &Scene, options: &[&str]) -> (Child, ChildStdin) {
    let mut command = scene.command();
    command.args(["run", "B", "--start-on", "fd:0"]).args(options);
    command.args(["--", "/bin/bash", "-c", "echo started; read -r line; echo $line"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().expect("it starts");
    let stdin = run.stdin.take().expect("piped");
    thread::sleep(WAIT);
    (run, stdin)
}

fn bundle() -> Scene {
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    scene
}

/// Exit code, stdout and stderr together.
fn end(run: Child) -> (Option<i32>, String) {
    let output = run.wait_with_output().expect("waited");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn report(scene: &Scene) -> Value {
    serde_json::from_slice(&fs::read(scene.path("report")).expect("a report")).expect("JSON")
}

#[test]
fn a_submission_starts_when_the_byte_comes_and_reads_what_is_behind_it() {
    needs_root!();
    let scene = bundle();
    let path = scene.path("report");
    let path = path.to_str().expect("UTF-8");
    // Were the clocks to run, the wait would be over both limits.
    let limits = ["--wall-time", "300ms", "--idle-time", "300ms", "--report", path];
    let (mut run, mut stdin) = ready(&scene, &limits);
    let mut stdout = run.stdout.take().expect("piped");
    assert!(run.try_wait().expect("asked").is_none(), "it waits");
    let byte = Instant::now();
    stdin.write_all(b"!behind\n").expect("written");
    let mut said = String::new();
    stdout.read_to_string(&mut said).expect("read");
    assert_eq!((end(run).0, said.as_str()), (Some(0), "started\nbehind\n"));
    let report = report(&scene);
    assert_eq!(report["status"], "ok");
    let setup = Duration::from_micros(report["setup_us"].as_u64().expect("a number"));
    assert!(setup <= byte.elapsed(), "set-up counts from the byte: {setup:?}");
}

/// What waits on stdin is somebody else's until there is a submission.
#[test]
fn input_stays_where_it_is_until_the_start() {
    needs_root!();
    let scene = bundle();
    let (awaited, mut starter) = io::pipe().expect("a pipe");
    let mut command = scene.command();
    // A descriptor that a `Command` can hand on: nobody writes to this stderr.
    command.args(["run", "B", "--start-on", "fd:2", "--", "/bin/bash", "-c", "read -r line; echo $line"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(awaited);
    let mut run = command.spawn().expect("it starts");
    let mut stdin = run.stdin.take().expect("piped");
    stdin.write_all(b"words\n").expect("written");
    thread::sleep(WAIT);
    assert_eq!(rustix::io::ioctl_fionread(&stdin).expect("asked"), 6);
    starter.write_all(b"!").expect("written");
    assert_eq!(end(run), (Some(0), "words\n".to_owned()));
}

#[test]
fn nothing_starts_without_the_byte() {
    needs_root!();
    let scene = bundle();
    let (run, stdin) = ready(&scene, &[]);
    drop(stdin);
    assert_eq!(end(run), (Some(125), String::new()));

    let path = scene.path("report");
    let (run, stdin) = ready(&scene, &["--report", path.to_str().expect("UTF-8")]);
    let pid = Pid::from_child(&run);
    kill_process(pid, Signal::TERM).expect("signalled");
    assert_eq!(end(run), (Some(125), String::new()));
    assert_eq!(report(&scene)["error"]["errno"], "EINTR");
    drop(stdin);
}

/// A sandbox that cannot be made does not wait, nor does one whose PID 1 is killed; and none outlives its supervisor.
#[test]
fn a_sandbox_that_fails_while_it_waits_says_so_and_leaves_nothing() {
    needs_root!();
    let scene = bundle();
    let (run, _stdin) = ready(&scene, &["--bind", "/etc/hostname:/not/there"]);
    let (code, said) = end(run);
    assert_eq!(code, Some(125));
    assert!(said.starts_with("init: mounts: ") && said.contains("`/not/there`"), "{said}");

    let (run, _stdin) = ready(&scene, &[]);
    kill_process(init_of(&run), Signal::KILL).expect("killed");
    let (code, said) = end(run);
    assert_eq!(
        (code, said.as_str()),
        (Some(125), "init: supervise: exit: ECHILD (it died without a word)\n")
    );

    let (mut run, _stdin) = ready(&scene, &[]);
    let init = init_of(&run);
    run.kill().expect("killed");
    run.wait().expect("waited");
    let begun = Instant::now();
    while fs::exists(format!("/proc/{}", init.as_raw_nonzero())).expect("asked") {
        assert!(begun.elapsed() < PATIENCE, "PID 1 outlives its supervisor");
        thread::sleep(Duration::from_millis(10));
    }
}

/// PID 1 of a sandbox, by its number out here.
fn init_of(supervisor: &Child) -> Pid {
    let id = supervisor.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("read");
    let number = children.trim().parse().expect("one child");
    Pid::from_raw(number).expect("not 0")
}

#[test]
fn a_descriptor_that_is_none_is_named() {
    needs_root!();
    let scene = bundle();
    let said = scene.capsule("run B --start-on fd:77 -- /bin/bash");
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (125, "init: start: dup3: `--start-on`: EBADF (no such descriptor)\n")
    );
    let said = scene.capsule("run B --start-on 3 -- /bin/bash");
    assert_eq!((said.code, said.stderr.as_str()), (125, "init: `--start-on` takes `fd:N`, not `3`\n"));
}
