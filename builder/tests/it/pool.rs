//! `init-serve` and its client: the same verdicts as one process for each run gives, nothing that passes from run to run,
//! and nothing left, whichever process dies.

use std::fs;
use std::io::{self, IoSlice, PipeReader, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use run::exec::pool::Done;
use run::exec::{CompileResult, SourceFile, Submission, Workroom};
use run::{InitCommand, Pool};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags,
    SocketType, recv, sendmsg, shutdown, socketpair,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::end::{CUT_SHORT, full_pipe};
use crate::scene::{HANG, Scene, children, needs_root, wait_until};

/// A run in the scene's bundle.
pub(crate) fn command(scene: &Scene, options: &[&str], program: &[&str]) -> InitCommand {
    let mut init = InitCommand::of_bundle(&scene.path("B"));
    init.given(options.iter().map(Into::into)).command(program);
    init
}

/// What a run wrote, its exit code, and its report.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) code: u8,
    pub(crate) report: Value,
}

/// Pipes for a run: what is read of its output, and its ends.
fn pipes() -> ([PipeReader; 2], [OwnedFd; 2]) {
    let (output, stdout) = io::pipe().unwrap();
    let (errors, stderr) = io::pipe().unwrap();
    ([output, errors], [stdout.into(), stderr.into()])
}

fn pooled(pool: &Pool, init: &InitCommand, stdin: &fs::File) -> Seen {
    let ([mut output, mut errors], [stdout, stderr]) = pipes();
    let run = pool.run(init, [Some(stdin.as_fd()), Some(stdout.as_fd()), Some(stderr.as_fd())]).unwrap();
    drop((stdout, stderr));
    let run = run.expect("the pool takes it");
    let (mut said, mut warned) = (String::new(), String::new());
    output.read_to_string(&mut said).unwrap();
    errors.read_to_string(&mut warned).unwrap();
    let Done { code, report } = run.wait().unwrap();
    Seen { output: said, errors: warned, code, report: serde_json::from_str(&report).unwrap() }
}

pub(crate) fn alone(init: &InitCommand, stdin: &fs::File, report: &Path) -> Seen {
    let mut init = init.clone();
    init.option("report", report);
    let _ = fs::remove_file(report);
    let output = init.to_process().stdin(stdin.try_clone().unwrap()).output().unwrap();
    Seen {
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap() as u8,
        report: serde_json::from_slice(&fs::read(report).unwrap()).unwrap(),
    }
}

/// A report without what differs from run to run: amounts that were measured.
pub(crate) fn verdict(mut report: Value) -> Value {
    const MEASURED: [&str; 12] = [
        "cpu_us",
        "user_us",
        "system_us",
        "wall_us",
        "waited_us",
        "csw_forced",
        "throttled_us",
        "setup_us",
        "memory_peak_bytes",
        "pids_peak",
        "undelivered_bytes",
        "stdout_bytes",
    ];
    let is_stopped = report["status"] != "ok";
    let Some(object) = report.as_object_mut() else { return report };
    for key in MEASURED {
        object.remove(key);
    }
    if let Some(limits) = object.get_mut("limits").and_then(Value::as_object_mut) {
        for limit in limits.values_mut().filter_map(Value::as_object_mut) {
            limit.remove("observed").filter(|_| is_stopped);
        }
    }
    report
}

