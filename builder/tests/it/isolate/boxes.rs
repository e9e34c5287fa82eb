//! `--init`, `--cleanup`, and whose a box is between them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use super::Host;
use crate::scene::{Said, needs_root, wait_until};

#[test]
fn a_box_is_made_printed_used_and_removed() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("-b 5");
    assert_eq!(directory, host.scene.path("boxes/5"));
    let facts = fs::metadata(directory.join("box")).expect("made");
    assert_eq!((facts.mode() & 0o7777, facts.uid()), (0o700, 0));
    fs::write(directory.join("box/data"), "in\n").expect("written");
    let ran = host.shell("-p -b 5", "cat data; echo out > made; stat -c %u data .; pwd; id -u");
    let uid = host.first_uid + 5;
    assert_eq!((ran.code, ran.stdout), (0, format!("in\n{uid}\n{uid}\n/box\n{uid}\n")), "{}", ran.stderr);
    // Afterwards all of it is the caller's.
    assert_eq!(fs::metadata(directory.join("box/made")).expect("made").uid(), 0);
    // Once more is from the beginning.
    assert_eq!(host.init("-b 5"), directory);
    assert_eq!(fs::read_dir(directory.join("box")).expect("listed").count(), 0);
    for _ in 0..2 {
        let said = host.says("-b 5 --cleanup");
        assert_eq!((said.code, said.stdout + &said.stderr), (0, String::new()));
        assert!(!directory.exists() && !host.scene.path("locks/5").exists());
    }
}

#[test]
fn boxes_keep_their_owner_and_their_kind() {
    needs_root!();
    let host = Host::new();
    let fails = |line: &str, what: &str| {
        let said = host.says(line);
        assert_eq!((said.code, said.stderr.trim_end()), (2, what), "{line}");
    };
    fails("-b 1 --run -- /bin/true", "Box not found, did you run `isolate --init'?");
    fails("-b 1 --cg --run -- /bin/true", "Box not found, did you run `isolate --cg --init'?");
    fails("-b 66000 --init", "Sandbox ID out of range (allowed: 0-65999)");
    fails("-b 1 --as-uid=5 --init", "--as-uid and --as-gid must be used either both or none");
    host.init("-b 1 --cg");
    let mode = "This box was initialized with an incompatible control group mode";
    for command in ["--init", "--cleanup", "--run -- /bin/true"] {
        fails(&format!("-b 1 {command}"), mode);
    }
    let directory = host.init("-b 2 --as-uid=7 --as-gid=8");
    let facts = fs::metadata(directory.join("box")).expect("made");
    assert_eq!((facts.uid(), facts.gid()), (7, 8));
    assert_eq!(host.shell("-b 2 --as-uid=7 --as-gid=8", "echo x > y").code, 0);
    assert_eq!(fs::metadata(directory.join("box/y")).expect("made").uid(), 7);
}

#[test]
fn a_box_whose_quota_cannot_be_set_is_not_ready() {
    needs_root!();
    let host = Host::new();
    let said = host.says("--quota=1000,100 --init");
    if said.code != 0 {
        // The file system of the box has no quotas, as most have none.
        assert!(
            said.code == 2 && said.stderr.starts_with("Cannot ") && said.stderr.lines().count() == 1,
            "{said:?}"
        );
        assert_eq!(host.shell("", ":").verdict(), ("XX", "This box was not initialized properly", 2));
    }
    host.init("");
    assert_eq!(host.shell("", ":").code, 0);
}

#[test]
fn a_box_that_is_in_use_is_refused_or_waited_for() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    let mut first = host.isolate(&["--run", "--", "/bin/bash", "-c", "echo > ready; read -r line"]);
    let mut first = first.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    wait_until("the program runs", || directory.join("box/ready").exists());
    let second = host.shell("", ":");
    let busy = "This box is currently in use by another process";
    assert_eq!((second.verdict(), second.stderr.trim_end()), (("XX", busy, 2), busy));
    let waiting =
        host.isolate(&["--wait", "--run", "--", "/bin/true"]).stderr(Stdio::piped()).spawn().expect("starts");
    first.stdin.take().expect("a pipe").write_all(b"\n").expect("it reads");
    assert_eq!(first.wait().expect("it ends").code(), Some(0));
    assert_eq!(waiting.wait_with_output().expect("it ends").status.code(), Some(0));
}

