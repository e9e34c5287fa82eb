//! `capsule bench run`: a run of a program that only exits, in turns with bubblewrap and the bare program.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::peers::bubblewrap;
use super::stage::Stage;
use super::statistics::Sorted;
use super::{millis, require_success};
use crate::error::Error;

/// A program that takes its turn.
struct Contender {
    name: &'static str,
    command: Command,
    /// Whether it is set up before its turn, and starts when it reads a byte.
    is_prepared: bool,
    times: Vec<Duration>,
}

/// Longer than init needs to set up a sandbox.
const SETUP: Duration = Duration::from_millis(10);
/// Time for init to start a submission that sleeps, before its memory is measured.
const SETTLED: Duration = Duration::from_millis(100);

impl Contender {
    /// The time of the whole program, or from the byte to its end.
    fn turn(&mut self) -> io::Result<Duration> {
        if !self.is_prepared {
            let start = Instant::now();
            require_success(self.command.stdin(Stdio::null()).status()?)?;
            return Ok(start.elapsed());
        }
        let mut child = self.command.stdin(Stdio::piped()).spawn()?;
        thread::sleep(SETUP);
        let start = Instant::now();
        child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.write_all(b"!")?;
        require_success(child.wait()?)?;
        Ok(start.elapsed())
    }
}

/// The sandboxes to compare, each with its own options for the same isolation. init is the first.
fn contenders(stage: &Stage) -> Vec<Contender> {
    let contender = |name, command| Contender { name, command, is_prepared: false, times: Vec::new() };
    let (bubblewrap, args) = bubblewrap(stage.root());
    let mut bwrap = Command::new(&args[0]);
    bwrap.args(&args[1..]);
    vec![
        contender("init run", stage.run(&[], "/exit")),
        contender(bubblewrap, bwrap),
        contender("the program alone", Command::new(stage.root().join("exit"))),
        Contender {
            is_prepared: true,
            ..contender("init --start-on, ready", stage.run(&["--start-on", "fd:0"], "/exit"))
        },
    ]
}

pub(super) fn run_cost(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let mut contenders = contenders(stage);
    let mut missing = Vec::new();
    contenders.retain_mut(|contender| {
        let works = contender.turn().is_ok();
        if !works {
            missing.push(contender.name);
        }
        works
    });
    for _ in 0..rounds {
        for contender in &mut contenders {
            let time = contender.turn();
            let fail = |error| Error::start(contender.name.as_ref(), error);
            contender.times.push(time.map_err(fail)?);
        }
    }
    Ok(render(rounds, contenders, &missing, peak_memory(stage)?))
}

fn render(rounds: usize, contenders: Vec<Contender>, missing: &[&str], memory: u64) -> String {
    let mut text =
        format!("{rounds} runs each, in turn; whole process (or from the byte to the end), milliseconds\n");
    let mut init: Option<Duration> = None;
    for Contender { name, times, .. } in contenders {
        let times = Sorted::new(times);
        let [p10, median, p90] = [10, 50, 90].map(|percent| times.percentile(percent));
        let ratio = init.get_or_insert(median).as_secs_f64() / median.as_secs_f64();
        let [p10, median, p90] = [p10, median, p90].map(millis);
        let _infallible = writeln!(
            text,
            "{name:22} median {median:7.3}  p10 {p10:7.3}  p90 {p90:7.3}  init takes {ratio:.2} times as long"
        );
    }
    for name in missing {
        let _infallible = writeln!(text, "{name:22} not installed, or it does not work here");
    }
    text + &format!("peak resident memory of supervisor and PID 1 together: {memory} KiB\n")
}

/// Peak resident sets of init's processes while a submission sleeps, added up, in KiB; shared pages count twice.
fn peak_memory(stage: &Stage) -> Result<u64, Error> {
    let fail = |error| Error::start(&stage.init(), error);
    let mut supervisor = stage.run(&[], "/pause").spawn().map_err(fail)?;
    thread::sleep(SETTLED);
    let pid = supervisor.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let total = high_water_mark(pid)
        + children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(high_water_mark).sum::<u64>();
    supervisor.kill().and_then(|()| supervisor.wait()).map_err(fail)?;
    Ok(total)
}

/// `VmHWM` of /proc/PID/status (proc_pid_status(5)), in KiB.
fn high_water_mark(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
