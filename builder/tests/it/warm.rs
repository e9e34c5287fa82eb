//! Programs that get ready before their run begins: the same verdicts as cold, and clocks that begin with the run.

use std::fs;
use std::io::{self, PipeWriter, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};

use run::exec::pool::{Done, PooledRun};
use run::{InitCommand, Pool};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::Pid;
use serde_json::Value;

use crate::pool::{WORKLOADS, alone, below, cgroups, command, verdict};
use crate::scene::{Scene, needs_root, wait_until};

/// A run that gets ready, with stdin and stdout in files.
struct Warm {
    run: PooledRun,
    starter: PipeWriter,
    streams: [fs::File; 3],
}

impl Warm {
    fn begin(pool: &Pool, init: &InitCommand) -> Warm {
        let file = || fs::File::from(memfd_create("stream", MemfdFlags::CLOEXEC).unwrap());
        let streams = [file(), file(), file()];
        let (starts, starter) = io::pipe().unwrap();
        let mut init = init.clone();
        init.option("start-on", format!("fd:{}", starts.as_raw_fd()));
        let run = pool.warm_up(&init, streams.each_ref().map(|stream| Some(stream.as_fd()))).unwrap();
        Warm { run: run.expect("the pool takes it"), starter, streams }
    }

    /// Waits until the program has stopped itself.
    fn until_ready(&self) -> &Warm {
        wait_until("it has stopped itself", || {
            let supervisor = self.run.pid().and_then(Pid::from_raw);
            let all = supervisor.map(below).unwrap_or_default();
            all.len() >= 2 && all.iter().any(|pid| state(*pid) == Some('T'))
        });
        self
    }

    fn start(&mut self, stdin: &[u8]) {
        self.streams[0].write_all(stdin).unwrap();
        self.starter.write_all(&[0]).unwrap();
    }

    /// stdout, stderr, exit code and report.
    fn end(mut self) -> (String, String, u8, Value) {
        let Done { code, report } = self.run.wait().unwrap();
        let [_, stdout, stderr] = &mut self.streams;
        let said = [stdout, stderr].map(|file| {
            let mut text = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        });
        let [output, errors] = said;
        (output, errors, code, serde_json::from_str(&report).unwrap())
    }
}

pub(crate) fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

fn bash(scene: &Scene, options: &[&str], script: &str) -> InitCommand {
    command(scene, options, &["/bin/bash", "-c", script])
}

/// The CPU time of a process, in ticks (proc_pid_stat(5)).
fn ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[test]
fn a_warm_run_has_the_same_report_as_one_alone() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(2).unwrap();
    scene.file("input", "a line\nand more\n");
    let mut tried = 0;
    for (options, program) in WORKLOADS {
        let [shell, "-c", script] = program else { continue };
        let cold = alone(
            &command(&scene, options, program),
            &fs::File::open(scene.path("input")).unwrap(),
            &scene.path("report"),
        );
        if cold.report["status"] == "sandbox-error" {
            continue;
        }
        let mut warm = Warm::begin(
            &pool,
            &command(&scene, options, &[shell, "-c", &format!("kill -STOP $$; {script}")]),
        );
        warm.until_ready().run.pid().expect("it runs");
        warm.start(b"a line\nand more\n");
        let (output, errors, code, report) = warm.end();
        let what = format!("{options:?} {script}: {report}");
        let place = |report: Value| {
            let mut report = verdict(report);
            // A script that ends by a signal of its own reports it as its own.
            report.as_object_mut().unwrap().remove("command");
            report
        };
        assert_eq!(place(report), place(cold.report.clone()), "{what}");
        assert_eq!((code, errors), (cold.code, cold.errors), "{what}");
        if cold.report["status"] != "output-limit" {
            assert_eq!(output, cold.output, "{what}");
        }
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
}

/// More CPU time than a run under the limit may use.
const BUSY: &str = "for ((i = 0; i < 500000; i++)); do :; done";

