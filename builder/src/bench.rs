//! `capsule bench`: what a run costs beside its peers, and how exactly limits hold. Anyone can run it.
//!
//! Speed is a ratio in one interleaved run, never an absolute time: the programs take turns, so that whatever else
//! the machine does happens to all of them. The submissions are ELF files of a few instructions, made here.

mod packs;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;

use crate::build::INIT;
use crate::error::Error;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A run of a program that only exits, beside bubblewrap and the bare program.
    Run,
    /// By how much a CPU limit and a wall limit are overshot.
    Limits,
    /// `capsule exec` for each pack's hello world, beside the same steps without the sandbox.
    Packs,
}

/// A measurement to make.
#[derive(Debug)]
pub struct Bench {
    /// What is measured.
    pub what: What,
    /// How many times each.
    pub rounds: Option<usize>,
    /// Of the packs only these, or all if none.
    pub packs: Vec<String>,
}

/// Measures, and says what came out.
pub fn bench(bench: &Bench) -> Result<String, Error> {
    if bench.what != What::Packs && !bench.packs.is_empty() {
        return Err(Error::Usage {
            what: "`--pack` is for `packs` only".to_owned(),
            hint: "as in `capsule bench packs --pack cpp`",
        });
    }
    let stage = Stage::new()?;
    match bench.what {
        What::Run => cost_of_a_run(&stage, bench.rounds.unwrap_or(200)),
        What::Packs => packs::cost(bench.rounds.unwrap_or(20), &bench.packs),
        What::Limits => overshoot(&stage, bench.rounds.unwrap_or(50)),
    }
}

/// A root with init and the submissions in it.
struct Stage {
    root: TempDir,
}

/// x86-64 machine code of the submissions.
const SUBMISSIONS: [(&str, &[u8]); 3] = [
    ("exit", b"\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05"), // xor edi, edi; mov eax, 60 (exit); syscall
    ("pause", b"\xb8\x22\x00\x00\x00\x0f\x05"),        // mov eax, 34 (pause); syscall
    ("spin", b"\xeb\xfe"),                             // jmp to itself
];

impl Stage {
    fn new() -> Result<Stage, Error> {
        let root = tempfile::tempdir().map_err(|error| Error::write(&std::env::temp_dir(), error))?;
        let stage = Stage { root };
        stage.furnish().map_err(|error| Error::write(stage.root.path(), error))?;
        Ok(stage)
    }