#[test]
fn whatever_a_program_leaves_is_given_back_and_removed() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("-p");
    // Links, a FIFO, a directory that nobody may enter, and one that is deeper than a path can be long.
    let script = "mkfifo pipe; mkdir shut; echo x > shut/file; chmod 000 shut; \
        for ((i = 0; i < 150; i++)); do deep+=deep-deep-deep-deep/; done; \
        for i in 1 2; do mkdir -p $deep; cd $deep || exit 1; done; echo x > bottom";
    let ran = host.shell("-p", script);
    assert_eq!(ran.verdict(), ("", "", 0), "{}", ran.stderr);
    assert!(!directory.join("box/pipe").exists(), "special files go");
    assert_eq!(fs::metadata(directory.join("box/shut/file")).expect("there").uid(), 0);
    assert_eq!(host.shell("-p --special-files", "mkfifo pipe").code, 0);
    assert!(directory.join("box/pipe").exists(), "unless they are to stay");
    // A link of the caller's own is not followed: what it leads to keeps its owner.
    let outside = host.scene.file("outside", "");
    std::os::unix::fs::chown(&outside, Some(12), Some(12)).expect("given");
    symlink(&outside, directory.join("box/link")).expect("linked");
    assert_eq!(host.shell("-p", ":").code, 0);
    assert_eq!(fs::metadata(&outside).expect("there").uid(), 12);
    assert_eq!(host.says("--cleanup").code, 0);
    assert!(!directory.exists());
}

#[test]
fn the_report_of_an_earlier_run_is_not_taken_for_this_ones() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    fs::write(directory.join(".report"), r#"{"status": "ok", "exit_code": 0}"#).expect("written");
    // An init that ends before it reports.
    let broken = host.scene.path("broken");
    fs::create_dir(&broken).expect("made");
    symlink(host.bundle.join("rootfs"), broken.join("rootfs")).expect("linked");
    symlink("/bin/true", broken.join("init")).expect("linked");
    let mut run = host.isolate(&["--run", "--", "/bin/true"]);
    let said = Said::of(run.env("CAPSULE_BUNDLE", &broken));
    assert!(said.code == 2 && said.stderr.starts_with("The sandbox failed without a report"), "{said:?}");
}

#[test]
fn a_program_called_isolate_is_isolate() {
    needs_root!();
    let host = Host::new();
    let link = host.scene.path("isolate");
    symlink(env!("CARGO_BIN_EXE_capsule"), &link).expect("linked");
    let said = Said::of(Command::new(&link).arg("--version"));
    assert!(said.code == 0 && said.stdout.starts_with("The process isolator 2."), "{said:?}");
    let said = Said::of(Command::new(&link).arg("--help"));
    assert!(said.code == 0 && said.stdout.contains("-E, --env=NAME[=VALUE]"), "{said:?}");
    let said = Said::of(Command::new(&link).args(["--run", "--frob"]));
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (2, "isolate: unrecognized option '--frob'\nTry 'isolate --help'.\n")
    );
    let said = host.says("--print-cg-root");
    assert!(said.code == 0 && said.stdout.starts_with("/sys/fs/cgroup"), "{said:?}");
}

#[test]
fn the_operators_file_is_checked_and_obeyed() {
    needs_root!();
    let host = Host::new();
    assert_eq!(host.says("--check-config").code, 0);
    let refused = |line: &str, what: &str| {
        let said = host.says(line);
        assert!(said.code == 2 && said.stderr.contains(what), "{line}: {said:?}");
    };
    host.init("");
    refused("--run --share-net -- /bin/true", "--share-net is not allowed by the operator's file");
    refused("--run --inherit-fds -- /bin/true", "--inherit-fds is not allowed by the operator's file");
    refused("--run -d x=/root -- /bin/true", "/root is in none of the directories that the operator shows");
    refused("--run -d x=/nowhere -- /bin/true", "Directory rule for /x: No such file or directory");
    refused(
        "--run -d /nowhere -- /bin/true",
        "the bundle does not have it, and of the host: No such file or directory",
    );
    refused("--run -d x=sysfs:fs -- /bin/true", "the file system sysfs is not shown");
    refused("--run -d x=/tmp:dev -- /bin/true", "devices are shown in /dev only");
    host.scene.file("isolate.toml", "frob = 1\n");
    refused("--check-config", "unknown field `frob`");
    refused("--init", "unknown field `frob`");
    // A directory that others can write in leads root where they like.
    let open = host.scene.path("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("set");
    host.scene.file("isolate.toml", format!("box_root = '{0}/x'\nlock_root = '{0}/y'\n", open.display()));
    refused("--init", "Other users than root can write in");
}
