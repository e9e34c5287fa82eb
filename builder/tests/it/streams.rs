//! Limits and signals hold whatever the other end of a stream does: it does not read, does not answer, has a second
//! writer, or never comes. Where a run hangs, the test waits long and fails.

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::pool::cgroups;
use crate::scene::{Scene, needs_root, wait_until};

/// A run that takes as long never ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// What fits into a pipe that is as small as it can be.
const SMALL_PIPE: usize = 4096;
/// Never ends by itself, and never reads.
const FLOOD: &str = "while :; do echo READ 0; done";

/// One bundle for all tests here, which every user may read.
fn bundle() -> &'static Path {
    static BUNDLE: OnceLock<(Scene, PathBuf)> = OnceLock::new();
    let (_, path) = BUNDLE.get_or_init(|| {
        let scene = Scene::new();
        fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
        scene.succeeds("build bash sleep perl -o B --format dir");
        let path = scene.path("B");
        (scene, path)
    });
    path
}

/// A run that is still to be started: its streams are at their end, and go nowhere.
pub(crate) struct Run {
    pub(crate) command: Command,
    pub(crate) scene: Scene,
}

impl Run {
    pub(crate) fn new(options: &str, script: &str) -> Run {
        let scene = Scene::new();
        fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o777)).expect("set");
        let mut command = Command::new(bundle().join("init"));
        command.current_dir(scene.path("")).args(["run", "--root"]).arg(bundle().join("rootfs"));
        command.args(["--report", "report"]).args(options.split_whitespace());
        command.args(["--", "/bin/bash", "-c", script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Run { command, scene }
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Run {
        self.command.stdin(stdin);
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Run {
        self.command.stdout(stdout);
        self
    }

    fn stderr(mut self, stderr: impl Into<Stdio>) -> Run {
        self.command.stderr(stderr);
        self
    }

    pub(crate) fn by_user(mut self) -> Run {
        self.command.uid(65534).gid(65534);
        self
    }

    /// Started; no copy of its streams stays in this process.
    pub(crate) fn start(self) -> Started {
        let Run { mut command, scene } = self;
        Started { child: command.spawn().expect("it starts"), scene }
    }
}

pub(crate) struct Started {
    pub(crate) child: Child,
    scene: Scene,
}

impl Started {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("sent");
    }

    /// Waits for its end; gives its exit code and its report.
    pub(crate) fn ended(mut self) -> (i32, Value) {
        self.finished()
    }

    /// The same, and what it has written stays.
    pub(crate) fn finished(&mut self) -> (i32, Value) {
        let code = self.code();
        let text = fs::read_to_string(self.scene.path("report")).expect("a report");
        (code, serde_json::from_str(&text).expect("JSON"))
    }

    fn code(&mut self) -> i32 {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status.code().expect("it exits by itself");
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().expect("killed");
        self.child.wait().expect("waited");
        panic!("the run does not end");
    }
}

pub(crate) fn small_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, SMALL_PIPE).expect("made small");
    (reader, writer)
}

pub(crate) fn status(report: &Value) -> &str {
    report["status"].as_str().expect("a status")
}

fn undelivered(report: &Value) -> u64 {
    report["undelivered_bytes"].as_u64().expect("a number")
}

#[test]
fn a_reader_that_stands_still_keeps_no_run_from_its_limit() {
    for by_user in [false, true] {
        // On a slow machine the flood does not fill another in time.
        let (mut reader, writer) = small_pipe();
        let run = Run::new("--wall-time 300ms", FLOOD).stdout(writer);
        let (code, report) = if by_user { run.by_user() } else { run }.start().ended();
        assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
        assert!(undelivered(&report) > 0, "{report}");
        // Nothing holds the other end any more.
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("read");
        assert_eq!(report["stdout_bytes"], all.len(), "{report}");
    }
}

