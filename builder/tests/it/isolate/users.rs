//! Ordinary users: root's helper does for them what isolate does as a setuid program.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::Host;
use crate::scene::{Said, needs_root, wait_until};

/// A helper that ends with its value.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

const ALICE: u32 = 54_321;
const BOB: u32 = 54_322;

/// A helper that users without a group of root's can reach, as the socket's mode is widened.
fn helped() -> (Host, Helper, PathBuf) {
    let host = Host::with("group = ''\ninherit_fds = true");
    let program = host.scene.path("isolate");
    copy_to(&program);
    fs::set_permissions(host.scene.path(""), Permissions::from_mode(0o755)).expect("set");
    let mut helper = host.isolate(&["--helper"]);
    let helper = Helper(helper.stdin(Stdio::null()).spawn().expect("it starts"));
    let socket = host.scene.path("socket");
    wait_until("the helper listens", || UnixStream::connect(&socket).is_ok());
    assert_eq!(fs::metadata(&socket).expect("there").mode() & 0o777, 0o600, "root's alone without a group");
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("set");
    (host, helper, program)
}

/// Where ordinary users reach it. Not written by this process: a child that another test starts meanwhile would have the
/// file open for writing, and it could not be executed (execve(2), ETXTBSY).
fn copy_to(program: &Path) {
    let said = Said::of(Command::new("cp").arg(env!("CARGO_BIN_EXE_capsule")).arg(program));
    assert_eq!(said.code, 0, "{said:?}");
    fs::set_permissions(program, Permissions::from_mode(0o755)).expect("set");
}

fn by(host: &Host, program: &PathBuf, user: u32, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("CAPSULE_ISOLATE_CONFIG", host.scene.path("isolate.toml"));
    command.env("MINE", "yes").uid(user).gid(user).current_dir("/");
    command
}