/// Workloads with each status that a run can have: options and program.
pub(crate) const WORKLOADS: &[(&[&str], &[&str])] = &[
    (&[], &["/bin/bash", "-c", "read -r line; echo \"$line\"; echo w >&2"]),
    (&[], &["bash", "-c", "exit 7"]),
    (&[], &["bash", "-c", "kill -SEGV $$"]),
    (&["--cpu-time", "100ms"], &["bash", "-c", "while :; do :; done"]),
    (&["--wall-time", "100ms"], &["bash", "-c", "while :; do :; done"]),
    (&["--idle-time", "100ms"], &["bash", "-c", "kill -STOP $$"]),
    (&["--memory", "32M"], &["bash", "-c", "a=x; while :; do a=$a$a; done"]),
    (&["--output", "1K"], &["bash", "-c", "while :; do echo 0123456789; done"]),
    // Whether the limit is hit by a pipeline depends on how soon its processes end.
    (&["--pids", "4"], &["bash", "-c", "echo four"]),
    (&[], &["/bin/none"]),
    (&["--cwd", "/none"], &["bash"]),
    (&["--cwd", "/tmp", "--env", "A=b c", "--env", "PATH=/bin"], &["bash", "-c", "echo $A $PATH $PWD"]),
    (
        &["--uid", "61000", "--gid", "61001"],
        &["bash", "-c", "echo $UID; : > own && echo > /home/judge/own && echo done"],
    ),
    (&["--net", "none"], &["bash", "-c", "echo > /dev/tcp/127.0.0.1/1"]),
    (&["--without", "uts-namespace", "--hostname", "x"], &["bash", "-c", "echo ok"]),
    (&["--userns"], &["bash", "-c", "echo $UID"]),
    (&["--bind", "/none:/tmp/x"], &["bash"]),
    (&["--bind", "/etc:/none/x"], &["bash"]),
    (
        &["--bind", "/etc/hostname:/tmp/deep/er/name", "--bind", "/var/tmp:/tmp/w:rw"],
        &["bash", "-c", "cd /tmp/deep/er; echo *; read -r x < name && echo read; echo > name"],
    ),
    (&["--require", "swap"], &["bash", "-c", "echo swap"]),
    (&["--cpus", "0"], &["bash", "-c", "echo cpu"]),
    (
        &["--tmp", "1M"],
        &[
            "bash",
            "-c",
            "a=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do a=$a$a; done; echo $a > f",
        ],
    ),
    (&["--frob"], &["bash"]),
    (&["--seccomp", "/none"], &["bash"]),
    (&["--seccomp", "off"], &["bash", "-c", "echo off"]),
];

#[test]
fn a_pooled_run_has_the_same_report_as_one_alone() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(3).unwrap();
    scene.file("input", "a line\nand more\n");
    let stdin = || fs::File::open(scene.path("input")).unwrap();
    for (options, program) in WORKLOADS {
        let init = command(&scene, options, program);
        let wanted = alone(&init, &stdin(), &scene.path("report"));
        // The first makes the pool have one of its shape ready; the others find it.
        for round in 0..3 {
            let seen = pooled(&pool, &init, &stdin());
            let what = format!("{options:?} {program:?}, round {round}");
            assert_eq!(verdict(seen.report), verdict(wanted.report.clone()), "{what}");
            assert_eq!((seen.code, &seen.errors), (wanted.code, &wanted.errors), "{what}");
            if wanted.report["status"] != "output-limit" {
                assert_eq!(seen.output, wanted.output, "{what}");
            }
        }
    }
}

/// A server of this test's own, and the socket to it.
struct Served {
    server: Child,
    socket: OwnedFd,
}

