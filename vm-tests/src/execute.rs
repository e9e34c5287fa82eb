//! Runs one step: spawn, feed, drain, wait with a deadline.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::NamedTempFile;

use crate::census;
use crate::delegation::Delegated;
use crate::integers::integers;
use crate::message::{End, Observation};
use crate::plan::{Peek, Place, Plan, Runner, Sink, Stdin, Step};

/// What is kept of each stream, in bytes; the rest is counted only.
const KEPT: usize = 64 << 10;
/// Who runs init where root does not: the first id that distributions give to users.
const ORDINARY_USER: u32 = 1000;
/// How long the streams of a step may stay open after its process ended. A process that still holds one afterwards is
/// a leftover; a slow machine needs a moment to read to the end of them.
const STREAM_GRACE: Duration = Duration::from_secs(10);

/// Runs `step` with `argv` (placeholders already replaced) and reports what it did.
pub(crate) fn step(plan: &Plan, step: &Step, argv: &[String]) -> Observation {
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
    let mut command = command(plan, step, argv, &report_write)?;
    // Held to the end of the step: its name has to lead to it.
    let input = input_file(&step.stdin)?;
    if let Some(file) = &input {
        command.stdin(file.reopen()?);
    }
    let almost_full = (step.sink == Sink::AlmostFull).then(almost_full_pipe).transpose()?;
    if let Some((_, write)) = &almost_full {
        command.stdout(write.try_clone()?).stderr(write.try_clone()?);
    }
    let delegated = (step.place == Place::Delegated).then(|| Delegated::enter(ORDINARY_USER)).transpose()?;
    let begun = Instant::now();
    let mut child = command.spawn()?;
    delegated.as_ref().map(Delegated::leave).transpose()?;
    // Our copies would keep the report open for ever.
    drop((report_write, careless));
    let mut stdin = feed(&mut child, &step.stdin);
    let (first, printed) = mpsc::channel();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let drain_both = move || (drain(stdout, step.sink, Some(first)), drain(stderr, step.sink, None));
    let (now, later) =
        if step.sink == Sink::ReadAfterEnd { (None, Some(drain_both)) } else { (Some(drain_both()), None) };
    let report = drain(Some(File::from(report_read)), Sink::Read, None);
    let peek = step.peek.clone().map(|peek| {
        let stdin = stdin.take();
        thread::spawn(move || peek_when(&printed, &peek, stdin))
    });
    let end = wait(&mut child, Duration::from_millis(step.limit_ms))?;
    let wall_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let peeked = peek.and_then(|peek| peek.join().ok()).unwrap_or_default();
    drop((stdin, almost_full));
    // The cgroup has to be gone before the census.
    drop(delegated);

    let mut leftovers = Vec::new();
    leftovers.extend(neighbour.and_then(|neighbour| neighbour.end().err()));
    let deadline = Instant::now() + STREAM_GRACE;
    let (stdout, stderr) =
        now.or_else(|| later.map(|drain_both| drain_both())).ok_or(io::ErrorKind::BrokenPipe)?;
    let mut collect = |name, stream| collect(name, &stream, deadline, &mut leftovers);
    let stdout = collect("stdout", stdout);
    let stderr = collect("stderr", stderr);
    let report = collect("the report", report);
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

/// A second run, at the same time as the step's own.
struct Neighbour {
    child: Child,
    report: Receiver<Stream>,
}

/// How long a neighbour may take to get ready, and to end. Only one that hangs takes as long.
const NEIGHBOUR_LIMIT: Duration = Duration::from_secs(30);

impl Neighbour {
    /// Returns when it has said that it is ready.
    fn start(plan: &Plan, step: &Step, argv: &[String]) -> io::Result<Neighbour> {
        let (report_read, report_write) = report_pipe()?;
        let mut command = command(plan, step, argv, &report_write)?;
        command.stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        drop(report_write);
        let report = drain(Some(File::from(report_read)), Sink::Read, None);
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

    /// Ends its standard input, and with it the neighbour. One that does not end by itself was harmed.
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

/// Looks as soon as the program has printed something: then the sandbox is complete, however slow the machine is. The
/// program ends with its standard input, `stdin`. A program that ends without output leaves nothing to look at.
fn peek_when(printed: &Receiver<()>, peek: &Peek, stdin: Option<ChildStdin>) -> Vec<String> {
    let lines = printed.recv().map(|()| cgroup_files(peek)).unwrap_or_default();
    drop(stdin);
    lines
}

/// The content of these files in every cgroup below the roots.
fn cgroup_files(peek: &Peek) -> Vec<String> {
    let mut lines = Vec::new();
    for directory in census::cgroups() {
        for file in &peek.files {
            let value = match file.as_str() {
                SUPERVISOR => stat_of_supervisor(&directory),
                file => fs::read_to_string(directory.join(file)).ok(),
            };
            if let Some(value) = value {
                lines.push(format!("{file} {}", value.trim()));
            }
        }
    }
    lines
}

/// In the place of a file of the run's cgroup: the stat of its supervisor (proc_pid_stat(5)).
pub(crate) const SUPERVISOR: &str = "the supervisor's stat";

/// Once it sleeps, as it does when it has passed on what made us look. The name of the cgroup has its pid.
fn stat_of_supervisor(cgroup: &Path) -> Option<String> {
    let name = cgroup.file_name()?.to_str()?;
    let pid = u32::from_str_radix(name.strip_prefix("capsule-")?.split('-').next()?, 16).ok()?;
    let sleeping = |stat: &String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S "));
    // A deadline for a hang: it sleeps within a millisecond.
    (0..1_000).find_map(|_| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok().filter(sleeping);
        if stat.is_none() {
            thread::sleep(Duration::from_millis(10));
        }
        stat
    })
}

/// The write end is inherited by the runner under its own number; the read end is not.
fn report_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    fcntl_setfd(&read, FdFlags::CLOEXEC)?;
    Ok((read, write))
}

fn input_file(stdin: &Stdin) -> io::Result<Option<NamedTempFile>> {
    let Stdin::File(bytes) = stdin else { return Ok(None) };
    let mut file = NamedTempFile::new()?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(&vec![b'x'; *bytes])?;
    Ok(Some(file))
}

/// A pipe with room for one page more.
fn almost_full_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    const PAGE: usize = 4096;
    let (read, mut write) = io::pipe()?;
    rustix::pipe::fcntl_setpipe_size(&write, 2 * PAGE)?;
    write.write_all(&[b'x'; PAGE])?;
    Ok((read, write))
}