#[test]
fn a_reader_of_stderr_that_stands_still_keeps_no_run_without_a_report() {
    let (_reader, writer) = pipe().expect("a pipe");
    let mut command = Command::new(bundle().join("init"));
    command.args(["run", "--wall-time", "300ms", "--root"]).arg(bundle().join("rootfs"));
    command.args(["--", "/bin/bash", "-c", "while :; do echo READ 0 >&2; done"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer).spawn().expect("it starts");
    drop(command);
    assert_eq!(Started { child, scene: Scene::new() }.code(), 124);
}

#[test]
fn output_that_is_not_taken_in_time_is_named_and_never_ok() {
    for options in ["--drain-time 100ms", "--wall-time 500ms"] {
        let (_reader, writer) = small_pipe();
        let run = Run::new(options, "printf '%020000d' 1; exit 0").stdout(writer);
        let (code, report) = run.start().ended();
        assert_eq!((code, status(&report)), (125, "sandbox-error"), "{report}");
        let error = &report["error"];
        assert_eq!((&error["subject"], &error["errno"]), (&"stdout".into(), &"ETIMEDOUT".into()), "{report}");
        assert_eq!(report["stdout_bytes"], SMALL_PIPE, "{report}");
        assert_eq!(undelivered(&report), 20_000 - SMALL_PIPE as u64, "{report}");
    }
}

/// It takes longer than the submission runs, and longer than any grace.
#[test]
fn a_reader_that_is_only_slow_loses_nothing() {
    for options in ["", "--wall-time 20s", "--drain-time 20s"] {
        let (mut reader, writer) = small_pipe();
        let run = Run::new(options, "printf '%050000d' 1").stdout(writer).start();
        let mut bytes = 0;
        let mut buffer = [0; SMALL_PIPE];
        loop {
            thread::sleep(Duration::from_millis(120));
            match reader.read(&mut buffer).expect("read") {
                0 => break,
                more => bytes += more,
            }
        }
        let (code, report) = run.ended();
        assert_eq!((code, status(&report), bytes), (0, "ok", 50_000), "{report}");
        assert_eq!(undelivered(&report), 0, "{report}");
    }
}

#[test]
fn a_run_whose_reader_stands_still_is_called_off_by_a_signal() {
    // The second one has ended long before the signal comes.
    for script in [FLOOD, "printf '%050000d' 1"] {
        let (mut reader, writer) = small_pipe();
        let run = Run::new("", script).stdout(writer).start();
        reader.read_exact(&mut [0]).expect("it runs");
        thread::sleep(Duration::from_millis(200));
        run.signal(Signal::TERM);
        let (code, report) = run.ended();
        assert_eq!((code, status(&report)), (125, "sandbox-error"), "{report}");
        assert_eq!(report["error"]["call"], "signal", "{report}");
    }
}

#[test]
fn two_runs_that_talk_past_each_other_both_end() {
    let ((one, to_one), (other, to_other)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let first = Run::new("--wall-time 300ms", FLOOD).stdin(one).stdout(to_other).start();
    let second = Run::new("--wall-time 300ms", FLOOD).stdin(other).stdout(to_one).start();
    let statuses = [first, second].map(|run| status(&run.ended().1).to_owned());
    // The end of the one may come to the other as SIGPIPE, before its own limit.
    assert!(
        statuses.iter().all(|status| status == "wall-time-limit" || status == "signaled"),
        "{statuses:?}"
    );
    assert!(statuses.contains(&"wall-time-limit".to_owned()), "{statuses:?}");
}

#[test]
fn an_interactor_that_answers_a_program_that_never_reads_gets_an_end() {
    let ((mut questions, to_interactor), (to_program, mut answers)) =
        (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let run = Run::new("--wall-time 300ms", FLOOD).stdin(to_program).stdout(to_interactor).start();
    let interactor = thread::spawn(move || {
        let mut buffer = [0; 64];
        while questions.read(&mut buffer).expect("read") > 0 {
            if answers.write_all(&[b'x'; 640]).is_err() {
                break; // EPIPE: the run is over
            }
        }
    });
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
    interactor.join().expect("it ends");
}

/// One pipe for both with room for one write, so that the second one of the two that poll(2) allows would sleep.
#[test]
fn a_pipe_that_others_fill_puts_no_run_to_sleep() {
    let (_reader, mut writer) = pipe().expect("a pipe");
    fcntl_setpipe_size(&writer, 2 * SMALL_PIPE).expect("made small");
    writer.write_all(&[b'x'; SMALL_PIPE]).expect("written");
    let copy = || writer.try_clone().expect("copied");
    let script = "while :; do echo READ 0; echo READ 0 >&2; done";
    let run = Run::new("--wall-time 300ms", script).stdout(copy()).stderr(copy()).start();
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
}

#[test]
fn a_description_that_is_shared_with_the_caller_keeps_its_flags() {
    let ((source, _to), (mut from, target)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let (socket, _peer) = UnixStream::pair().expect("a pair");
    let copies: [OwnedFd; 3] = [
        source.try_clone().expect("copied").into(),
        target.try_clone().expect("copied").into(),
        socket.try_clone().expect("copied").into(),
    ];
    let run = Run::new("--wall-time 20s", "echo up; read")
        .stdin(source)
        .stdout(target)
        .stderr(OwnedFd::from(socket));
    let run = run.start();
    from.read_exact(&mut [0; 3]).expect("it runs");
    for copy in &copies {
        assert!(!fcntl_getfl(copy).expect("flags").contains(OFlags::NONBLOCK));
    }
    run.signal(Signal::TERM);
    assert_eq!(run.ended().0, 125);
}

#[test]
fn a_socket_whose_peer_does_not_read_puts_no_run_to_sleep() {
    let (ours, _peer) = UnixStream::pair().expect("a pair");
    let run = Run::new("--wall-time 300ms", FLOOD).stdout(OwnedFd::from(ours)).start();
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
    assert!(undelivered(&report) > 0, "{report}");
}

#[test]
fn a_socket_carries_both_directions() {
    let (ours, mut peer) = UnixStream::pair().expect("a pair");
    let copy = ours.try_clone().expect("copied");
    let run =
        Run::new("", "read line; echo $line $line").stdin(OwnedFd::from(ours)).stdout(OwnedFd::from(copy));
    let run = run.start();
    peer.write_all(b"abc\n").expect("written");
    let mut text = String::new();
    peer.read_to_string(&mut text).expect("read");
    assert_eq!((text.as_str(), run.ended().0), ("abc abc\n", 0));
}

/// Its owner is root, so the user's supervisor cannot open it again.
#[test]
fn a_pipe_of_another_user_carries_all_and_puts_no_run_to_sleep() {
    needs_root!();
    let ((source, mut to), (mut from, target)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let run = Run::new("--wall-time 20s", "while read line; do echo $line; done; printf '%0100000d' 1");
    let run = run.stdin(source).stdout(target).by_user().start();
    to.write_all(b"one\ntwo\n").expect("written");
    drop(to);
    let mut text = String::new();
    from.read_to_string(&mut text).expect("read");
    let (code, report) = run.ended();
    assert_eq!((code, status(&report), text.len()), (0, "ok", 100_008), "{report}");
    assert!(text.starts_with("one\ntwo\n0"), "{}", &text[..20]);

    let (mut reader, writer) = small_pipe();
    let run = Run::new("--drain-time 100ms", "printf '%020000d' 1; exit 0").stdout(writer).by_user();
    let (code, report) = run.start().ended();
    assert_eq!((code, status(&report)), (125, "sandbox-error"), "{report}");
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("read");
    assert_eq!(undelivered(&report) + all.len() as u64, 20_000, "{report}");
}

#[test]
fn a_terminal_that_is_not_read_puts_no_run_to_sleep() {
    use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name");
    let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
    let run = Run::new("--wall-time 300ms", FLOOD).stdout(slave).start();
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
}

fn fifo(run: &Run) -> PathBuf {
    let path = run.scene.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::from_raw_mode(0o666)).expect("made");
    path
}

#[test]
fn a_fifo_without_a_peer_is_waited_for_within_the_limits() {
    let run = Run::new("--wall-time 300ms --stdin fifo", "read line");
    fifo(&run);
    let (code, report) = run.start().ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");

    let run = Run::new("--drain-time 100ms --stdout fifo", "echo hello");
    fifo(&run);
    let (code, report) = run.start().ended();
    assert_eq!((code, status(&report), undelivered(&report)), (125, "sandbox-error", 6), "{report}");

    let run = Run::new("--drain-time 100ms --report fifo", "echo hello");
    fifo(&run);
    assert_eq!(run.start().code(), 125);
}

#[test]
fn a_run_that_waits_for_the_peer_of_a_fifo_is_called_off_by_a_signal() {
    for (option, script) in [("--stdin", "read line"), ("--stdout", "echo hello"), ("--report", "echo hello")]
    {
        let run = Run::new(&format!("{option} fifo"), script);
        fifo(&run);
        let mut run = run.start();
        thread::sleep(Duration::from_millis(200));
        run.signal(Signal::TERM);
        assert_eq!(run.code(), 125, "{option}");
    }
}

#[test]
fn the_peer_of_a_fifo_may_come_late() {
    let later = || thread::sleep(Duration::from_millis(200));
    let run = Run::new("--stdin fifo", "read line; [ $line = hello ]");
    let path = fifo(&run);
    let run = run.start();
    later();
    fs::write(&path, "hello\n").expect("written");
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (0, "ok"), "{report}");

    let run = Run::new("--stdout fifo", "echo hello");
    let path = fifo(&run);
    let run = run.start();
    later();
    assert_eq!(fs::read_to_string(&path).expect("read"), "hello\n");
    let (code, report) = run.ended();
    assert_eq!((code, status(&report), undelivered(&report)), (0, "ok", 0), "{report}");

    let run = Run::new("--report fifo", "echo hello");
    let path = fifo(&run);
    let mut run = run.start();
    later();
    let report: Value = serde_json::from_reader(File::open(&path).expect("opened")).expect("JSON");
    assert_eq!((run.code(), status(&report)), (0, "ok"), "{report}");
}

#[test]
fn a_stream_that_the_submission_closes_is_closed_for_the_caller_at_once() {
    // The submission lives on, so the ends are not those of the run.
    let ((source, mut to), (mut from, target)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let run = Run::new("--wall-time 20s", "exec <&- >&- 2>&-; sleep 60").stdin(source);
    let run = run.stdout(target).start();
    assert_eq!(from.read(&mut [0]).expect("read"), 0);
    let begun = Instant::now();
    while rustix::io::write(to.as_fd(), b"x") != Err(Errno::PIPE) {
        assert!(begun.elapsed() < PATIENCE, "stdin stays open");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(to.write(b"x").is_err());
    run.signal(Signal::TERM);
    assert_eq!(run.ended().0, 125);
}

#[test]
fn the_reader_that_leaves_is_missed_at_the_next_write() {
    let (mut reader, writer) = pipe().expect("a pipe");
    let (source, mut to) = pipe().expect("a pipe");
    let script = "echo up; read; echo lost; echo lost || exit 7";
    let run = Run::new("--wall-time 20s", script).stdin(source).stdout(writer).start();
    reader.read_exact(&mut [0; 3]).expect("it runs");
    drop(reader);
    thread::sleep(Duration::from_millis(200));
    to.write_all(b"\n").expect("written");
    let (_, report) = run.ended();
    // SIGPIPE, at the first of them.
    assert_eq!((status(&report), &report["signal"]), ("signaled", &13.into()), "{report}");
}

/// A filter that answers EPERM to these calls, of the process and of all that come from it.
pub const FILTERED: &str = r#"
my @refused = split /,/, shift;
my $filter = pack "SCCL", 0x20, 0, 0, 0;
$filter .= pack "SCCLSCCL", 0x15, 0, 1, $_, 0x06, 0, 0, 0x00050001 for @refused;
$filter .= pack "SCCL", 0x06, 0, 0, 0x7fff0000;
my $program = pack "Sx6P", 2 + 2 * @refused, $filter;
syscall(157, 38, 1, 0, 0, 0) == 0 and syscall(157, 22, 2, $program) == 0 or die $!;
exec @ARGV or die $!;
"#;

#[test]
fn a_host_that_refuses_to_kill_by_pidfd_keeps_no_run_from_its_end() {
    const PIDFD_SEND_SIGNAL: &str = "424";
    let run = refused(PIDFD_SEND_SIGNAL, Run::new("--wall-time 300ms", "sleep 60"));
    let (code, report) = run.start().ended();
    assert_eq!((code, status(&report)), (124, "wall-time-limit"), "{report}");
}

#[test]
fn a_host_that_refuses_to_kill_is_named() {
    // kill(2) too.
    let run = refused("424,62", Run::new("--wall-time 300ms", "sleep 60")).start();
    let supervisor = Pid::from_child(&run.child);
    let (code, report) = run.ended();
    assert_eq!((code, status(&report)), (125, "sandbox-error"), "{report}");
    // The program ends with its supervisor, which is not there any more to remove their cgroups.
    wait_until("the cgroups are empty, and can be removed", || {
        cgroups(&[supervisor]).iter().all(|cgroup| fs::remove_dir(cgroup).is_ok())
    });
    assert_eq!(report["error"]["call"], "pidfd_send_signal", "{report}");
}

fn refused(calls: &str, run: Run) -> Run {
    let mut command = Command::new("perl");
    command.args(["-e", FILTERED, calls]).arg(run.command.get_program()).args(run.command.get_args());
    command.current_dir(run.scene.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Run { command, ..run }
}
