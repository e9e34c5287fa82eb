//! A pool's networks: one that a run has left as it was is used again, and no run finds what another has left.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use run::{InitCommand, Pool};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::scene::{Said, Scene, needs_root, wait_until};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/network.c");
const DOOR: &str = "/tmp/door/d";

/// A run of the program, while it waited for a line.
struct Seen {
    /// Its network namespace. As long as it is open, no other has its inode number.
    network: File,
    said: String,
    /// What it has passed out.
    _kept: Option<OwnedFd>,
}

impl Seen {
    fn is_in_network_of(&self, other: &Seen) -> bool {
        let number = |seen: &Seen| seen.network.metadata().unwrap().ino();
        number(self) == number(other)
    }
}

/// The bundle, the program, and a socket that runs can reach by a bind.
struct Stage {
    scene: Scene,
    door: UnixListener,
}

impl Stage {
    fn new() -> Stage {
        let scene = Scene::with_bash();
        let output = scene.path("network");
        let gcc = Said::of(Command::new("gcc").args(["-O1", "-static", "-o"]).arg(output).arg(PROGRAM));
        assert_eq!(gcc.code, 0, "gcc: {}", gcc.stderr);
        let directory = scene.path("door");
        fs::create_dir(&directory).unwrap();
        let door = UnixListener::bind(directory.join("d")).unwrap();
        for path in [directory.join("d"), directory] {
            fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        }
        Stage { scene, door }
    }

    /// Has the program do something in a run of the pool, and returns when its supervisor has ended.
    fn run(&self, pool: &Pool, options: &[&str], way: &str) -> Seen {
        let mut init = InitCommand::of_bundle(&self.scene.path("B"));
        let bind = |name: &str, rest: &str| format!("{}:/tmp/{name}{rest}", self.scene.path(name).display());
        init.option("bind", bind("network", ""));
        let passes_out = ["leave", "watch"].contains(&way);
        if passes_out || way == "door" {
            init.option("bind", bind("door", ":rw"));
        }
        init.given(options.iter().map(Into::into)).command(["/tmp/network", way, DOOR]);
        let ((stdin, mut line), (output, stdout)) = (io::pipe().unwrap(), io::pipe().unwrap());
        let run = pool.run(&init, [Some(stdin.as_fd()), Some(stdout.as_fd()), None]).unwrap().unwrap();
        drop(stdout);
        let (mut output, mut said) = (BufReader::new(output), String::new());
        output.read_line(&mut said).unwrap();
        let supervisor = run.pid().expect("it runs");
        // The supervisor is in the network of its sandbox.
        let network = File::open(format!("/proc/{supervisor}/ns/net")).unwrap();
        let kept = (passes_out && said == "ready\n").then(|| self.take_at_door());
        line.write_all(b"\n").unwrap();
        output.read_to_string(&mut said).unwrap();
        assert_eq!(run.wait().unwrap().code, 0, "{way}: {said}");
        wait_until("it has ended", || !Path::new(&format!("/proc/{supervisor}")).exists());
        Seen { network, said, _kept: kept }
    }

    /// What a run has passed out. The connection ends here: its end outside would count as a socket of the run's network.
    fn take_at_door(&self) -> OwnedFd {
        let (door, _) = self.door.accept().unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let (mut control, mut byte) = (RecvAncillaryBuffer::new(&mut space), [0]);
        recvmsg(&door, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
        let passed = control.drain().find_map(|one| match one {
            RecvAncillaryMessage::ScmRights(mut passed) => passed.next(),
            _ => None,
        });
        passed.expect("a descriptor")
    }

    /// What is left of a run that let the program go this way: whether a later one is in its network.
    fn is_used_again(&self, options: &[&str], way: &str, later: &[&str]) -> bool {
        // With the caller's word for it only what the run has left counts.
        let start = if way == "watch" { Pool::start } else { Pool::start_with_private_binds };
        let pool = start(1).unwrap();
        // Has a sandbox of its kind made, whose network is the pool's.
        self.run(&pool, options, "nothing");
        let first = self.run(&pool, options, way);
        assert_eq!(first.said, "ready\n", "{way}");
        let later: Vec<Seen> = (0..6).map(|_| self.run(&pool, later, "nothing")).collect();
        for run in &later {
            assert_eq!(run.said, "ready\n", "after {way} {options:?}");
        }
        later.iter().any(|run| run.is_in_network_of(&first))
    }
}

#[test]
fn a_network_that_a_run_has_left_as_it_was_is_used_again() {
    needs_root!();
    let stage = Stage::new();
    // With "door" it has a directory of the host, which its caller calls private, and passes nothing out.
    let none = &["--net", "none"][..];
    for (options, way) in [(&[][..], "nothing"), (&[], "sockets"), (&[], "door"), (none, "nothing")] {
        assert!(stage.is_used_again(options, way, options), "{way} {options:?}");
    }
}

#[test]
fn a_network_in_which_a_run_has_left_something_is_not_used_again() {
    needs_root!();
    let stage = Stage::new();
    for way in ["udp", "tcp", "udp6", "route6", "leave"] {
        assert!(!stage.is_used_again(&[], way, &[]), "{way}");
    }
    assert!(!stage.is_used_again(&["--net", "none"], "leave", &["--net", "none"]));
}

/// Whether it is used again depends on when the kernel collects such sockets; that nothing is found does not.
#[test]
fn no_run_finds_a_name_that_another_has_left_on_its_way_through_itself() {
    needs_root!();
    let stage = Stage::new();
    for _ in 0..4 {
        stage.is_used_again(&[], "cycle", &[]);
    }
}

/// A list of sockets is none itself, so the kernel's count of them does not have it.
#[test]
fn a_network_that_a_process_outside_may_watch_is_not_used_again() {
    needs_root!();
    assert!(!Stage::new().is_used_again(&[], "watch", &[]));
}

/// With CONFIG_IP_FIB_TRIE_STATS a kernel counts what a run looks up, and shows it to the next. Other kernels do not; then
/// the network may be used again, as it is the same.
#[test]
fn a_network_that_counts_what_a_run_has_looked_up_is_not_used_again() {
    needs_root!();
    let is_counted = fs::read_to_string("/proc/net/fib_triestat").is_ok_and(|text| text.contains("gets ="));
    let is_used_again = Stage::new().is_used_again(&[], "lookup", &[]);
    assert!(!(is_counted && is_used_again));
}

#[test]
fn a_network_that_a_run_could_have_changed_is_not_used_again() {
    needs_root!();
    let stage = Stage::new();
    // A sandbox that stands ready serves runs with and without a filter.
    assert!(!stage.is_used_again(&["--seccomp", "off"], "nothing", &[]));
    // The last is none of those that keep a run from its network.
    for (without, is_needed) in [
        ("capabilities", true),
        ("proc-read-only", true),
        ("uid", true),
        ("read-only-root", true),
        ("proc-masks", false),
    ] {
        let options = ["--without", without];
        assert_eq!(stage.is_used_again(&options, "nothing", &options), !is_needed, "{without}");
    }
}