impl Served {
    fn start(args: &[&str]) -> Served {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        set_socket_timeout(&socket, Timeout::Recv, Some(HANG)).unwrap();
        let server = Command::new(program()).arg("serve").args(args).stdin(theirs).spawn().unwrap();
        Served { server, socket }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.server)
    }

    fn send(&self, request: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(descriptors)));
        sendmsg(&self.socket, &[IoSlice::new(request)], &mut control, SendFlags::empty()).unwrap();
    }

    /// Asks for a run with nothing as its streams.
    fn ask(&self, name: &str, root: &Path, program: &[&str]) {
        let nothing = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        let root = root.to_str().unwrap();
        let args = [&[name, "run", "--root", root, "--"], program].concat();
        let request: Vec<u8> =
            args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"]).flatten().copied().collect();
        self.send(&request, &[nothing.as_fd(); 3]);
    }

    /// The next answer: name, kind and the rest, which is the code and the report, or the pid.
    fn answer(&self) -> (String, String, String) {
        let mut bytes = vec![0; 32 << 10];
        let (len, _) = recv(&self.socket, &mut bytes[..], RecvFlags::empty()).expect("no answer");
        let text = String::from_utf8_lossy(&bytes[..len]);
        let mut parts = text.splitn(3, '\0').map(str::to_owned);
        (parts.next().unwrap(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }

    /// Asks for a run that ends at once, and checks that it does.
    fn still_serves(&self, root: &Path) {
        self.ask("still", root, &["/bin/bash", "-c", "exit 9"]);
        assert_eq!((self.answer().1.as_str(), self.answer().2.split('\0').next()), ("taken", Some("9")));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended_already = self.server.kill();
        let _no_zombie = self.server.wait();
    }
}

/// The server's program as a file.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(Scene, PathBuf)> = OnceLock::new();
    &PROGRAM
        .get_or_init(|| {
            let scene = Scene::new();
            let path = scene.file("init-serve", bundle::init::INIT_SERVE);
            (scene, path)
        })
        .1
}

/// Slots of a server that hold a sandbox: those with a child.
fn slots(server: Pid) -> Vec<Pid> {
    children(server).into_iter().filter(|slot| !children(*slot).is_empty()).collect()
}

/// All processes below one.
pub(crate) fn below(pid: Pid) -> Vec<Pid> {
    children(pid).into_iter().flat_map(|child| [vec![child], below(child)].concat()).collect()
}

pub(crate) fn is_alive(pid: &Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X'])) && !stat.is_empty()
}

/// The cgroups that supervisors with these pids have made.
pub(crate) fn cgroups(slots: &[Pid]) -> Vec<PathBuf> {
    let names: Vec<String> =
        slots.iter().map(|slot| format!("capsule-{:08x}-", slot.as_raw_nonzero().get())).collect();
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if names.iter().any(|name| entry.file_name().to_string_lossy().starts_with(name)) {
                    found.push(entry.path());
                }
                left.push(entry.path());
            }
        }
    }
    found
}

const FOREVER: [&str; 3] = ["/bin/bash", "-c", "while :; do :; done"];

#[test]
fn a_run_gets_the_sandbox_that_stands_ready() {
    needs_root!();
    let scene = Scene::with_bash();
    let served = Served::start(&["--ahead", "1"]);
    let root = scene.path("B/rootfs");
    served.still_serves(&root);
    for _ in 0..3 {
        wait_until("one stands ready", || {
            slots(served.pid()).len() == 1 && children(served.pid()).len() == 1
        });
        let ready = slots(served.pid())[0];
        served.ask("next", &root, &["/bin/bash", "-c", "exit 9"]);
        let (_, kind, pid) = served.answer();
        assert_eq!((kind.as_str(), pid), ("taken", ready.as_raw_nonzero().to_string()));
        assert_eq!(served.answer().2.split('\0').next(), Some("9"));
        wait_until("it has served once", || !is_alive(&ready));
    }
}

#[test]
fn a_sandbox_that_stands_on_an_exchanged_root_is_not_used() {
    needs_root!();
    let (scene, other) = (Scene::with_bash(), Scene::new());
    let link = other.path("root");
    std::os::unix::fs::symlink(scene.path("B/rootfs"), &link).unwrap();
    let served = Served::start(&["--ahead", "1"]);
    served.still_serves(&link);
    wait_until("one stands ready", || slots(served.pid()).len() == 1);
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    served.ask("new", &link, &["/bin/bash"]);
    served.answer();
    let (_, _, done) = served.answer();
    assert!(done.starts_with("125\0") && done.contains("ENOENT"), "{done}");
}

