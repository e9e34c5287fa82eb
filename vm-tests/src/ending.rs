//! The order of a run's end. Every process of the submission is dead and reaped before the report is written; PID 1 and the
//! cgroup stand until it is. A supervisor that is killed in between leaves nothing.
//!
//! A report that finds its pipe full shows the moment: init waits for the reader, and all can be looked at. The tests of the
//! builder include this file by its path, so it uses nothing of this crate.

use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A deadline for a hang, however slow the machine is.
const HANG: Duration = Duration::from_secs(60);
/// How long what must stand is looked at. What is wrong shows within a millisecond.
const WATCHED: Duration = Duration::from_millis(300);
/// What a pipe holds (pipe(7)).
const PIPE: usize = 16 * 4096;
/// It leaves a process that never ends.
const SCRIPT: &str = "while :; do :; done & read -r line; exit 3";

/// Looks at the ends of two runs, and returns what is wrong. `with_cgroup`: whether runs have one here.
///
/// # Errors
/// init cannot be started, or /proc not be read.
pub fn all(init: &Path, root: &Path, with_cgroup: bool) -> io::Result<Vec<String>> {
    let mut wrong = Waiting::start(init, root, with_cgroup)?.reported()?;
    wrong.extend(Waiting::start(init, root, with_cgroup)?.killed()?);
    Ok(wrong)
}

/// A run that is over, and whose report waits for its reader.
struct Waiting {
    supervisor: Child,
    pid1: u32,
    report: PipeReader,
    wrong: Vec<String>,
}

impl Waiting {
    fn start(init: &Path, root: &Path, with_cgroup: bool) -> io::Result<Waiting> {
        let (report, mut to) = io::pipe()?;
        to.write_all(&[b'x'; PIPE])?;
        let mut command = Command::new(init);
        command.arg("run").arg("--root").arg(root).args(["--wall-time", "1000s", "--report", "-"]);
        command.args(["--stdout", "/dev/null", "--", "/bin/bash", "-c", SCRIPT]);
        let mut supervisor = command.stdin(Stdio::piped()).stdout(to).spawn()?;
        drop(command);
        let runs = |pid1: u32| children(pid1).into_iter().any(|submission| !children(submission).is_empty());
        let started = || children(supervisor.id()).into_iter().find(|pid1| runs(*pid1));
        let pid1 = wait_for("the submission", started)?;
        drop(supervisor.stdin.take());
        wait_for("its end", || children(pid1).is_empty().then_some(()))?;
        let mut waiting = Waiting { supervisor, pid1, report, wrong: Vec::new() };
        waiting.watch(with_cgroup);
        Ok(waiting)
    }

    /// Nothing goes before the report.
    fn watch(&mut self, with_cgroup: bool) {
        thread::sleep(WATCHED);
        if !lives(self.pid1) {
            self.wrong.push("PID 1 has gone before the report".to_owned());
        }
        if with_cgroup && cgroups(self.supervisor.id()).is_empty() {
            self.wrong.push("the cgroup has gone before the report".to_owned());
        }
    }

    /// Its reader comes.
    fn reported(mut self) -> io::Result<Vec<String>> {
        let mut said = String::new();
        self.report.read_to_string(&mut said)?;
        let report = said.trim_start_matches('x');
        if !(report.contains(r#""status":"nonzero-exit""#) && report.contains(r#""cpu_us":"#)) {
            self.wrong.push(format!("the report is {report:?}"));
        }
        let code = self.supervisor.wait()?.code();
        if code != Some(3) {
            self.wrong.push(format!("the exit code is {code:?}"));
        }
        self.gone()
    }

    /// The supervisor is killed.
    fn killed(mut self) -> io::Result<Vec<String>> {
        self.supervisor.kill()?;
        self.supervisor.wait()?;
        wait_for("the end of PID 1", || (!lives(self.pid1)).then_some(()))?;
        self.gone()
    }

    /// The last of its processes has ended.
    fn gone(mut self) -> io::Result<Vec<String>> {
        let left = cgroups(self.supervisor.id()).into_iter().map(|path| path.display().to_string());
        self.wrong.extend(
            left.chain(lives(self.pid1).then(|| "PID 1".to_owned())).map(|what| format!("{what} is left")),
        );
        Ok(self.wrong)
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> io::Result<T> {
    let begun = Instant::now();
    loop {
        match look() {
            Some(seen) => return Ok(seen),
            None if begun.elapsed() > HANG => return Err(io::Error::other(format!("{what} does not come"))),
            None => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// State and parent of a process, from `PID (NAME) STATE PARENT …` (proc_pid_stat(5)).
fn state(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Those that have not been reaped.
fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| state(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// The directories of a supervisor's run.
fn cgroups(supervisor: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::from("/sys/fs/cgroup")];
    let prefix = format!("capsule-{supervisor:08x}-");
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            match entry.file_name().to_string_lossy().starts_with(&prefix) {
                true => found.push(entry.path()),
                false => directories.push(entry.path()),
            }
        }
    }
    found
}