#[test]
fn its_clocks_begin_with_the_run() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let limits = ["--cpu-time", "400ms", "--wall-time", "900ms", "--idle-time", "800ms"];
    let mut warm = Warm::begin(
        &pool,
        &bash(&scene, &limits, &format!("{BUSY}; kill -STOP $$; read -r line; echo $line")),
    );
    warm.until_ready();
    let used = below(warm.run.pid().and_then(Pid::from_raw).unwrap()).into_iter().map(ticks).sum::<u64>();
    assert!(used > 40, "it used {used} ticks to get ready");
    // Also while it waits.
    std::thread::sleep(std::time::Duration::from_secs(1));
    warm.start(b"said later\n");
    let (output, errors, code, report) = warm.end();
    assert_eq!((output.as_str(), errors.as_str(), code), ("said later\n", "", 0), "{report}");
    let amount = |name: &str| report[name].as_u64().unwrap();
    assert!(amount("cpu_us") < 200_000 && amount("wall_us") < 800_000, "{report}");
    assert!(amount("user_us") + amount("system_us") <= amount("cpu_us"), "{report}");
    let mut warm = Warm::begin(&pool, &bash(&scene, &limits, "kill -STOP $$; while :; do :; done"));
    warm.until_ready();
    warm.start(b"");
    let (_, _, code, report) = warm.end();
    assert_eq!((code, &report["status"]), (124, &Value::from("cpu-time-limit")), "{report}");
    let cpu = report["cpu_us"].as_u64().unwrap();
    assert!(cpu >= 400_000, "{report}");
}

#[test]
fn one_that_ends_before_it_is_ready_is_no_verdict() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let mut warm = Warm::begin(&pool, &bash(&scene, &[], "exit 0"));
    warm.start(b"");
    let (_, _, code, report) = warm.end();
    assert_eq!((code, &report["status"]), (125, &Value::from("sandbox-error")), "{report}");
    assert!(report["error"].to_string().contains("exit"), "{report}");
}

#[test]
fn one_that_is_killed_while_it_waits_ends_then() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let warm = Warm::begin(&pool, &bash(&scene, &[], "kill -STOP $$; echo never"));
    warm.until_ready();
    let stopped = below(warm.run.pid().and_then(Pid::from_raw).unwrap())
        .into_iter()
        .find(|pid| state(*pid) == Some('T'))
        .unwrap();
    rustix::process::kill_process(stopped, rustix::process::Signal::KILL).unwrap();
    let (output, _, code, report) = warm.end();
    assert_eq!(
        (output.as_str(), code, &report["status"]),
        ("", 125, &Value::from("sandbox-error")),
        "{report}"
    );
}

#[test]
fn it_starts_as_soon_as_it_is_ready_if_it_was_told_before() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let mut warm = Warm::begin(
        &pool,
        &bash(&scene, &[], "for ((i = 0; i < 100000; i++)); do :; done; kill -STOP $$; cat"),
    );
    warm.start(b"");
    let (_, errors, code, _) = warm.end();
    assert!(code == 127 && errors.contains("cat"), "{errors}");
}

#[test]
fn nothing_is_left_of_one_that_is_never_started() {
    needs_root!();
    let scene = Scene::with_bash();
    let pool = Pool::start(1).unwrap();
    let warm = Warm::begin(&pool, &bash(&scene, &["--memory", "32M"], "kill -STOP $$; echo never"));
    warm.until_ready();
    let supervisor = warm.run.pid().and_then(Pid::from_raw).unwrap();
    let processes = below(supervisor);
    assert!(!cgroups(&[supervisor]).is_empty());
    let Warm { run, starter, mut streams } = warm;
    drop(starter);
    let Done { code, report } = run.wait().unwrap();
    assert!(code == 125 && report.contains("ECANCELED"), "{report}");
    wait_until("its processes end", || processes.iter().all(|pid| state(*pid).is_none()));
    wait_until("its cgroups go", || cgroups(&[supervisor]).is_empty());
    let mut said = String::new();
    streams[1].read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}