#[test]
fn a_message_that_is_not_a_request_is_answered_with_an_error() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let served = Served::start(&["--slots", "1"]);
    let nothing = fs::File::open("/dev/null").unwrap();
    let three = [nothing.as_fd(); 3];
    // More than a request may have, than the server has room for, and as many as a message can have (SCM_MAX_FD).
    let many = [nothing.as_fd(); 253];
    let long = [&b"n\0run\0"[..], &vec![b'x'; 70_000], b"\0"].concat();
    let arguments = [&b"n\0run\0"[..], &b"x\0".repeat(5000)].concat();
    let garbage: [(&[u8], &[BorrowedFd<'_>], &str); 14] = [
        (b"", &[], ""),
        (b"\0", &three, ""),
        (b"n\0run", &three, "n"),
        (b"n", &three, "n"),
        (b"n\0walk\0--root\0/\0--\0x\0", &three, "n"),
        (b"\xff\xfe\x00\x01", &three, "\u{fffd}\u{fffd}"),
        (b"a name that is much longer than one may be\0run\0", &three, ""),
        (&long, &three, "n"),
        (&arguments, &three, "n"),
        (b"n\0run\0--root\0/\0--\0x\0", &many[..40], "n"),
        (b"n\0run\0--root\0/\0--\0x\0", &many[..81], "n"),
        (b"n\0run\0--root\0/\0--\0x\0", &many, "n"),
        (b"n\0run\0--root\0/\0--\0x\0", &three[..2], "n"),
        (b"n\0run\0--root\0/\0--\0x\0", &[], "n"),
    ];
    for (request, descriptors, wanted) in garbage {
        served.send(request, descriptors);
        let (name, kind, rest) = served.answer();
        let start = String::from_utf8_lossy(&request[..request.len().min(30)]);
        assert_eq!((name.as_str(), kind.as_str()), (wanted, "done"), "{start:?}: {rest}");
        assert!(rest.starts_with("125\0{\"version\":1,\"status\":\"sandbox-error\""), "{start:?}: {rest}");
        served.still_serves(&root);
    }
    // None of their descriptors is left.
    let open = fs::read_dir(format!("/proc/{}/fd", served.pid().as_raw_nonzero())).unwrap().count();
    assert!(open < 40, "{open} descriptors");
}

#[test]
fn a_run_whose_waiting_sandbox_has_died_gets_another() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let served = Served::start(&["--ahead", "1"]);
    served.still_serves(&root);
    wait_until("one stands ready", || slots(served.pid()).len() == 1 && children(served.pid()).len() == 1);
    let first = children(slots(served.pid())[0])[0];
    kill_process(first, Signal::KILL).unwrap();
    wait_until("it is dead", || !is_alive(&first));
    served.still_serves(&root);
}

#[test]
fn a_bind_that_is_not_there_is_the_runs_error_where_nothing_stands_ready_too() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let served = Served::start(&["--ahead", "0"]);
    let nothing = fs::File::open("/dev/null").unwrap();
    let request = format!("n\0run\0--root\0{}\0--bind\0/none:/tmp/x\0--\0/bin/bash\0", root.display());
    served.send(request.as_bytes(), &[nothing.as_fd(); 3]);
    served.answer();
    let (_, _, done) = served.answer();
    assert!(done.starts_with("125\0") && done.contains("ENOENT"), "{done}");
}

#[test]
fn no_option_of_a_request_reaches_a_socket_of_its_slot() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let served = Served::start(&["--ahead", "0"]);
    let nothing = fs::File::open("/dev/null").unwrap();
    for (options, wanted) in [
        ("--report\0fd:16\0", "EBADF"),
        ("--start-on\0fd:16\0", "EBADF"),
        ("--uid-lock\0fd:16\0--require\0unique-uid\0", "unique-uid"),
        // The report of a command line that is not valid would go there as well.
        ("--report\0fd:16\0--frob\0", "--frob"),
    ] {
        let request = format!("n\0run\0--root\0{}\0{options}--\0/bin/bash\0", root.display());
        served.send(request.as_bytes(), &[nothing.as_fd(); 3]);
        assert_eq!(served.answer().1, "taken");
        let (name, kind, rest) = served.answer();
        assert_eq!((name.as_str(), kind.as_str()), ("n", "done"), "{options:?}");
        assert!(rest.starts_with("125\0") && rest.contains(wanted), "{options:?}: {rest}");
        served.still_serves(&root);
    }
}

