//! Runs one step: spawn, feed, drain, wait with a deadline.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::census;
use crate::delegation::Delegated;
use crate::integers::integers;
use crate::message::{End, Observation};
use crate::plan::{Peek, Place, Plan, Sink, Stdin, Step};

/// What is kept of each stream, in bytes; the rest is counted only.
const KEPT: usize = 64 << 10;
/// Who runs init where root does not: the first id that distributions give to people.
const ORDINARY_USER: u32 = 1000;
/// How long a stream may stay open after the process ended: whoever still holds it is a leftover.
const STREAM_GRACE: Duration = Duration::from_secs(2);

/// Runs `step` with `argv` (placeholders already replaced) and says what it did.
pub fn step(plan: &Plan, step: &Step, argv: &[String]) -> Observation {
    match attempt(plan, step, argv) {
        Ok(observation) => observation,
        Err(cause) => Observation {
            name: step.name.clone(),
            end: End::Unstarted,
            stdout: String::new(),
            stderr: format!("agent: `{}` not started: {cause}", argv.join(" ")),
            stdout_bytes: 0,
            stderr_bytes: 0,
            report: String::new(),
            wall_us: 0,
            peeked: Vec::new(),
            leftovers: Vec::new(),
        },
    }
}

fn attempt(plan: &Plan, step: &Step, argv: &[String]) -> io::Result<Observation> {
    let neighbour = step.neighbour.as_ref().map(|argv| Neighbour::start(plan, step, argv)).transpose()?;
    let (report_read, report_write) = report_pipe()?;
    // A careless supervisor: the runner inherits a descriptor of a directory outside of the root.
    let careless = rustix::fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    let mut command = command(plan, step, argv, &report_write);
    let delegated = (step.place == Place::Delegated).then(|| Delegated::enter(ORDINARY_USER)).transpose()?;
    let begun = Instant::now();
    let mut child = command.spawn()?;
    delegated.as_ref().map(Delegated::leave).transpose()?;
    // Ours would keep the report open for ever.
    drop((report_write, careless));
    let silent = feed(&mut child, &step.stdin);
    let stdout = drain(child.stdout.take(), step.sink);
    let stderr = drain(child.stderr.take(), step.sink);
    let report = drain(Some(File::from(report_read)), Sink::Read);
    let peek = step.peek.clone().map(|peek| thread::spawn(move || cgroup_peek(&peek)));
    let end = wait(&mut child, Duration::from_millis(step.limit_ms))?;
    let peeked = peek.and_then(|peek| peek.join().ok()).unwrap_or_default();
    let wall_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    drop(silent);
    // Before the census looks.
    drop(delegated);

    let mut leftovers = Vec::new();
    leftovers.extend(neighbour.and_then(|neighbour| neighbour.end().err()));
    let stdout = collect("stdout", stdout, &mut leftovers);
    let stderr = collect("stderr", stderr, &mut leftovers);
    let report = collect("the report", report, &mut leftovers);
    Ok(Observation {
        name: step.name.clone(),
        end,
        stdout: stdout.text(),
        stderr: stderr.text(),
        stdout_bytes: stdout.bytes,
        stderr_bytes: stderr.bytes,
        report: report.text(),
        wall_us,
        peeked,
        leftovers,
    })
}

/// A second run beside the step's own.
struct Neighbour {
    child: Child,
    report: Receiver<Stream>,
}

/// How long a neighbour may take to come and to go.
const NEIGHBOUR_LIMIT: Duration = Duration::from_secs(15);

impl Neighbour {
    /// Returns when it has said that it is ready.
    fn start(plan: &Plan, step: &Step, argv: &[String]) -> io::Result<Neighbour> {
        let (report_read, report_write) = report_pipe()?;
        let mut command = command(plan, step, argv, &report_write);
        command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        drop(report_write);
        let report = drain(Some(File::from(report_read)), Sink::Read);
        let (sender, first_line) = mpsc::channel();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        thread::spawn(move || {
            let mut line = String::new();
            let mut stdout = BufReader::new(stdout);
            // Without a line it is not ready, whatever the reason.
            stdout.read_line(&mut line).ok();
            sender.send(line).ok();
            io::copy(&mut stdout, &mut io::sink())
        });
        let mut neighbour = Neighbour { child, report };
        match first_line.recv_timeout(NEIGHBOUR_LIMIT) {
            Ok(line) if !line.is_empty() => Ok(neighbour),
            _ => {
                neighbour.child.kill()?;
                neighbour.child.wait()?;
                let report = neighbour.report.recv_timeout(STREAM_GRACE).unwrap_or_default().text();
                Err(io::Error::other(format!("the neighbour did not get ready: {report}")))
            }
        }
    }