#[test]
fn an_ordinary_user_has_boxes_of_his_own() {
    needs_root!();
    let (host, _helper, program) = helped();
    let own = host.scene.path("own");
    fs::create_dir(&own).expect("made");
    chown(&own, Some(ALICE), Some(ALICE)).expect("given");
    let says = |user, words: &[&str]| Said::of(&mut by(&host, &program, user, words));
    let said = says(ALICE, &["-b", "1", "--init"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let directory = PathBuf::from(said.stdout.trim_end());
    assert_eq!(fs::metadata(directory.join("box")).expect("made").uid(), ALICE);
    let meta = own.join("meta");
    let option = format!("-M{}", meta.display());
    let script = "read -r x; echo $x $MINE $CAPSULE_ISOLATE_CONFIG; id -u; echo made > file; exit 5";
    let input = host.scene.file("input", "hello\n");
    let mut run = by(
        &host,
        &program,
        ALICE,
        &["-b1", "-p", "-EMINE", &option, "--run", "--", "/bin/bash", "-c", script],
    );
    let said = Said::of(run.stdin(File::open(input).expect("there")));
    assert_eq!(said.stdout, format!("hello yes\n{}\n", host.first_uid + 1));
    assert_eq!((said.code, said.stderr.as_str()), (1, "Exited with error status 5\n"));
    assert!(fs::read_to_string(&meta).expect("written").contains("exitcode:5\n"));
    assert_eq!(fs::metadata(&meta).expect("written").uid(), ALICE, "opened with the user's rights");
    assert_eq!(fs::metadata(directory.join("box/file")).expect("made").uid(), ALICE);
    // Another user's box, and what only root may.
    for (user, words, what) in [
        (BOB, &["-b1", "--run", "--", "/bin/true"][..], "This box belongs to a different user (uid 54321)"),
        (BOB, &["-b1", "--cleanup"], "This box belongs to a different user (uid 54321)"),
        (BOB, &["-b2", "--as-uid=0", "--as-gid=0", "--init"], "You must be root to use --as-uid or --as-gid"),
        (
            ALICE,
            &["-b1", "-M/meta", "--run", "--", "/bin/true"],
            "Failed to open metafile '/meta': Permission denied",
        ),
        (
            ALICE,
            &["-b1", "--inherit-fds", "--run", "--", "/bin/true"],
            "--inherit-fds is for root's own calls: the helper has no descriptors of yours",
        ),
        (
            ALICE,
            &["-b1", "-M/meta", "--frob"],
            "isolate: unrecognized option '--frob'\nTry 'isolate --help'.",
        ),
    ] {
        let said = says(user, words);
        assert_eq!((said.code, said.stderr.trim_end()), (2, what), "{words:?}");
    }
    assert_eq!(says(ALICE, &["-b1", "--cleanup"]).code, 0);
    assert!(!directory.exists());
}

#[test]
fn root_shows_an_ordinary_user_only_what_he_may_enter() {
    needs_root!();
    let (host, _helper, program) = helped();
    let shut = tempfile::Builder::new().prefix("shut-").tempdir_in("/tmp").expect("a directory");
    fs::create_dir(shut.path().join("below")).expect("made");
    fs::set_permissions(shut.path(), Permissions::from_mode(0o700)).expect("set");
    let said = Said::of(&mut by(&host, &program, ALICE, &["--init"]));
    assert_eq!(said.code, 0, "{said:?}");
    let rule = format!("-dx={}/below", shut.path().display());
    let said = Said::of(&mut by(&host, &program, ALICE, &[&rule, "--run", "--", "/bin/true"]));
    assert!(said.code == 2 && said.stderr.contains("Directory rule for /x: Permission denied"), "{said:?}");
    // A file of another user's that he has moved into his box stays that user's.
    let inner = host.scene.path("boxes/0/box");
    fs::write(inner.join("roots"), "").expect("written");
    let said =
        Said::of(&mut by(&host, &program, ALICE, &["-s", "--run", "--", "/bin/stat", "-c", "%u", "roots"]));
    assert_eq!((said.code, said.stdout.as_str()), (0, "0\n"), "{said:?}");
    assert_eq!(fs::metadata(inner.join("roots")).expect("there").uid(), 0);
}

#[test]
fn roots_call_on_a_users_box_gives_away_only_what_is_the_users() {
    needs_root!();
    let (host, _helper, program) = helped();
    assert_eq!(Said::of(&mut by(&host, &program, ALICE, &["--init"])).code, 0);
    let inner = host.scene.path("boxes/0/box");
    let linked = host.scene.file("linked", "");
    fs::hard_link(&linked, inner.join("linked")).expect("linked");
    for (name, user) in [("alices", ALICE), ("bobs", BOB), ("roots", 0)] {
        fs::write(inner.join(name), "").expect("written");
        chown(inner.join(name), Some(user), Some(user)).expect("given");
    }
    let owner = |name: &str| fs::metadata(inner.join(name)).expect("there").uid();
    let ran = host.shell("-s -p", "stat -c %u alices bobs roots linked; touch twice; ln twice again");
    let user = host.first_uid;
    assert_eq!(ran.stdout, format!("{user}\n{BOB}\n{user}\n0\n"), "{ran:?}");
    assert_eq!([owner("bobs"), owner("linked"), owner("twice")], [BOB, 0, 0]);
}

#[test]
fn a_set_user_id_isolate_refuses_to_run() {
    needs_root!();
    let host = Host::new();
    let program = host.scene.path("isolate");
    copy_to(&program);
    fs::set_permissions(host.scene.path(""), Permissions::from_mode(0o755)).expect("set");
    for mode in [0o4755, 0o2755] {
        fs::set_permissions(&program, Permissions::from_mode(mode)).expect("set");
        let said = Said::of(&mut by(&host, &program, ALICE, &["--init"]));
        let line = "isolate must not be set-user-ID or set-group-ID: its helper (isolate --helper) serves ordinary users\n";
        assert_eq!((said.code, said.stderr.as_str()), (2, line), "{mode:o}");
    }
}

#[test]
fn a_users_signals_reach_the_run_and_his_end_is_its_end() {
    needs_root!();
    let (host, _helper, program) = helped();
    assert_eq!(Said::of(&mut by(&host, &program, ALICE, &["--init"])).code, 0);
    let ready = host.scene.path("boxes/0/box/ready");
    for (signal, code) in [(Signal::TERM, Some(1)), (Signal::KILL, None)] {
        let words = ["-s", "--run", "--", "/bin/bash", "-c", "echo > ready; exec /bin/sleep 1000"];
        let mut child = by(&host, &program, ALICE, &words).stdin(Stdio::piped()).spawn().expect("it starts");
        wait_until("the program runs", || ready.exists());
        // Another user's call does not wait for the lock, which it would then have.
        let said = Said::of(&mut by(&host, &program, BOB, &["--cleanup"]));
        assert!(said.stderr.starts_with("This box belongs to a different user"), "{said:?}");
        kill_process(Pid::from_child(&child), signal).expect("sent");
        assert_eq!(child.wait().expect("it ends").code(), code);
        // The box is free again once the helper has cleaned up.
        let words = ["--wait", "-s", "--run", "--", "/bin/rm", "ready"];
        assert_eq!(Said::of(&mut by(&host, &program, ALICE, &words)).code, 0);
    }
}

#[test]
fn without_a_helper_an_ordinary_user_is_told_so() {
    needs_root!();
    let host = Host::new();
    let program = host.scene.path("isolate");
    copy_to(&program);
    fs::set_permissions(host.scene.path(""), Permissions::from_mode(0o755)).expect("set");
    let said = Said::of(&mut by(&host, &program, ALICE, &["--init"]));
    assert!(
        said.code == 2 && said.stderr.starts_with("Must be started as root, or reach the helper"),
        "{said:?}"
    );
    host.scene.file("isolate.toml", "group = 'no-such-group'\n");
    let said = Said::of(host.isolate(&["--helper"]).stdin(Stdio::null()));
    assert!(said.code == 2 && said.stderr.contains("the group no-such-group"), "{said:?}");
}