#[test]
fn a_caller_that_sends_no_more_has_gone() {
    needs_root!();
    let scene = Scene::with_bash();
    let mut served = Served::start(&[]);
    served.ask("a", &scene.path("B/rootfs"), &FOREVER);
    assert_eq!(served.answer().1, "taken");
    shutdown(&served.socket, Shutdown::Write).unwrap();
    let (name, kind, rest) = served.answer();
    assert!(name == "a" && kind == "done" && rest.starts_with("125\0"), "{name} {kind} {rest}");
    assert_eq!(served.answer().1, "", "no answer to a request that there was not");
    assert_eq!(served.server.wait().unwrap().code(), Some(0));
}

#[test]
fn no_sandbox_holds_a_socket_of_the_caller() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let served = Served::start(&["--ahead", "1"]);
    served.ask("new", &root, &FOREVER);
    assert_eq!(served.answer().1, "taken");
    wait_until("one runs, and one stands ready", || below(served.pid()).len() == 5);
    let theirs = |pid: Pid| -> Vec<PathBuf> {
        let open = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).unwrap();
        open.filter_map(|one| fs::read_link(one.ok()?.path()).ok()).collect()
    };
    // Its number in the server (init/src/serve/seat.rs).
    let socket = fs::read_link(format!("/proc/{}/fd/16", served.pid().as_raw_nonzero())).unwrap();
    for slot in slots(served.pid()) {
        assert!(theirs(slot).contains(&socket), "the supervisor answers");
        for first in children(slot) {
            assert!(!theirs(first).contains(&socket), "{first:?} of {slot:?} has the caller's socket");
        }
    }
}

#[test]
fn nothing_is_left_when_the_caller_the_server_or_a_slot_dies() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    for victim in ["caller", "server", "slot", "waiting", "signal"] {
        let mut served = Served::start(&["--slots", "2", "--ahead", "2"]);
        served.ask("a", &root, &FOREVER);
        served.ask("b", &root, &FOREVER);
        wait_until("both run and the next stand ready", || below(served.pid()).len() == 10);
        let (all, made) = (below(served.pid()), slots(served.pid()));
        let names: Vec<_> = [served.answer(), served.answer()]
            .into_iter()
            .map(|(name, kind, pid)| {
                assert_eq!(kind, "taken");
                (name, pid)
            })
            .collect();
        let pid = |text: &str| Pid::from_raw(text.parse().unwrap()).unwrap();
        let waiting = *made
            .iter()
            .find(|slot| names.iter().all(|(_, pid)| *pid != slot.as_raw_nonzero().to_string()))
            .unwrap();
        match victim {
            "caller" => {
                let (other, _) =
                    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                        .unwrap();
                served.socket = other;
            }
            "server" => served.server.kill().unwrap(),
            "signal" => kill_process(served.pid(), Signal::TERM).unwrap(),
            "slot" => kill_process(pid(&names[0].1), Signal::KILL).unwrap(),
            _ => {
                kill_process(waiting, Signal::KILL).unwrap();
                // A request that comes while it dies is its own, and answered with 137.
                wait_until("it is dead", || !is_alive(&waiting));
            }
        }
        if victim == "slot" {
            let (name, kind, rest) = served.answer();
            assert_eq!((&name, kind.as_str()), (&names[0].0, "done"));
            assert!(rest.starts_with("137\0") && rest.contains("killed"), "{rest}");
            served.ask("c", &root, &["/bin/bash", "-c", "exit 9"]);
            assert_eq!(
                (served.answer().1.as_str(), served.answer().2.split('\0').next()),
                ("taken", Some("9"))
            );
        }
        if victim == "waiting" {
            kill_process(pid(&names[0].1), Signal::TERM).unwrap();
            let (_, _, rest) = served.answer();
            assert!(rest.starts_with("125\0") && rest.contains("EINTR"), "{rest}");
            served.still_serves(&root);
        }
        if ["slot", "waiting"].contains(&victim) {
            kill_process(served.pid(), Signal::TERM).unwrap();
        }
        wait_until(victim, || !all.iter().any(is_alive));
        wait_until(victim, || cgroups(&made).is_empty());
        if victim != "server" {
            assert_eq!(served.server.wait().unwrap().code(), Some(0), "{victim}");
        }
    }
}

