//! One VM from start to end: waits with deadlines, believes only frames, and keeps a transcript for a failure.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::frame::{FrameError, FrameReader, Nonce};
use crate::message::{Hello, Message, Observation};
use crate::qemu::{GUEST_DONE, Machine};

/// How long each phase may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the start to the agent's first frame.
    pub ready: Duration,
    /// Between two frames: the longest step and its census.
    pub silence: Duration,
    /// From start to end.
    pub total: Duration,
}

impl Default for Deadlines {
    /// Ten times what an idle machine needs under emulation: the machine may be busy with something else.
    fn default() -> Self {
        Deadlines {
            ready: Duration::from_secs(60),
            silence: Duration::from_secs(60),
            total: Duration::from_secs(1800),
        }
    }
}

impl Deadlines {
    /// With time to unpack an archive of so many bytes, for the longest step, and for some that are nearly as long.
    pub(crate) fn for_plan(archive: usize, cases: &[Case]) -> Deadlines {
        const GRACE: Duration = Duration::from_secs(30);
        let common = Deadlines::default();
        const LONG_STEPS: u32 = 8;
        let longest = cases.iter().map(|case| case.step.limit_ms).max().unwrap_or(0);
        let longest = Duration::from_millis(longest);
        Deadlines {
            ready: common.ready + Duration::from_secs((archive >> 20) as u64),
            silence: common.silence.max(longest + GRACE),
            total: common.total.max(longest * LONG_STEPS),
        }
    }

    /// For a machine of so many CPUs, which the host's few take turns to emulate.
    pub(crate) fn with_cpus(self, cpus: u32) -> Deadlines {
        let times = 1 + cpus / 8;
        Deadlines { ready: self.ready * times, silence: self.silence * times, total: self.total * times }
    }
}

/// A plan that was run to its end in a VM.
#[derive(Debug)]
pub struct Session {
    /// The guest's world.
    pub hello: Hello,
    /// What each step did, in the plan's order.
    pub observations: Vec<Observation>,
    /// Everything on the console.
    pub console: String,
}

/// A VM that did not run its plan to the end, or not credibly.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The output until then.
    pub transcript: Transcript,
}

/// Why a VM is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// QEMU did not start.
    #[error("`{program}` did not start: {cause}")]
    Start {
        /// The program.
        program: String,
        /// What the kernel said.
        cause: io::Error,
    },
    /// No frame at all.
    #[error("the guest sent no frame within {0:?}")]
    NotReady(Duration),
    /// No frame for too long.
    #[error("the guest fell silent for {0:?} after {1} steps")]
    Silent(Duration, usize),
    /// Frames to the end of all deadlines.
    #[error("the guest was not done within {0:?}")]
    Overrun(Duration),
    /// The guest's kernel panicked.
    #[error("guest kernel: {0}")]
    Panic(String),
    /// The results port carried bytes that are not frames of this boot.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// A frame of this boot with an invalid payload.
    #[error("a frame without a valid message: {0}")]
    Message(String),
    /// QEMU ended before the agent reported that it was done.
    #[error("QEMU ended ({0}) after {1} steps, before the agent was done")]
    Died(ExitStatus, usize),
    /// The agent reported that it was done, and plan or exit code do not fit.
    #[error("the agent was done after {steps} steps by its own account, but {disagreement}")]
    Disagree {
        /// The agent's count.
        steps: usize,
        /// What does not fit.
        disagreement: String,
    },
}

/// The output of a VM.
#[derive(Debug, Default, Clone)]
pub struct Transcript {
    /// The first serial port.
    pub console: String,
    /// QEMU's own messages.
    pub qemu: String,
    /// Names of the steps that were reported.
    pub steps: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cause)?;
        write!(f, "{}", self.transcript)
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in [("console", &self.console), ("qemu", &self.qemu)] {
            for line in text.lines() {
                // The guest can write anything: escape sequences must not reach our terminal.
                writeln!(f, "  {name}| {}", printable(line))?;
            }
        }
        write!(f, "  steps reported: {}", self.steps.join(", "))
    }
}

