//! Runs at the same time, each with a uid of its own unless it asks to share one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::scene::{Scene, needs_root, wait_until};

/// No other test asks for these.
const UID: &str = "61901";
const RANGE: &str = "61901-61902";

/// A run that has started, and ends when its stdin does.
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
    let scene = Scene::with_bash();
    let mut first = standing(&scene, &["--uid-range", &format!("{UID}-{UID}")]);

    let taken = format!("run B --uid-range {UID}-{UID} -- /bin/bash -c true");
    let said = scene.capsule(&taken);
    assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{}", said.stderr);
    assert_eq!(said.stderr, "init: credentials: fcntl: `--uid-range`: EBUSY (in use)\n");
    // Who shares a uid does not share one that another run has for itself.
    let said = scene.capsule(&format!("run B --uid {UID} -- /bin/bash -c true"));
    assert_eq!(said.stderr, "init: credentials: fcntl: `--uid`: EBUSY (in use)\n");

    // A range gives what is left.
    for _ in 0..3 {
        let line = format!("run B --uid-range {RANGE} -- /bin/bash -c echo\u{a0}$UID");
        assert_eq!(said_uid(&scene, &line), "61902\n");
    }

    first.kill().expect("killed"); // SIGKILL: nothing is cleaned up but by the kernel, and by PID 1
    first.wait().expect("waited");
    wait_until("the uid is free again", || scene.capsule(&taken).code == 0);
}

#[test]
fn a_uid_is_shared_by_those_who_name_it() {
    needs_root!();
    let scene = Scene::with_bash();
    const SHARED: &str = "61903";
    let mut first = standing(&scene, &["--uid", SHARED]);
    let line = format!("run B --uid {SHARED} -- /bin/bash -c echo\u{a0}$UID");
    assert_eq!(said_uid(&scene, &line), format!("{SHARED}\n"));
    let said = scene.capsule(&format!("run B --uid-range {SHARED}-{SHARED} -- /bin/bash -c true"));
    assert_eq!(said.stderr, "init: credentials: fcntl: `--uid-range`: EBUSY (in use)\n");
    let said = scene.capsule(&format!("run B --uid {SHARED} --require unique-uid -- /bin/bash -c true"));
    assert_eq!(said.code, 125, "{}", said.stderr);
    first.kill().expect("killed");
    first.wait().expect("waited");
}

#[test]
fn each_run_has_a_uid_of_its_own_and_the_same_name() {
    needs_root!();
    let scene = Scene::with_bash();
    const SAY: &str = "run B -- /bin/bash -c name='\\u';echo\u{a0}$UID\u{a0}${name@P}\u{a0}${GROUPS[0]}";
    let uids: Vec<String> = (0..3)
        .map(|_| {
            let said = said_uid(&scene, SAY);
            let (uid, rest) = said.split_once(' ').expect("two words");
            assert_eq!(rest, "judge 60000\n", "{said}");
            assert!(uid.parse().is_ok_and(|uid: u32| (60_706..=61_183).contains(&uid)), "{said}");
            uid.to_owned()
        })
        .collect();
    assert!(uids[0] != uids[1] && uids[1] != uids[2], "{uids:?}");
    let outside = said_uid(&scene, "run B --userns -- /bin/bash -c echo\u{a0}$UID");
    assert_eq!(outside, "60000\n");
}

/// `line` is split at blanks; a no-break space stands for a blank inside an argument.
fn said_uid(scene: &Scene, line: &str) -> String {
    let words = line.split(' ').map(|word| word.replace('\u{a0}', " "));
    let output = scene.command().args(words).output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
