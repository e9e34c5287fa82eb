//! The progress bar of a long build: on a terminal only.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{HANG, Scene, needs_root};

/// Longer than a build takes before it shows a bar.
const LONG: Duration = Duration::from_millis(1200);
const BYTES: u64 = 200 << 20;

/// Builds a large image, stopped for a while in the middle, and gives what it wrote to the terminal or to the pipe.
fn said_by_a_long_build(on_a_terminal: bool) -> String {
    let scene = Scene::new();
    for name in ["one", "two"] {
        let file = File::create(scene.path(name)).expect("made");
        file.set_len(BYTES / 2).expect("as long");
    }
    let include = scene.path("{one,two}").display().to_string();
    let capsule = env!("CARGO_BIN_EXE_capsule");
    // As the child of a shell: script(1) stops when its own child does.
    let line = format!(
        "{capsule} build bash --include '{include}' --allow 'unowned=/**' -o B --format dir; exit $?"
    );
    let (program, words) = match on_a_terminal {
        true => ("script", vec!["-qefc", &line, "/dev/null"]),
        false => ("sh", vec!["-c", &line]),
    };
    let mut command = Command::new(program);
    command.args(words);
    command.current_dir(scene.path("")).env("TERM", "xterm").stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let builder = writing(&scene);
    kill_process(builder, Signal::STOP).expect("it is there");
    std::thread::sleep(LONG);
    kill_process(builder, Signal::CONT).expect("it is there");
    let output = child.wait_with_output().expect("ended");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&said).into_owned()
}

/// The process that writes the bundle: the name of the unfinished bundle has its number.
fn writing(scene: &Scene) -> Pid {
    let start = Instant::now();
    loop {
        let names = scene.names();
        let pid = names.iter().find_map(|name| name.strip_prefix(".B.capsule-"));
        let begun =
            |name: &str| fs::read_dir(scene.path(name)).is_ok_and(|mut inside| inside.next().is_some());
        if let Some(pid) = pid.filter(|pid| begun(&format!(".B.capsule-{pid}"))) {
            return Pid::from_raw(pid.parse().expect("a number")).expect("not 0");
        }
        assert!(start.elapsed() < HANG, "nothing was written: {names:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_long_build_shows_a_bar_on_a_terminal_only() {
    needs_root!();
    let terminal = said_by_a_long_build(true);
    assert!(terminal.contains("MiB/2") && terminal.contains('█'), "{terminal:?}");
    let pipe = said_by_a_long_build(false);
    assert!(!pipe.contains("MiB/") && pipe.lines().count() == 1, "{pipe:?}");
}
