//! The end of a run: its order, and the signals that ask for it.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use crate::ending;
use crate::pool::cgroups;
use crate::scene::{Scene, SharedBundle, needs_root, wait_until};

#[test]
fn nothing_of_a_run_goes_before_its_report_and_nothing_is_left_after_it() {
    needs_root!();
    let scene = Scene::with_bash();
    let (init, root) = (scene.path("B/init"), scene.path("B/rootfs"));
    assert_eq!(ending::all(&init, &root, true).expect("it runs"), Vec::<String>::new());
}

/// What a caller sends who wants an end.
const SIGNALS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];

/// A scene with a bundle `B` of a language whose "compiler" is bash, and a problem `p`.
fn scene() -> Scene {
    static BUNDLE: SharedBundle = SharedBundle::new();
    const LANGUAGE: &str = "binaries = [\"bash\"]\n[language]\nsource = \"main.shell\"\noutput = \"made\"\n\
        [compile]\nargv = [\"bash\", \"{source}\"]\n[run]\nargv = [\"bash\", \"{output}\"]\n";
    let bundle = BUNDLE.path(|scene| {
        scene.file("shell.toml", LANGUAGE);
        "--pack ./shell.toml".to_owned()
    });
    let scene = Scene::new();
    std::os::unix::fs::symlink(bundle, scene.path("B")).expect("linked");
    scene.file("p/1.in", "");
    scene.file("p/1.ans", "");
    scene
}

/// Calls `capsule LINE` on a submission that never ends in `step`, signals it then, and gives its exit code and report.
fn signalled(scene: &Scene, step: &str, line: &str, send: &dyn Fn(Pid)) -> (Option<i32>, Value) {
    let mark = format!("{}{}", step, scene.path("").display()).replace('/', "-");
    let hang = format!("exec -a {mark} bash -c 'while :; do :; done'");
    let compile = if step == "compile" { &hang[..] } else { ":" };
    let run = if step == "run" { &hang[..] } else { ":" };
    scene.file("a.shell", format!("{compile}; echo \"{run}\" > made\n"));
    let mut command = scene.command();
    command.args(line.split_whitespace()).process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
    wait_until("the step runs", || runs(&mark));
    send(Pid::from_child(&child));
    let code = child.wait().expect("it ends").code();
    wait_until("nothing is left", || !runs(&mark));
    let report = fs::read_to_string(scene.path("r.json")).expect("a report");
    assert_eq!(report.matches('\n').count(), 1, "{line}: {report}");
    (code, serde_json::from_str(&report).expect("JSON"))
}

/// Whether a process has this name.
fn runs(name: &str) -> bool {
    let found = Command::new("pgrep").args(["-f", &format!("^{name} ")]).stdout(Stdio::null()).status();
    found.expect("pgrep").success()
}

#[test]
fn exec_that_is_asked_to_end_reports_the_step_that_ended() {
    needs_root!();
    let scene = scene();
    for signal in SIGNALS {
        for step in ["compile", "run"] {
            let send = |pid| kill_process(pid, signal).expect("sent");
            let (code, report) = signalled(&scene, step, "exec B a.shell --report r.json", &send);
            let end = (code, &report["status"], &report[step]["error"]["call"]);
            assert_eq!(
                end,
                (Some(125), &"sandbox-error".into(), &"signal".into()),
                "{signal:?} {step}: {report}"
            );
        }
    }
}

#[test]
fn a_signal_to_all_processes_of_a_group_costs_no_report() {
    needs_root!();
    let scene = scene();
    // As a terminal and a service manager send it: init gets it twice, once from us.
    let send = |pid| {
        for _ in 0..20 {
            let _ended_already = kill_process_group(pid, Signal::TERM);
            thread::sleep(Duration::from_millis(1));
        }
    };
    for line in ["exec B a.shell --report r.json", "judge B p a.shell --no-cache --report r.json"] {
        let (code, report) = signalled(&scene, "run", line, &send);
        assert!(code.is_some_and(|code| code != 0), "{line}: {code:?}");
        assert!(report["status"] == "sandbox-error" || report["verdict"] == "IE", "{line}: {report}");
        assert!(report.to_string().contains(r#""call":"signal""#), "{line}: {report}");
    }
}

#[test]
fn a_judge_that_is_asked_to_end_reports_what_it_has() {
    needs_root!();
    let scene = scene();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        for step in ["compile", "run"] {
            let line = "judge B p a.shell --no-cache --report r.json";
            let send = |pid| kill_process(pid, signal).expect("sent");
            let (ended, report) = signalled(&scene, step, line, &send);
            assert_eq!(
                (ended, &report["verdict"]),
                (Some(code), &"IE".into()),
                "{signal:?} {step}: {report}"
            );
            assert_ne!(report["error"], "the judge did not end", "{signal:?} {step}: {report}");
        }
    }
}

/// A full pipe: a process that writes to it waits until its reader reads or closes it.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("not blocking");
    let full = loop {
        if let Err(error) = writer.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    rustix::io::ioctl_fionbio(&writer, false).expect("blocking");
    (reader, writer)
}

/// Runs that are cut short: what cuts them, options, and whether the program starts.
pub(crate) const CUT_SHORT: [(&str, &[&str], bool); 4] = [
    ("PID 1 fails", &["--bind", "/etc:/none/x"], false),
    ("the submission's process fails", &["--cwd", "/none"], false),
    ("the start is called off", &["--start-on", "0"], false),
    ("a signal", &[], true),
];

/// A dead PID 1 cannot remove the cgroup for a supervisor that is killed. The report, which is not taken, holds the
/// supervisor where PID 1 was dead before.
#[test]
fn a_supervisor_that_is_killed_at_its_report_leaves_no_cgroup() {
    needs_root!();
    let scene = Scene::with_bash();
    let (_reader, report) = full_pipe();
    for (cut, options, starts) in CUT_SHORT {
        let mut init = Command::new("/bin/sh");
        init.args(["-c", "exec \"$@\" 3>&2 2> /dev/null", "sh"]).arg(scene.path("B/init"));
        init.args(["run", "--drain-time", "600s", "--report", "fd:3", "--root"]).arg(scene.path("B/rootfs"));
        init.args(options).args(["--", "/bin/bash", "-c", "echo up; while :; do :; done"]);
        init.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(report.try_clone().expect("a copy"));
        let mut supervisor = init.spawn().expect("it starts");
        let pid = Pid::from_child(&supervisor);
        let mut output = supervisor.stdout.take().expect("a pipe");
        if starts {
            output.read_exact(&mut [0; 3]).expect("it is up");
            kill_process(pid, Signal::TERM).expect("sent");
        }
        // Its end comes before the report.
        output.read_to_end(&mut Vec::new()).expect(cut);
        supervisor.kill().expect("it waits");
        supervisor.wait().expect("it is dead");
        wait_until(cut, || cgroups(&[pid]).is_empty());
    }
}
