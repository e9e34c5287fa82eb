//! Two runs at the same moment, and a uid that only one of them can have.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::{Scene, needs_root};

/// No other test asks for these.
const UID: &str = "61901";
const RANGE: &str = "61901-61902";
/// A loaded machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run that has begun, and stays until its stdin ends.
fn standing(scene: &Scene, options: &[&str]) -> Child {
    let mut command = scene.command();
    command.args(["run", "B"]).args(options).args(["--", "/bin/bash", "-c", "echo up; read"]);
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    run
}

#[test]
fn a_uid_belongs_to_one_run_at_a_time_and_is_free_when_that_is_gone() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    let mut first = standing(&scene, &["--uid", UID]);

    let taken = format!("run B --uid {UID} -- /bin/bash -c true");
    let said = scene.capsule(&taken);
    assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{}", said.stderr);
    assert_eq!(said.stderr, "init: credentials: fcntl: `--uid`: EBUSY (in use)\n");
    let said = scene.capsule(&format!("run B --uid-range {UID}-{UID} -- /bin/bash -c true"));
    assert_eq!(said.stderr, "init: credentials: fcntl: `--uid-range`: EBUSY (in use)\n");

    // A range gives what is left; who asks for no uid shares the usual one.
    for _ in 0..3 {
        let line = format!("run B --uid-range {RANGE} -- /bin/bash -c echo\u{a0}$UID");
        assert_eq!(said_uid(&scene, &line), "61902\n");
    }
    assert_eq!(said_uid(&scene, "run B -- /bin/bash -c echo\u{a0}$UID"), "60000\n");

    first.kill().expect("killed"); // SIGKILL: nothing is cleaned up but by the kernel, and by PID 1
    first.wait().expect("waited");
    let begun = Instant::now();
    while scene.capsule(&taken).code != 0 {
        assert!(begun.elapsed() < PATIENCE, "uid {UID} is still taken");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The words of `line` are split at blanks; a no-break space stands for a blank inside of a word.
fn said_uid(scene: &Scene, line: &str) -> String {
    let words = line.split(' ').map(|word| word.replace('\u{a0}', " "));
    let output = scene.command().args(words).output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