    fn furnish(&self) -> io::Result<()> {
        let root = self.root.path();
        for directory in ["proc", "dev", "tmp", "home/judge"] {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        program(&self.init(), INIT)?;
        SUBMISSIONS.iter().try_for_each(|(name, code)| program(&root.join(name), &elf(code)))
    }

    fn init(&self) -> PathBuf {
        self.root.path().join("init")
    }

    /// A program for each CPU that never sleeps.
    fn neighbours(&self) -> Result<Vec<Neighbour>, Error> {
        let path = self.root.path().join("spin");
        let start = || Command::new(&path).spawn().map(Neighbour);
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        (0..cpus)
            .map(|_| start())
            .collect::<io::Result<_>>()
            .map_err(|error| Error::Start { path: path.clone(), error })
    }

    /// `init run` of one of the submissions, with the given options.
    fn run(&self, options: &[&str], submission: &str) -> Command {
        let mut command = Command::new(self.init());
        command.args(["run", "--root"]).arg(self.root.path()).args(options).args(["--", submission]);
        command.stdin(Stdio::null());
        command
    }
}

fn program(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// The smallest static ELF file for `code`: file header and one program header (elf(5)), loaded as a whole.
fn elf(code: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    const BASE: u64 = 0x40_0000;
    let size = HEADERS + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(); // 64 bit, little-endian, version 1
    file.extend([2u16, 62].iter().flat_map(|half| half.to_le_bytes())); // ET_EXEC, EM_X86_64
    file.extend(1u32.to_le_bytes());
    file.extend([BASE + HEADERS, 64, 0].iter().flat_map(|word| word.to_le_bytes())); // entry, program headers, sections
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    file.extend([1u32, 5].iter().flat_map(|word| word.to_le_bytes())); // PT_LOAD, readable and executable
    file.extend([0, BASE, BASE, size, size, 4096].iter().flat_map(|word: &u64| word.to_le_bytes()));
    file.extend(code);
    file
}

/// A program that takes its turn.
struct Contender {
    name: &'static str,
    command: Command,
    /// Whether it stands ready before its turn, and starts on a byte.
    is_prepared: bool,
    times: Vec<Duration>,
}

/// Longer than a set-up takes.
const SETUP: Duration = Duration::from_millis(10);

impl Contender {
    /// The whole program, or from the byte to its end.
    fn turn(&mut self) -> io::Result<Duration> {
        if !self.is_prepared {
            let start = Instant::now();
            well_ended(self.command.stdin(Stdio::null()).status()?)?;
            return Ok(start.elapsed());
        }
        let mut child = self.command.stdin(Stdio::piped()).spawn()?;
        thread::sleep(SETUP);
        let start = Instant::now();
        child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.write_all(b"!")?;
        well_ended(child.wait()?)?;
        Ok(start.elapsed())
    }
}

fn well_ended(status: ExitStatus) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// Sandboxes of the field, each with its own options for the same isolation.
fn contenders(stage: &Stage) -> Vec<Contender> {
    let contender = |name, command| Contender { name, command, is_prepared: false, times: Vec::new() };
    let mut bwrap = Command::new("bwrap");
    bwrap
        .arg("--unshare-all")
        .arg("--ro-bind")
        .arg(stage.root.path())
        .args(["/", "--proc", "/proc", "--dev", "/dev", "/exit"]);
    vec![
        contender("init run", stage.run(&[], "/exit")),
        contender("bwrap --unshare-all", bwrap),
        contender("the program alone", Command::new(stage.root.path().join("exit"))),
        Contender {
            is_prepared: true,
            ..contender("init --start-on, ready", stage.run(&["--start-on", "fd:0"], "/exit"))
        },
    ]
}

fn cost_of_a_run(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let mut contenders = contenders(stage);
    let mut missing = Vec::new();
    contenders.retain_mut(|contender| {
        let there = contender.turn().is_ok();
        if !there {
            missing.push(contender.name);
        }
        there
    });
    for _ in 0..rounds {
        for contender in &mut contenders {
            let time = contender.turn();
            let fail = |error| Error::Start { path: contender.name.into(), error };
            contender.times.push(time.map_err(fail)?);
        }
    }
    let mut text =
        format!("{rounds} runs each, in turn; whole process (or from the byte to the end), milliseconds\n");
    let base = contenders.first().map_or(Duration::ZERO, |first| percentile(&first.times, 50));
    for contender in &contenders {
        let [p10, median, p90] = [10, 50, 90].map(|percent| percentile(&contender.times, percent));
        let ratio = base.as_secs_f64() / median.as_secs_f64();
        let _ = writeln!(
            text,
            "{:22} median {:7.3}  p10 {:7.3}  p90 {:7.3}  init is {ratio:.2} of it",
            contender.name,
            millis(median),
            millis(p10),
            millis(p90)
        ); // a String takes all
    }
    for name in missing {
        let _ = writeln!(text, "{name:22} not here, or it does not work here"); // likewise
    }
    let _ = writeln!(text, "peak resident memory of supervisor and PID 1 together: {} KiB", resident(stage)?); // likewise
    Ok(text)
}

/// Peak resident sets of init's processes while a submission sleeps, added up; shared pages count twice.
fn resident(stage: &Stage) -> Result<u64, Error> {
    let start = |error| Error::Start { path: stage.init(), error };
    let mut supervisor = stage.run(&[], "/pause").spawn().map_err(start)?;
    thread::sleep(Duration::from_millis(100));
    let pid = supervisor.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let total = high_water_mark(pid)
        + children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(high_water_mark).sum::<u64>();
    supervisor.kill().and_then(|()| supervisor.wait()).map_err(start)?;
    Ok(total)
}

/// `VmHWM` of /proc/PID/status (proc_pid_status(5)), in KiB.
fn high_water_mark(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What is read of a report here.
#[derive(Deserialize)]
struct Report {
    status: String,
    cpu_us: Option<u64>,
    wall_us: Option<u64>,
}

/// The limit of both measurements, in microseconds.
const LIMIT_US: u64 = 250_000;

/// A limit to overshoot.
struct Case {
    option: &'static str,
    submission: &'static str,
    status: &'static str,
    used: fn(&Report) -> Option<u64>,
    /// Whether every CPU has something else to do meanwhile.
    is_busy: bool,
}

const CPU_TIME: Case = Case {
    option: "--cpu-time",
    submission: "/spin",
    status: "cpu-time-limit",
    used: |report| report.cpu_us,
    is_busy: false,
};
const WALL_TIME: Case = Case {
    option: "--wall-time",
    submission: "/pause",
    status: "wall-time-limit",
    used: |report| report.wall_us,
    is_busy: false,
};
const CASES: [Case; 3] = [CPU_TIME, WALL_TIME, Case { is_busy: true, ..CPU_TIME }];

fn overshoot(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let mut over = CASES.map(|_| Vec::new());
    for _ in 0..rounds {
        for (case, over) in CASES.iter().zip(&mut over) {
            let _neighbours = if case.is_busy { stage.neighbours()? } else { Vec::new() };
            let report = report_of(stage.run(&[case.option, "250ms", "--report", "fd:2"], case.submission))?;
            let used = (case.used)(&report).filter(|_| report.status == case.status).unwrap_or(0);
            over.push(Duration::from_micros(used.saturating_sub(LIMIT_US)));
        }
    }
    let mut text =
        format!("{rounds} runs each; time beyond a limit of {} ms, milliseconds\n", LIMIT_US / 1000);
    for (case, over) in CASES.iter().zip(&over) {
        let [median, p95, worst] = [50, 95, 100].map(|percent| millis(percentile(over, percent)));
        let beside = if case.is_busy { ", every CPU busy" } else { "" };
        let name = format!("{}{beside}", case.option);
        let _ = writeln!(text, "{name:27} median {median:7.3}  p95 {p95:7.3}  worst {worst:7.3}"); // a String takes all
    }
    Ok(text)
}

/// A process that ends with its owner.
struct Neighbour(Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait()); // nothing can be done about one that cannot be ended
    }
}

fn report_of(mut command: Command) -> Result<Report, Error> {
    let output = command.output().map_err(|error| Error::Start { path: "init".into(), error })?;
    serde_json::from_slice(&output.stderr)
        .map_err(|error| Error::Manifest { path: "a report of init".into(), what: error.to_string() })
}

/// The value below which `percent` of them lie.
fn percentile<T: Copy + Default + Ord>(times: &[T], percent: usize) -> T {
    ranked(times, |last| last * percent / 100)
}

/// The one at a place in their order, which counts from 0 to `last`.
fn ranked<T: Copy + Default + Ord>(times: &[T], place: impl Fn(usize) -> usize) -> T {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    sorted.get(place(last)).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_times() {
        let times: Vec<_> = [5, 1, 3, 2, 4].map(Duration::from_millis).to_vec();
        assert_eq!(percentile(&times, 50), Duration::from_millis(3));
        assert_eq!(percentile(&times, 100), Duration::from_millis(5));
        assert_eq!(percentile::<Duration>(&[], 50), Duration::ZERO);
    }

    #[test]
    fn a_submission_is_an_elf_file_that_the_kernel_runs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exit");
        program(&path, &elf(SUBMISSIONS[0].1)).unwrap();
        assert!(Command::new(path).status().unwrap().success());
    }
}