/// The program that takes the arguments of a run: init, or this agent on behalf of a pool.
fn runner(plan: &Plan, step: &Step) -> io::Result<Command> {
    let init = step.init.as_ref().unwrap_or(&plan.init);
    Ok(match plan.runner {
        Runner::Once => Command::new(init),
        Runner::Pool => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["pooled", init]);
            command
        }
    })
}

fn command(plan: &Plan, step: &Step, argv: &[String], report: &OwnedFd) -> io::Result<Command> {
    let mut command = match step.place {
        Place::Sandbox | Place::User | Place::Delegated => {
            let mut command = runner(plan, step)?;
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
        // Given to the command once it is made.
        Stdin::File(_) => Stdio::null(),
        Stdin::Writable => tempfile::tempfile().map_or_else(|_| Stdio::null(), Stdio::from),
    };
    // The caller's environment must not get inside: this variable shows it where it does.
    command.env("OUTSIDE", "1");
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Returns what has to stay open while the step runs.
fn feed(child: &mut Child, stdin: &Stdin) -> Option<ChildStdin> {
    let mut pipe = child.stdin.take()?;
    let text = match stdin {
        Stdin::Text(text) => text.clone(),
        Stdin::Integers(count) => integers(*count),
        Stdin::Empty | Stdin::Silent | Stdin::File(_) | Stdin::Writable => return Some(pipe),
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

/// Reads `source` to its end, and sends what came; `first` learns of the first bytes.
fn drain<R: Read + Send + 'static>(
    source: Option<R>,
    sink: Sink,
    mut first: Option<Sender<()>>,
) -> Receiver<Stream> {
    let (sender, receiver) = mpsc::channel();
    let Some(mut source) = source else {
        sender.send(Stream::default()).unwrap_or_default(); // the receiver is here
        return receiver;
    };
    thread::spawn(move || {
        let mut stream = Stream::default();
        let mut buffer = vec![0; 64 << 10];
        match sink {
            Sink::Read | Sink::ReadAfterEnd | Sink::AlmostFull => {}
            Sink::ReadAfter(ms) => thread::sleep(Duration::from_millis(ms)),
            Sink::Closed => {
                drop(source);
                return sender.send(stream).unwrap_or_default(); // the receiver is gone
            }
        }
        // A read error ends the stream like its end does: what was read until then is what there is.
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            // The look at the cgroup may be over, or there may be none.
            if let Some(first) = first.take() {
                first.send(()).ok();
            }
            stream.bytes += count as u64;
            let room = KEPT - stream.kept.len();
            stream.kept.extend_from_slice(&buffer[..count.min(room)]);
        }
        // The receiver is gone when the grace has passed.
        sender.send(stream).ok();
    });
    receiver
}

fn collect(
    name: &str,
    receiver: &Receiver<Stream>,
    deadline: Instant,
    leftovers: &mut Vec<String>,
) -> Stream {
    receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|_| {
        leftovers.push(format!("{name} is still held open by a process"));
        Stream::default()
    })
}

/// Waits for the end of `child`, and ends it when the time is over.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> io::Result<End> {
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
