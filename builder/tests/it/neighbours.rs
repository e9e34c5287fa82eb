//! What one run uses up of what the kernel counts by user, and whether others feel it.

use std::cell::Cell;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{Said, Scene, children, needs_root, wait_until};

/// A scene with the bundle and a program that uses up what the kernel counts by user.
fn with_neighbour() -> Scene {
    let scene = Scene::with_bash();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/neighbour.c");
    let gcc = Command::new("gcc").args(["-static", "-o"]).arg(scene.path("neighbour")).arg(source).status();
    assert!(gcc.expect("gcc").success());
    scene
}

/// That program in a run of its own, by this user; when it has used up all that it can get.
fn greedy(scene: &Scene, user: u32, options: &[&str], what: &str) -> Child {
    let mut command = scene.command();
    command.uid(user).gid(user).args(["run", "B", "--bind"]);
    command.arg(format!("{}:/tmp/neighbour", scene.path("neighbour").display()));
    up(command.args(options).args(["--", "/tmp/neighbour", what]))
}

const ROOT: u32 = 0;
const NOBODY: u32 = 65_534;

/// The kernel counts descriptors in flight by user, and refuses whoever has a lower limit of open files than there are
/// (`too_many_unix_fds` in net/core/scm.c).
#[test]
fn descriptors_in_flight_of_one_run_are_not_felt_by_another_even_with_the_same_uid() {
    needs_root!();
    let scene = with_neighbour();
    for (user, options) in
        [(ROOT, &[][..]), (ROOT, &["--uid", "61904"]), (ROOT, &["--userns"]), (NOBODY, &[])]
    {
        let mut first = greedy(&scene, user, options, "descriptors");
        let mut second = scene.command();
        second.uid(user).gid(user).args(["run", "B"]).args(options).args(["--", "/bin/bash", "-c", "exit 7"]);
        let said = Said::of(&mut second);
        assert_eq!(said.code, 7, "{user} {options:?}: {}", said.stderr);
        first.kill().expect("killed");
        first.wait().expect("waited");
    }
}

