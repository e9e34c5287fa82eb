//! Callers whose own state must not become a submission's verdict, where only the root of a machine can make one.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cases::{PROBE, probe_bind};
use crate::initramfs::PROBES;

/// The status that a memory hog must have.
const ROWS: &[(&str, Caller, &str, &str)] = &[
    ("a caller that the OOM killer must not take", Caller::Protected, "32M", "memory-limit"),
    ("a cgroup above the run that is full", Caller::Cramped, "1G", "sandbox-error"),
    ("the run's own limit below such a cgroup", Caller::Cramped, "16M", "memory-limit"),
];

/// Runs them all, and returns what is wrong.
pub fn all(init: &Path, root: &Path) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (name, caller, memory, expected) in ROWS {
        let state = caller.enter()?;
        let said = report(init, root, memory);
        state.leave()?;
        let said = said?;
        if !said.contains(&format!("\"status\":\"{expected}\"")) {
            wrong.push(format!("{name}: {said}"));
        }
    }
    Ok(wrong)
}

/// The report of a run that wants 100 MiB.
fn report(init: &Path, root: &Path, memory: &str) -> io::Result<String> {
    let mut command = Command::new(init);
    command.arg("run").arg("--root").arg(root).args(["--bind", &probe_bind(PROBES), "--report", "fd:1"]);
    command.args(["--memory", memory, "--wall-time", "20s", "--", PROBE, "verdict", "memory-heap", "100"]);
    let output = command.stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Who calls init.
#[derive(Clone, Copy)]
enum Caller {
    /// With an oom_score_adj of -1000, as service managers give it to what must not die.
    Protected,
    /// In a cgroup with a memory limit.
    Cramped,
}

const OOM_SCORE: &str = "/proc/self/oom_score_adj";
/// Of the limited cgroup; on version 2 the caller is in a child of it, as a cgroup with processes hands nothing on
/// (cgroup-v2.rst, "No Internal Process Constraint").
const NAME: &str = "cramped";
const LIMIT: &str = "48M";

impl Caller {
    /// Makes this process one.
    fn enter(self) -> io::Result<Caller> {
        match self {
            Caller::Protected => fs::write(OOM_SCORE, "-1000")?,
            Caller::Cramped if is_v2() => {
                write("", "cgroup.subtree_control", "+memory +pids")?;
                fs::create_dir(directory(NAME))?;
                write(NAME, "memory.max", LIMIT)?;
                write(NAME, "cgroup.subtree_control", "+memory +pids")?;
                fs::create_dir(directory("cramped/home"))?;
                write("cramped/home", "cgroup.procs", "0")?;
            }
            Caller::Cramped => {
                fs::create_dir(directory(NAME))?;
                write(NAME, "memory.limit_in_bytes", LIMIT)?;
                write(NAME, "cgroup.procs", "0")?;
            }
        }
        Ok(self)
    }

    /// As it was before.
    fn leave(self) -> io::Result<()> {
        match self {
            Caller::Protected => fs::write(OOM_SCORE, "0"),
            Caller::Cramped => {
                write("", "cgroup.procs", "0")?;
                if is_v2() {
                    fs::remove_dir(directory("cramped/home"))?;
                }
                fs::remove_dir(directory(NAME))
            }
        }
    }
}

fn is_v2() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// Below the hierarchy that counts memory.
fn directory(name: &str) -> String {
    let root = if is_v2() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    format!("{root}/{name}")
}

fn write(name: &str, file: &str, text: &str) -> io::Result<()> {
    fs::write(Path::new(&directory(name)).join(file), text)
}
