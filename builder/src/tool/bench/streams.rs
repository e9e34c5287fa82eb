//! `capsule bench streams`: a program that copies what it reads, in turns with the same program on plain pipes.

use std::fmt::Write as _;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::stage::Stage;
use super::statistics::Sorted;
use super::{millis, require_success};
use crate::error::Error;

/// What is copied.
const BYTES: u64 = 1 << 30;
/// What the two ends move at a time: what a pipe holds.
const PIECE: usize = 64 << 10;

/// A program that takes its turn.
struct Contender {
    name: &'static str,
    command: Command,
    wall: Vec<Duration>,
    /// Of everything: the program, whatever lies between, and the two ends here.
    cpu: Vec<Duration>,
}

impl Contender {
    fn new(name: &'static str, command: Command) -> Contender {
        Contender { name, command, wall: Vec::new(), cpu: Vec::new() }
    }

    fn turn(&mut self) -> io::Result<()> {
        let (begun, before) = (Instant::now(), cpu_time()?);
        let mut child = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let feeder = thread::spawn(move || to.map_or(Ok(()), feed));
        let bytes = from.map_or(Ok(0), count)?;
        feeder.join().map_err(|_| io::Error::other("the feeder panicked"))??;
        require_success(child.wait()?)?;
        if bytes != BYTES {
            return Err(io::Error::other(format!("{bytes} of {BYTES} bytes came back")));
        }
        self.wall.push(begun.elapsed());
        self.cpu.push(cpu_time()?.saturating_sub(before));
        Ok(())
    }
}

pub(super) fn throughput(stage: &Stage, rounds: usize) -> Result<String, Error> {
    let mut contenders = [
        Contender::new("plain pipes", Command::new(stage.root().join("copy"))),
        Contender::new("init run", stage.run(&["--output", "none"], "/copy")),
        Contender::new("init run --output", stage.run(&["--output", "2G"], "/copy")),
    ];
    for _ in 0..rounds {
        for contender in &mut contenders {
            contender.turn().map_err(|error| Error::start(contender.name.as_ref(), error))?;
        }
    }
    Ok(render(rounds, contenders))
}

fn render(rounds: usize, contenders: [Contender; 3]) -> String {
    let mut text =
        format!("{rounds} runs each, in turn; {} MiB from stdin to stdout, milliseconds\n", BYTES >> 20);
    let mut plain: Option<[Duration; 2]> = None;
    for Contender { name, wall, cpu, .. } in contenders {
        let medians = [wall, cpu].map(|times| Sorted::new(times).median());
        let plain = plain.get_or_insert(medians);
        let [wall_ratio, cpu_ratio] =
            [0, 1].map(|index| medians[index].as_secs_f64() / plain[index].as_secs_f64());
        let [wall, cpu] = medians.map(millis);
        let _infallible = writeln!(
            text,
            "{name:18} wall {wall:8.1} ({wall_ratio:.2} of plain pipes)  CPU {cpu:8.1} ({cpu_ratio:.2})"
        );
    }
    text
}

fn feed(mut to: impl io::Write) -> io::Result<()> {
    let piece = vec![b'x'; PIECE];
    (0..BYTES / PIECE as u64).try_for_each(|_| to.write_all(&piece))
}

fn count(mut from: impl io::Read) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(bytes),
            more => bytes += more as u64,
        }
    }
}

/// Of this process and of all its children that have ended.
fn cpu_time() -> io::Result<Duration> {
    let mut total = 0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        total += usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    }
    Ok(Duration::from_micros(total.unsigned_abs()))
}