/// Like a_supervisor_that_is_killed_at_its_report_leaves_no_cgroup, with the server's death as the slot's.
#[test]
fn a_server_that_is_killed_at_a_report_leaves_no_cgroup() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    let (_reader, report) = full_pipe();
    let nothing = fs::File::open("/dev/null").unwrap();
    for (cut, options, starts) in CUT_SHORT {
        let served = Served::start(&["--ahead", "1"]);
        served.still_serves(&root);
        wait_until("one stands ready", || slots(served.pid()).len() == 1);
        let (mut output, stdout) = io::pipe().unwrap();
        let args = [
            &["a", "run", "--drain-time", "600s", "--report", "fd:3", "--root", root.to_str().unwrap()],
            options,
            &["--", "/bin/bash", "-c", "echo up; while :; do :; done"],
        ]
        .concat();
        let request: Vec<u8> =
            args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"]).flatten().copied().collect();
        served.send(&request, &[nothing.as_fd(), stdout.as_fd(), nothing.as_fd(), report.as_fd()]);
        drop(stdout);
        let (_, kind, pid) = served.answer();
        assert_eq!(kind, "taken", "{cut}");
        let slot = Pid::from_raw(pid.parse().unwrap()).unwrap();
        if starts {
            output.read_exact(&mut [0; 3]).unwrap();
            kill_process(slot, Signal::TERM).unwrap();
        }
        output.read_to_end(&mut Vec::new()).unwrap();
        drop(served);
        wait_until("the slot is dead", || !is_alive(&slot));
        wait_until(cut, || cgroups(&[slot]).is_empty());
    }
}

#[test]
fn what_one_run_leaves_the_next_does_not_find() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(2).unwrap();
    let stdin = fs::File::open("/dev/null").unwrap();
    let script = "for d in /tmp /dev/shm /home/judge; do echo $d/*; echo > $d/left; done; echo $(</proc/sys/kernel/hostname) $$; \
                  while :; do :; done & echo";
    let init = command(&scene, &[], &["/bin/bash", "-c", script]);
    for _ in 0..8 {
        let seen = pooled(&pool, &init, &stdin);
        assert_eq!(seen.output, "/tmp/*\n/dev/shm/*\n/home/judge/*\ncapsule 2\n\n", "{}", seen.errors);
    }
}

#[test]
fn many_threads_have_runs_at_a_time() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(4).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (scene, pool) = (&scene, &pool);
            scope.spawn(move || {
                let stdin = fs::File::open("/dev/null").unwrap();
                for round in 0..10 {
                    let text = format!("{thread} {round}");
                    let init =
                        command(scene, &["--env", &format!("TEXT={text}")], &["bash", "-c", "echo $TEXT"]);
                    let seen = pooled(pool, &init, &stdin);
                    assert_eq!((seen.output, seen.code), (format!("{text}\n"), 0), "{}", seen.report);
                }
            });
        }
    });
}