/// A user namespace belongs to its maker, and what its users queue counts for that one too (user_namespaces(7)).
#[test]
fn signals_queued_in_a_user_namespace_do_not_count_for_root() {
    needs_root!();
    let scene = with_neighbour();
    let queued = || {
        let status = fs::read_to_string("/proc/self/status").expect("read");
        let line = status.lines().find_map(|line| line.strip_prefix("SigQ:")).expect("there");
        line.trim().split('/').next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let before = queued();
    let mut run = greedy(&scene, ROOT, &["--userns"], "signals");
    // The program queues 400.
    assert!(queued() < before + 200, "{before}, now {}", queued());
    run.kill().expect("killed");
    run.wait().expect("waited");
}

/// What watches limits comes before every ordinary process, what passes output on does not: otherwise a submission could
/// have a CPU for itself through us.
#[test]
fn a_flood_of_output_takes_no_more_time_than_a_neighbour_has() {
    needs_root!();
    let scene = with_neighbour();
    // A socket: what goes to a pipe or a file costs us nearly nothing (splice(2)).
    let (mut reader, writer) = UnixStream::pair().expect("a pair");
    thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
    let cpu = first_cpu();
    let options = ["--wall-time", "300s", "--output", "none", "--report", "fd:2"];
    let mut run = on_one_cpu(&scene, &cpu, &options);
    run.args(["--", "/tmp/neighbour", "flood"]);
    let mut run = run
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut victim = Command::new("taskset")
        .args(["-c", &cpu, "bash", "-c", "while :; do :; done"])
        .spawn()
        .expect("started");
    wait_until("the supervisor works", || ticks(run.id()) > 20);
    let before = [run.id(), victim.id()].map(ticks);
    let classes = [const { Cell::new(0u32) }; 2];
    wait_until("both have worked for a while", || {
        // Field 3 is the state, and field 41 the class: 1 is SCHED_FIFO.
        let stat = stat(run.id());
        if stat.first().is_some_and(|state| state == "R") {
            let class = &classes[usize::from(stat.get(38).is_some_and(|class| class == "1"))];
            class.set(class.get() + 1);
        }
        ticks(run.id()) - before[0] > 50 && classes.iter().map(Cell::get).sum::<u32>() > 50
    });
    let [supervisor, neighbour] = [ticks(run.id()) - before[0], ticks(victim.id()) - before[1]];
    victim.kill().and_then(|()| victim.wait()).expect("killed");
    kill_process(Pid::from_child(&run), Signal::TERM).expect("sent");
    let report = io::read_to_string(run.stderr.take().expect("piped")).expect("read");
    run.wait().expect("waited");
    assert!(report.contains(r#""first-in-line":"on""#), "{report}");
    let [ordinary, first] = classes.map(|class| class.get());
    assert!(first * 2 < ordinary, "it works as the first {first} times, and {ordinary} times not");
    // It always has something to do, so it gets at least what any other gets on this CPU; a margin for the clock's ticks.
    assert!(
        neighbour * 4 > supervisor * 3,
        "the neighbour has {neighbour} ticks, the supervisor {supervisor}"
    );
}

/// What stands in for the supervisor where that would sleep passes output on as an ordinary process, too.
#[test]
fn a_relay_is_an_ordinary_process() {
    needs_root!();
    let scene = with_neighbour();
    let fifo = scene.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).expect("made");
    let mut run = on_one_cpu(&scene, &first_cpu(), &["--wall-time", "300s", "--output", "none", "--stdout"]);
    // A reader that comes late: until then a process has to sleep.
    let mut run = run.arg(&fifo).args(["--", "/tmp/neighbour", "flood"]).spawn().expect("started");
    let class = |pid: u32| stat(pid).get(38).cloned();
    wait_until("the supervisor is the first", || class(run.id()).as_deref() == Some("1"));
    let relays = || {
        let all = children(Pid::from_child(&run)).into_iter();
        all.filter(|child| children(*child).is_empty()).collect::<Vec<Pid>>()
    };
    // The other child is PID 1 of the sandbox, once that has the submission.
    wait_until("one child has none of its own", || relays().len() == 1);
    let relay = relays()[0].as_raw_nonzero().get().cast_unsigned();
    let before = class(relay);
    let mut reader = fs::File::open(&fifo).expect("opened");
    thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
    wait_until("the relay works", || ticks(relay) > 20);
    let at_work = class(relay);
    kill_process(Pid::from_child(&run), Signal::TERM).expect("sent");
    run.wait().expect("waited");
    assert_eq!([before, at_work].map(|class| class.unwrap_or_default()), ["0", "0"]);
}

/// Sixty processes on the supervisor's CPU, which is not before them: it notices each limit late.
#[test]
fn a_submission_that_delays_its_supervisor_has_reached_its_own_limit() {
    needs_root!();
    let scene = with_neighbour();
    let each = |what: &str| format!("for i in {{1..60}}; do ({what}) & done 2> /dev/null; wait");
    let burn = "while :; do :; done";
    for (options, script, expected) in [
        ("--cpu-time 300ms --wall-time 3000s", each(burn), "cpu-time-limit"),
        ("--wall-time 500ms", each(burn), "wall-time-limit"),
        (
            "--idle-time 300ms --cpu-time 60s",
            each("for i in {1..2000}; do :; done") + "; kill -STOP $$",
            "idle-time-limit",
        ),
        ("--memory 24M --cpu-time 60s", each("x=y; while :; do x+=$x; done"), "memory-limit"),
        ("--output 64K --cpu-time 60s", each("while :; do echo READ 0; done"), "output-limit"),
        ("--pids 20 --cpu-time 300ms --wall-time 3000s", each(burn), "cpu-time-limit"),
    ] {
        let options: Vec<&str> = options.split(' ').collect();
        let mut run = on_one_cpu(&scene, &first_cpu(), &options);
        run.args(["--without", "first-in-line", "--report"]).arg(scene.path("report"));
        run.args(["--", "/bin/bash", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        run.stderr(Stdio::null()).status().expect("it starts");
        let report = fs::read_to_string(scene.path("report")).expect("a report");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(
            (&report["status"], &report["error"]),
            (&expected.into(), &serde_json::Value::Null),
            "{report}"
        );
        assert_eq!(report["guards"]["first-in-line"], "off", "{report}");
    }
}

/// init, about to start a run that has the program, on one CPU with its submission.
fn on_one_cpu(scene: &Scene, cpu: &str, options: &[&str]) -> Command {
    let mut run = Command::new("taskset");
    run.args(["-c", cpu]).arg(scene.path("B/init")).arg("run").arg("--root").arg(scene.path("B/rootfs"));
    run.arg("--bind").arg(format!("{}:/tmp/neighbour", scene.path("neighbour").display()));
    run.args(options);
    run
}

/// The first CPU that this process may run on.
pub(crate) fn first_cpu() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("there");
    list.trim().split([',', '-']).next().expect("one").to_owned()
}

/// What follows the name, from the state on (proc_pid_stat(5)).
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(str::to_owned).collect()
}

/// CPU time of a process.
fn ticks(pid: u32) -> u64 {
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let stat = stat(pid);
    number(stat.get(11)) + number(stat.get(12))
}

/// Starts a command, and waits until it has printed `up`.
fn up(command: &mut Command) -> Child {
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    run
}