    /// Its standard input ends, and so does it; by itself, or something was done to it.
    fn end(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        match wait(&mut self.child, NEIGHBOUR_LIMIT) {
            Ok(End::Code(0)) => Ok(()),
            Ok(end) => {
                let report = self.report.recv_timeout(STREAM_GRACE).unwrap_or_default().text();
                Err(format!("the neighbour ended with {end:?}: {report}"))
            }
            Err(cause) => Err(format!("the neighbour was not waited for: {cause}")),
        }
    }
}

/// What the cgroups that exist beside the machine's own have in these files.
fn cgroup_peek(peek: &Peek) -> Vec<String> {
    thread::sleep(Duration::from_millis(peek.after_ms));
    let mut lines = Vec::new();
    for directory in census::cgroups() {
        for file in &peek.files {
            if let Ok(value) = fs::read_to_string(directory.join(file)) {
                lines.push(format!("{file} {}", value.trim()));
            }
        }
    }
    lines
}

/// The write end is inherited by the runner under its own number; the read end is not.
fn report_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    fcntl_setfd(&read, FdFlags::CLOEXEC)?;
    Ok((read, write))
}

fn command(plan: &Plan, step: &Step, argv: &[String], report: &OwnedFd) -> Command {
    let mut command = match step.place {
        Place::Sandbox | Place::User | Place::Delegated => {
            let mut command = Command::new(step.init.as_ref().unwrap_or(&plan.init));
            command.args(["run", "--root", &plan.root, "--report"]);
            command.arg(format!("fd:{}", report.as_raw_fd()));
            command.args(&plan.options).args(&step.options).arg("--").args(argv);
            if step.place != Place::Sandbox {
                command.uid(ORDINARY_USER).gid(ORDINARY_USER);
            }
            command
        }
        Place::Bare => {
            let mut command = Command::new(&argv[0]);
            command.args(&argv[1..]);
            command
        }
    };
    let stdin = match step.stdin {
        Stdin::Empty => Stdio::null(),
        Stdin::Text(_) | Stdin::Integers(_) | Stdin::Silent => Stdio::piped(),
        Stdin::Writable => tempfile::tempfile().map_or_else(|_| Stdio::null(), Stdio::from),
    };
    // Nothing of the caller's environment may get inside: here is something that could.
    command.env("OUTSIDE", "1");
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns what has to stay open while the step runs.
fn feed(child: &mut Child, stdin: &Stdin) -> Option<ChildStdin> {
    let mut pipe = child.stdin.take()?;
    let text = match stdin {
        Stdin::Text(text) => text.clone(),
        Stdin::Integers(count) => integers(*count),
        Stdin::Empty | Stdin::Silent | Stdin::Writable => return Some(pipe),
    };
    // A program may end without reading: a broken pipe is its right.
    thread::spawn(move || pipe.write_all(text.as_bytes()).ok());
    None
}

#[derive(Default)]
struct Stream {
    kept: Vec<u8>,
    bytes: u64,
}

impl Stream {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

fn drain<R: Read + Send + 'static>(source: Option<R>, sink: Sink) -> Receiver<Stream> {
    let (sender, receiver) = mpsc::channel();
    let Some(mut source) = source else { return receiver };
    thread::spawn(move || {
        let mut stream = Stream::default();
        let mut buffer = vec![0; 64 << 10];
        match sink {
            Sink::Read => {}
            Sink::ReadAfter(ms) => thread::sleep(Duration::from_millis(ms)),
            Sink::Closed => {
                drop(source);
                return sender.send(stream).unwrap_or_default(); // nobody listens any more
            }
        }
        // A read error ends the stream like its end does: what was read until then is what there is.
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            stream.bytes += count as u64;
            let room = KEPT - stream.kept.len();
            stream.kept.extend_from_slice(&buffer[..count.min(room)]);
        }
        // Nobody listens any more when the grace has passed.
        sender.send(stream).ok();
    });
    receiver
}

fn collect(name: &str, receiver: Receiver<Stream>, leftovers: &mut Vec<String>) -> Stream {
    receiver.recv_timeout(STREAM_GRACE).unwrap_or_else(|_| {
        leftovers.push(format!("{name} is still held open by somebody"));
        Stream::default()
    })
}

/// Waits for the end of `child`, and ends it when the time is over.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<End> {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pidfd = pidfd_open(id.ok_or(io::ErrorKind::InvalidInput)?, PidfdFlags::empty())?;
    if !ends_within(&pidfd, limit)? {
        child.kill()?;
        child.wait()?;
        return Ok(End::Overdue);
    }
    child.wait().map(end)
}

fn ends_within(pidfd: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => continue,
            Err(cause) => return Err(cause.into()),
        }
    }
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}