#[test]
fn a_run_that_is_killed_or_told_to_end_does() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let init = command(&scene, &[], &FOREVER);
    let start = || pool.run(&init, [None; 3]).unwrap().expect("the pool takes it");
    let run = start();
    run.terminate();
    let done = run.wait().unwrap();
    assert!(done.code == 125 && done.report.contains("EINTR"), "{done:?}");
    let run = start();
    run.kill();
    assert_eq!(run.wait().unwrap().code, 137);
    let run = start();
    let pid = Pid::from_raw(run.pid().unwrap()).unwrap();
    drop(run);
    wait_until("a run that nobody waits for is not left", || !is_alive(&pid));
}

/// Puts a file system that does not answer on a place, as long as its file is open: FUSE whose server never reads. It is in
/// this thread's own tree, and in that of the server which it starts: no other process can fall asleep in there.
fn bury(place: &Path) -> fs::File {
    let never_read = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
    let data = format!("fd={},rootmode=40000,user_id=0,group_id=0", never_read.as_raw_fd());
    mount(Some("dead"), place, Some("fuse"), MsFlags::empty(), Some(data.as_str())).unwrap();
    never_read
}

fn take_own_tree() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

/// `just soak-pool`: as long as set-up may take.
#[test]
#[ignore = "takes half a minute: just soak-pool"]
fn a_bind_that_does_not_answer_is_its_runs_error_and_no_others() {
    needs_root!();
    let scene = Scene::with_bash();
    let (root, place) = (scene.path("B/rootfs"), scene.path("dead"));
    fs::create_dir(&place).unwrap();
    take_own_tree();
    let _dead = bury(&place);
    let served = Served::start(&["--ahead", "1"]);
    served.still_serves(&root);
    let nothing = fs::File::open("/dev/null").unwrap();
    let bind = format!("{}/x:/tmp/x", place.display());
    let request = format!("dead\0run\0--root\0{}\0--bind\0{bind}\0--\0/bin/bash\0", root.display());
    served.send(request.as_bytes(), &[nothing.as_fd(); 3]);
    assert_eq!(served.answer().1, "taken");
    served.still_serves(&root);
    let (name, kind, rest) = served.answer();
    assert_eq!((name.as_str(), kind.as_str()), ("dead", "done"));
    assert!(rest.starts_with("125\0") && rest.contains("does not answer"), "{rest}");
    served.still_serves(&root);
}

/// `just soak-pool`: as long as set-up may take. A root dies, and the operator mounts it anew.
#[test]
#[ignore = "takes half a minute: just soak-pool"]
fn sandboxes_that_sleep_in_a_dead_root_are_not_handed_out_after_its_return() {
    needs_root!();
    let scene = Scene::with_bash();
    let root = scene.path("B/rootfs");
    take_own_tree();
    let served = Served::start(&["--slots", "4", "--ahead", "2"]);
    served.still_serves(&root);
    wait_until("two stand ready", || slots(served.pid()).len() == 2 && children(served.pid()).len() == 2);
    let _dead = bury(&root);
    for name in ["first", "second"] {
        served.ask(name, &root, &["/bin/bash"]);
        assert_eq!(served.answer().1, "taken");
    }
    let is_asleep = |slot: &Pid| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", slot.as_raw_nonzero())).unwrap_or_default();
        stat.contains(") D ")
    };
    wait_until("the next two sleep as well", || {
        let slots = children(served.pid());
        slots.len() == 4 && slots.iter().all(is_asleep)
    });
    let asleep = children(served.pid());
    umount2(&root, MntFlags::MNT_DETACH).unwrap();
    for _ in 0..2 {
        let (_, kind, rest) = served.answer();
        assert!(kind == "done" && rest.contains("does not answer"), "{kind} {rest}");
    }
    served.still_serves(&root);
    wait_until("none sleeps on", || !asleep.iter().any(is_alive));
}

