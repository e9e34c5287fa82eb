//! What one run uses up of what the kernel counts by user, and whether others feel it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::scene::{Said, Scene, needs_root};

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

/// Starts a command, and waits until it has printed `up`.
fn up(command: &mut Command) -> Child {
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    run
}