fn printable(line: &str) -> String {
    line.trim_end_matches('\r').chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A started VM.
pub struct Vm {
    child: Child,
    events: Receiver<Event>,
    begun: Instant,
    /// QEMU's exit status after the agent is done.
    expected: i32,
}

enum Event {
    Console(Vec<u8>),
    Qemu(Vec<u8>),
    Results(Vec<u8>),
    ResultsEnd,
}

/// Held from the making of an inheritable pipe until its write end is closed: a VM that another thread starts in
/// between would inherit it too, and the first one's end would not be seen.
static STARTING: Mutex<()> = Mutex::new(());

impl Vm {
    /// Starts `machine` with `initramfs`.
    pub fn start(machine: &Machine, initramfs: &Path) -> Result<Vm, Failure> {
        let failed = |cause| Failure {
            cause: Cause::Start { program: machine.program.display().to_string(), cause },
            transcript: Transcript::default(),
        };
        // Poisoned only means that another start failed: the lock holds no state.
        let starting = STARTING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (read, write) = rustix::pipe::pipe().map_err(|errno| failed(errno.into()))?;
        rustix::io::fcntl_setfd(&read, rustix::io::FdFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
        let mut child = machine.command(initramfs, &write).spawn().map_err(failed)?;
        drop(write);
        drop(starting);

        let (sender, events) = mpsc::channel();
        forward(child.stdout.take(), sender.clone(), Event::Console, None);
        forward(child.stderr.take(), sender.clone(), Event::Qemu, None);
        forward(Some(std::fs::File::from(read)), sender, Event::Results, Some(Event::ResultsEnd));
        let expected = machine.processor.exit_status(GUEST_DONE);
        Ok(Vm { child, events, begun: Instant::now(), expected })
    }

    /// QEMU's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for `steps` observations and the agent's last message, and ends the VM in any case.
    pub fn run(self, nonce: &Nonce, deadlines: Deadlines, steps: usize) -> Result<Session, Failure> {
        self.run_seen(nonce, deadlines, steps, &|_| {})
    }

    /// The same; `seen` hears how many observations have come since its last call.
    pub(crate) fn run_seen(
        mut self,
        nonce: &Nonce,
        deadlines: Deadlines,
        steps: usize,
        seen: &dyn Fn(usize),
    ) -> Result<Session, Failure> {
        let mut heard = Heard::new(nonce.clone());
        let ended = self.listen(&mut heard, deadlines, seen).and_then(|()| self.conclude(&mut heard, steps));
        // It has ended when all went well; a VM that failed must not go on.
        self.child.kill().ok();
        self.child.wait().ok();
        heard.rest(&self.events);
        match ended {
            Ok(hello) => Ok(heard.session(hello)),
            Err(cause) => Err(heard.failure(cause)),
        }
    }

    /// Until the results port closes, which happens when QEMU ends.
    fn listen(&mut self, heard: &mut Heard, deadlines: Deadlines, seen: &dyn Fn(usize)) -> Result<(), Cause> {
        let mut last_frame = Instant::now();
        loop {
            let (due, cause) = next_deadline(heard, self.begun, last_frame, deadlines);
            match self.events.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Event::ResultsEnd) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(event) => {
                    let (before, steps) = (heard.frames, heard.observations.len());
                    heard.take(event)?;
                    seen(heard.observations.len() - steps);
                    if heard.frames > before {
                        last_frame = Instant::now();
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(heard.panic().unwrap_or(cause)),
            }
        }
    }

    /// After the port has closed: compares frames, plan and exit code.
    fn conclude(&mut self, heard: &mut Heard, planned: usize) -> Result<Hello, Cause> {
        let status = self.child.wait().map_err(|cause| Cause::Start { program: "wait".into(), cause })?;
        heard.rest(&self.events);
        if let Some(panic) = heard.panic() {
            return Err(panic);
        }
        heard.reader.finish()?;
        let done = heard.observations.len();
        let (Some(hello), Some(steps)) = (heard.hello.clone(), heard.done) else {
            return Err(Cause::Died(status, done));
        };
        let expected = self.expected;
        let disagreement = if steps != planned || done != planned {
            format!("{planned} were planned and {done} reported")
        } else if status.code() != Some(expected) {
            format!("QEMU ended with {status} instead of exit code {expected}")
        } else {
            return Ok(hello);
        };
        Err(Cause::Disagree { steps, disagreement })
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Both fail after `run`, which has ended it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn next_deadline(
    heard: &Heard,
    begun: Instant,
    last_frame: Instant,
    deadlines: Deadlines,
) -> (Instant, Cause) {
    let total = (begun + deadlines.total, Cause::Overrun(deadlines.total));
    let phase = match heard.hello {
        None => (begun + deadlines.ready, Cause::NotReady(deadlines.ready)),
        Some(_) => {
            (last_frame + deadlines.silence, Cause::Silent(deadlines.silence, heard.observations.len()))
        }
    };
    if phase.0 < total.0 { phase } else { total }
}

pub(crate) fn forward<R: Read + Send + 'static, T: Send + 'static>(
    source: Option<R>,
    sender: Sender<T>,
    wrap: fn(Vec<u8>) -> T,
    last: Option<T>,
) {
    let Some(mut source) = source else { return };
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        // A read error means the same as the end: nothing more will come.
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            if sender.send(wrap(buffer[..count].to_vec())).is_err() {
                return;
            }
        }
        if let Some(last) = last {
            // The receiver is gone when the VM was given up.
            sender.send(last).ok();
        }
    });
}

/// Everything heard so far.
struct Heard {
    reader: FrameReader,
    frames: usize,
    console: Vec<u8>,
    qemu: Vec<u8>,
    hello: Option<Hello>,
    observations: Vec<Observation>,
    done: Option<usize>,
}

impl Heard {
    fn new(nonce: Nonce) -> Heard {
        Heard {
            reader: FrameReader::new(nonce),
            frames: 0,
            console: Vec::new(),
            qemu: Vec::new(),
            hello: None,
            observations: Vec::new(),
            done: None,
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Cause> {
        match event {
            Event::Console(bytes) => self.console.extend(bytes),
            Event::Qemu(bytes) => self.qemu.extend(bytes),
            Event::Results(bytes) => {
                for payload in self.reader.push(&bytes)? {
                    self.frames += 1;
                    self.message(&payload)?;
                }
            }
            Event::ResultsEnd => {}
        }
        Ok(())
    }

    fn message(&mut self, payload: &[u8]) -> Result<(), Cause> {
        let message = serde_json::from_slice(payload).map_err(|cause| Cause::Message(cause.to_string()))?;
        match message {
            _ if self.done.is_some() => return Err(Cause::Message("more after the agent was done".into())),
            Message::Hello(hello) if self.frames == 1 => self.hello = Some(hello),
            Message::Step(observation) if self.hello.is_some() => self.observations.push(*observation),
            Message::Done { steps } if self.hello.is_some() => self.done = Some(steps),
            _ => return Err(Cause::Message(format!("out of turn as frame {}", self.frames))),
        }
        Ok(())
    }

    /// What the threads still deliver after QEMU has ended. With QEMU the pipes close, and the threads with them: the
    /// time is only for a pipe that another process holds open.
    fn rest(&mut self, events: &Receiver<Event>) {
        while let Ok(event) = events.recv_timeout(Duration::from_secs(10)) {
            // Frames that come now no longer count; console text does.
            self.take(event).ok();
        }
    }

    fn panic(&self) -> Option<Cause> {
        const WORDS: [&str; 4] = ["Kernel panic - not syncing", "Oops: ", "BUG: ", "WARNING: "];
        let console = String::from_utf8_lossy(&self.console);
        let line = console.lines().find(|line| WORDS.iter().any(|word| line.contains(word)))?;
        Some(Cause::Panic(printable(line)))
    }

    fn transcript(&self) -> Transcript {
        Transcript {
            console: String::from_utf8_lossy(&self.console).into_owned(),
            qemu: String::from_utf8_lossy(&self.qemu).into_owned(),
            steps: self.observations.iter().map(|step| step.name.clone()).collect(),
        }
    }

    fn session(self, hello: Hello) -> Session {
        Session {
            hello,
            console: String::from_utf8_lossy(&self.console).into_owned(),
            observations: self.observations,
        }
    }

    fn failure(self, cause: Cause) -> Failure {
        Failure { transcript: self.transcript(), cause }
    }
}
