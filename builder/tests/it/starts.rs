//! `--start-on`: a prepared sandbox, and how it ends when the byte comes, when it does not come, and when a process dies.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{Scene, children, needs_root, wait_until};

/// A sandbox that waits for a byte on stdin, and the other end of that.
fn ready(scene: &Scene, options: &[&str]) -> (Child, ChildStdin) {
    let mut command = scene.command();
    command.args(["run", "B", "--start-on", "fd:0"]).args(options);
    command.args(["--", "/bin/bash", "-c", "echo started; read -r line; echo $line"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().expect("it starts");
    let stdin = run.stdin.take().expect("piped");
    wait_until_idle(&run, 2);
    (run, stdin)
}

/// Waits until the run has ended, or its set-up has: all of init's processes sleep, and none has run meanwhile.
fn wait_until_idle(run: &Child, processes: usize) {
    let supervisor = Pid::from_child(run);
    let look = || {
        let states: Vec<Option<String>> =
            [supervisor].into_iter().chain(children(supervisor)).map(state).collect();
        let is_asleep = |state: &Option<String>| state.as_ref().is_some_and(|text| text.starts_with('S'));
        let has_ended = states[0].as_ref().is_none_or(|text| text.starts_with('Z'));
        (has_ended, states.len() == processes && states.iter().all(is_asleep), states)
    };
    wait_until("the sandbox is ready", || {
        let before = look();
        thread::sleep(Duration::from_millis(50));
        let after = look();
        after.0 || (before.1 && before == after)
    });
}

/// The state of a process, and how often it has given up the CPU (proc_pid_status(5)).
fn state(pid: Pid) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some(format!("{} {}", field("State:")?, field("voluntary_ctxt_switches:")?))
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
fn a_submission_starts_when_the_byte_comes_and_reads_what_follows_it() {
    needs_root!();
    // The wait is longer than both limits, so their clocks do not run during it. A run that takes longer than its limit
    // shows nothing: that machine needs a larger one.
    let limits = [300, 3000, 30_000].map(Duration::from_millis);
    assert!(limits.into_iter().any(starts_within), "a run of two lines takes longer than {:?}", limits[2]);
}

/// Checks everything about a start on a byte; false if the machine is too slow for this limit.
fn starts_within(limit: Duration) -> bool {
    let scene = Scene::with_bash();
    let path = scene.path("report").display().to_string();
    let amount = format!("{}ms", limit.as_millis());
    let options = ["--wall-time", &amount, "--idle-time", &amount, "--report", &path];
    let (mut run, mut stdin) = ready(&scene, &options);
    thread::sleep(limit + limit / 4);
    let mut stdout = run.stdout.take().expect("piped");
    assert!(run.try_wait().expect("asked").is_none(), "it waits");
    let byte = Instant::now();
    stdin.write_all(b"!follows\n").expect("written");
    let mut said = String::new();
    stdout.read_to_string(&mut said).expect("read");
    let code = end(run).0;
    if byte.elapsed() >= limit {
        return false;
    }
    assert_eq!((code, said.as_str()), (Some(0), "started\nfollows\n"));
    let report = report(&scene);
    assert_eq!(report["status"], "ok");
    let setup = Duration::from_micros(report["setup_us"].as_u64().expect("a number"));
    assert!(setup <= byte.elapsed(), "set-up counts from the byte: {setup:?}");
    true
}

/// Nothing reads stdin before the submission does.
#[test]
fn input_stays_where_it_is_until_the_start() {
    needs_root!();
    stays_until_the_start(|_| (), 2);
}

/// A pipe of root's, which an ordinary user's run can only read through a process that sleeps for it.
#[test]
fn input_that_another_process_reads_stays_too() {
    needs_root!();
    let by_user = |command: &mut Command| {
        command.uid(65534).gid(65534);
    };
    // One for each of the three streams and one for what init itself says on stderr.
    stays_until_the_start(by_user, 6);
}

fn stays_until_the_start(change: impl Fn(&mut Command), processes: usize) {
    let scene = Scene::with_bash();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    let (awaited, mut starter) = io::pipe().expect("a pipe");
    let mut command = scene.command();
    change(&mut command);
    // A descriptor that `Command` can pass on: nothing is written to this stderr.
    command.args(["run", "B", "--start-on", "fd:2", "--", "/bin/bash", "-c", "read -r line; echo $line"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(awaited);
    let mut run = command.spawn().expect("it starts");
    let mut stdin = run.stdin.take().expect("piped");
    stdin.write_all(b"words\n").expect("written");
    wait_until_idle(&run, processes);
    assert_eq!(rustix::io::ioctl_fionread(&stdin).expect("asked"), 6);
    starter.write_all(b"!").expect("written");
    assert_eq!(end(run), (Some(0), "words\n".to_owned()));
}

#[test]
fn nothing_starts_without_the_byte() {
    needs_root!();
    let scene = Scene::with_bash();
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

/// A sandbox that cannot be made does not wait, nor does one whose PID 1 is killed, and none outlives its supervisor.
#[test]
fn a_sandbox_that_fails_while_it_waits_reports_it_and_leaves_nothing() {
    needs_root!();
    let scene = Scene::with_bash();
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
    let proc = format!("/proc/{}", init.as_raw_nonzero());
    wait_until("PID 1 ends with its supervisor", || !fs::exists(&proc).expect("asked"));
}

/// PID 1 of a sandbox, by its number on the host.
fn init_of(supervisor: &Child) -> Pid {
    children(Pid::from_child(supervisor))[0]
}

#[test]
fn an_invalid_start_descriptor_is_named() {
    needs_root!();
    let scene = Scene::with_bash();
    let said = scene.capsule("run B --start-on fd:77 -- /bin/bash");
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (125, "init: start: dup3: `--start-on`: EBADF (no such descriptor)\n")
    );
    let said = scene.capsule("run B --start-on 3 -- /bin/bash");
    assert_eq!((said.code, said.stderr.as_str()), (125, "init: `--start-on` takes `fd:N`, not `3`\n"));
}