/// The same through the client that `judge` and `serve` have: what the server says of the run is its report.
#[test]
#[ignore = "takes half a minute: just soak-pool"]
fn a_workroom_reports_a_bind_that_does_not_answer() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build --pack bash -o B --format dir");
    let place = scene.path("dead");
    fs::create_dir(&place).unwrap();
    take_own_tree();
    let _dead = bury(&place);
    let room = Workroom::open(&scene.path("B")).unwrap().with_pool(1);
    let source = SourceFile { path: "main.sh".to_owned(), content: b"exit 0\n".to_vec() };
    let submission = Submission::new(vec![source], None).unwrap();
    let CompileResult::Ready(artifact) = room.compile(&submission, None, &[]).unwrap().result else {
        panic!("it does not compile")
    };
    let bind = ("bind".to_owned(), format!("{}/x:/tmp/x", place.display()).into());
    let nothing = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let ended = artifact.start(&[bind], &[], [Some(nothing.as_fd()); 3]).unwrap().wait().unwrap();
    assert_eq!((ended.status.as_str(), ended.code), ("sandbox-error", 125), "{}", ended.report);
    assert!(ended.report.contains("does not answer"), "{}", ended.report);
    let ended = artifact.start(&[], &[], [Some(nothing.as_fd()); 3]).unwrap().wait().unwrap();
    assert_eq!(ended.status, "ok", "{}", ended.report);
}

/// `just soak-pool`: 100,000 runs, and nothing of the server's or the machine's grows.
#[test]
#[ignore = "takes minutes: just soak-pool"]
fn a_hundred_thousand_runs_leave_nothing() {
    needs_root!();
    let scene = Scene::with_bash();
    let runs: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(100_000);
    let served = Served::start(&["--slots", "8", "--ahead", "4"]);
    let root = scene.path("B/rootfs");
    let (mut asked, mut before) = (0, None);
    for done in 0..runs {
        while asked < runs && asked < done + 8 {
            served.ask(&asked.to_string(), &root, &["/bin/bash", "-c", ":"]);
            asked += 1;
        }
        loop {
            let (_, kind, rest) = served.answer();
            if kind == "done" {
                assert!(rest.starts_with("0\0"), "{rest}");
                break;
            }
        }
        if done == runs / 10 {
            before = Some(Counts::of(served.pid()));
        }
    }
    let before = before.unwrap();
    wait_until("counts are as after the first tenth", || Counts::of(served.pid()).is_within(&before));
    println!("{before:?}\n{:?}", Counts::of(served.pid()));
}

/// What could grow.
#[derive(Debug)]
struct Counts {
    memory_kib: u64,
    descriptors: usize,
    processes: usize,
    mounts: usize,
    cgroups: u64,
}

impl Counts {
    fn of(server: Pid) -> Counts {
        let number = server.as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{number}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let table = fs::read_to_string("/proc/cgroups").unwrap();
        let count = |line: &str| line.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok());
        Counts {
            memory_kib: rss.trim().split(' ').next().unwrap().parse().unwrap(),
            descriptors: fs::read_dir(format!("/proc/{number}/fd")).unwrap().count(),
            processes: below(server).len(),
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count(),
            cgroups: table.lines().filter_map(count).sum(),
        }
    }

    /// Other programs of this machine make cgroups and mounts too.
    fn is_within(&self, before: &Counts) -> bool {
        self.memory_kib <= before.memory_kib + 64
            && self.descriptors <= before.descriptors + 16
            && self.processes <= before.processes + 30
            && self.mounts <= before.mounts + 5
            && self.cgroups <= before.cgroups + 200
    }
}

#[test]
fn an_option_that_is_not_one_is_refused_in_a_line() {
    let said = Command::new(program()).args(["serve", "--slots", "0"]).output().unwrap();
    assert_eq!(said.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&said.stderr).contains("--slots N"));
    let socket = Command::new(program()).args(["serve", "--socket", "fd:77"]).output().unwrap();
    assert!(String::from_utf8_lossy(&socket.stderr).contains("--socket: EBADF"), "{socket:?}");
    assert_eq!(socket.status.code(), Some(125));
}
