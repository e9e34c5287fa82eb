//! The supervisor: makes the sandbox, watches it, ends it at a limit, and tells what happened.
//!
//! One thread, one loop over ppoll(2): messages from inside, the streams, signals, and the nearest moment at which
//! a limit could be reached. It never opens, changes or follows a path that a submission can write.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::cgroup::{Cgroup, CpuTime, Place};
use crate::channel::{self, Received, Supervisor};
use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::ids;
use crate::message::{Message, Usage};
use crate::mounts::{self, Devices};
use crate::namespaces::{self, Network};
use crate::options::{Destination, Options};
use crate::outcome::{Cause, Facts, Outcome, Status, WaitStatus, judge};
use crate::pid1::{self, Preparation};
use crate::report::{self, Measures};
use crate::sandbox::Sandbox;
use crate::seccomp::{self, Image, Violation};
use crate::streams::{self, End, Pump};
use crate::sys::fd::Fd;
use crate::sys::{self, Args, Forked, Signals};
use crate::terminal::{self, Caller};
use crate::text::Text;
use crate::watch::Watch;

/// HUP, INT, QUIT and TERM end a run, and the report says so; the last follows the caller's terminal.
const WATCHED: Signals = Signals::of(&[1, 2, 3, 15, SIGWINCH]);
const SIGWINCH: u8 = 28;

/// Set-up takes milliseconds. One that takes this long hangs (a network file system under the root, say).
const SETUP_LIMIT: u64 = 30_000_000_000;

/// PID 1 tells of the submission's end within a millisecond. One that takes this long has been stopped, by somebody outside.
const GRACE: u64 = 1_000_000_000;

/// Ctrl-D: what a terminal's reader takes for the end of input (termios(3), VEOF).
const END_OF_TRANSMISSION: u8 = 4;

/// Does one run. Returns the exit code of the whole program.
pub fn run(mut options: Options<'_>, arguments: Args<'_>, started: u64) -> u8 {
    let report = match options.report.map(open_report).transpose() {
        Ok(report) => report,
        Err(error) => return finish(&options, None, &failure(error), &Measures::default()),
    };
    let mut facts = Facts::default();
    let mut measures = Measures::default();
    if let Err(error) = attempt(&mut options, arguments, started, &mut facts, &mut measures) {
        facts.error = Some(error);
    }
    let outcome = judge(&facts, &options.limits);
    finish(&options, report.as_ref(), &outcome, &measures)
}

fn failure(error: Error) -> Outcome {
    Outcome { status: Status::SandboxError, exit_code: None, signal: None, error: Some(error) }
}

fn open_report(destination: Destination<'_>) -> Result<End, Error> {
    let fail = at(Step::Streams, Call::Open, Subject::Report);
    match destination {
        Destination::Stdout => Ok(End::Standard(sys::stdio(1))),
        Destination::Fd(number) => sys::fd::inherited(number).map(End::Opened).map_err(fail),
        Destination::Path(path) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOCTTY;
            sys::fd::open(path, flags, Mode::from_raw_mode(0o644)).map(End::Opened).map_err(fail)
        }
    }
}

/// Everything from the first preparation to the last measurement.
fn attempt(
    options: &mut Options<'_>,
    arguments: Args<'_>,
    started: u64,
    facts: &mut Facts,
    measures: &mut Measures<'_>,
) -> Result<(), Error> {
    let identity = Identity::current();
    identity.note_missing(options);
    let place = Place::find(options)?;
    measures.cgroup = place.as_ref().map(|place| place.version);
    // Held until the end.
    let _uid = ids::settle(options, identity)?;
    let world = World::open(options)?;
    let start_on = options.start_on.map(|number| sys::fd::inherited(number).map(Fd::for_good)).transpose();
    let start_on = start_on.map_err(at(Step::Start, Call::Dup, Subject::StartOn))?;
    let policy = seccomp::load(options.seccomp, &mut options.guards)?;
    let (sandbox, channel, pipes) = start(options, identity, place.as_ref(), policy, arguments)?;
    // From here on there is a sandbox: whatever happens, it ends with what follows, and then its cgroup goes.
    let cgroup = place.as_ref().map(|place| place.create(options)).transpose();
    let cgroup = cgroup.and_then(|cgroup| options.guards.require().map(|()| cgroup));
    let mut standing = place;
    let result = cgroup.and_then(|cgroup| {
        let mut run = Run::new(options, sandbox, channel, cgroup, started, start_on);
        let result = run.go(world, pipes);
        run.tell(facts, measures);
        // While PID 1 lives, which would do it in our place. (Only a run that failed has none any more.)
        if let Some(place) = standing.take() {
            place.remove();
        }
        let name = |call: &Violation| policy.map_or(&b""[..], |policy| call.name(&policy));
        measures.forbidden = run.forbidden.map(|call| (call.number, name(&call)));
        result
    });
    if let Some(place) = standing {
        place.remove();
    }
    result
}

/// The world's side of the three streams, opened before anything is started.
struct World {
    ends: [End; 3],
}

impl World {
    fn open(options: &Options<'_>) -> Result<World, Error> {
        Ok(World { ends: [End::open(options, 0)?, End::open(options, 1)?, End::open(options, 2)?] })
    }
}

/// Makes PID 1 of the sandbox. Returns it and our ends of everything.
fn start(
    options: &Options<'_>,
    identity: Identity,
    place: Option<&Place>,
    policy: Option<Image<'static>>,
    arguments: Args<'_>,
) -> Result<(Sandbox, Supervisor, Option<[Fd; 3]>), Error> {
    let (ours, theirs) = channel::pair().map_err(at(Step::Start, Call::Socket, Subject::None))?;
    let (our_pipes, their_pipes) = match (options.tty, options.guards.has(Guard::Streams)) {
        (true, _) => (None, None),
        (false, true) => {
            streams::pipes(options, identity).map(|(ours, theirs)| (Some(ours), Some(theirs)))?
        }
        (false, false) => (None, Some(streams::own()?)),
    };
    let scratch = mounts::prepare(options, identity)?;
    let network = Network::of(options, identity);
    let flags = namespaces::flags(options, network);
    match sys::clone3(flags, None).map_err(at(Step::Clone, Call::Clone3, Subject::None))? {
        Forked::Parent { pid, pidfd } => {
            let sandbox = Sandbox::new(pidfd);
            step_aside();
            if identity.privileged && options.guards.has(Guard::UserNamespace) {
                let mut digits = [0; 20];
                let mut name = Text::new(&mut digits);
                name.number(pid.as_raw_nonzero().get() as u64);
                namespaces::map_ids(options, name.as_bytes(), true)?;
                let _ = ours.send_go(); // one that is dead already says why in a message that waits for us
            }
            if network == Network::Supervisor {
                let _ = ours.send_go_with(namespaces::make_network()?.as_fd());
            }
            Ok((sandbox, ours, our_pipes))
        }
        Forked::Child => {
            // Our ends must not live on in here: whoever waits for their closing would wait for ever.
            drop((ours, our_pipes));
            pid1::run(Preparation {
                options,
                identity,
                place,
                policy,
                channel: theirs,
                scratch,
                devices: Devices::Host,
                streams: their_pipes,
                arguments,
            })
        }
    }
}

/// Goes to another CPU, if there is one for us. A new process waits on its parent's until the parent sleeps, although
/// another may be idle; and here both have work for a while.
fn step_aside() {
    let mut cpus = sys::affinity();
    let here = sys::current_cpu();
    // Without it, which moves us (EINVAL: there is no other), and with it again, which does not.
    for _ in 0..2 {
        cpus.flip(here);
        let _ = sys::set_affinity(&cpus);
    }
}

/// A run under way.
struct Run<'a, 'o> {
    options: &'a Options<'o>,
    sandbox: Sandbox,
    channel: Supervisor,
    watch: Watch<'a>,
    /// When somebody began to wait for the submission.
    started: u64,
    /// Where the caller says when the submission may start; until then.
    start_on: Option<BorrowedFd<'static>>,
    pumps: [Option<Pump<'static>>; 3],
    master: Option<Fd>,
    error: Option<Error>,
    not_executed: Option<Errno>,
    exit: Option<(u64, WaitStatus, Usage)>,
    ended_for: Option<Cause>,
    /// Whether nobody in the sandbox holds the channel any more: it would always be ready.
    sandbox_is_deaf: bool,
    /// When PID 1, which should have told by now that the submission is dead, is killed too.
    overdue_at: Option<u64>,
    /// Tells of forbidden calls. It stays open to the end, or the call that it told of would return.
    listener: Option<Fd>,
    /// Whether it has told all that matters: one call, or that nobody is left to make one.
    listener_is_done: bool,
    forbidden: Option<Violation>,
}

impl<'a, 'o> Run<'a, 'o> {
    fn new(
        options: &'a Options<'o>,
        sandbox: Sandbox,
        channel: Supervisor,
        cgroup: Option<Cgroup>,
        started: u64,
        start_on: Option<BorrowedFd<'static>>,
    ) -> Self {
        Run {
            options,
            sandbox,
            channel,
            watch: Watch::new(options, cgroup),
            started,
            start_on,
            pumps: [const { None }; 3],
            master: None,
            error: None,
            not_executed: None,
            exit: None,
            ended_for: None,
            sandbox_is_deaf: false,
            overdue_at: None,
            listener: None,
            listener_is_done: false,
            forbidden: None,
        }
    }

    /// From the word "go" until nothing of the sandbox lives and all it wrote is passed on.
    fn go(&mut self, world: World, pipes: Option<[Fd; 3]>) -> Result<(), Error> {
        let signals = sys::signalfd(WATCHED).map_err(at(Step::Supervise, Call::Signalfd, Subject::None))?;
        match pipes {
            Some(pipes) => self.connect_pipes(world, pipes),
            None if self.options.tty => self.connect_terminal(world),
            None => {} // `--without streams`: the submission has ours
        }
        let mut caller = self.master.as_ref().map(|master| Caller::take_over(sys::stdio(0), master.as_fd()));
        if self.start_on.is_none() {
            // A sandbox that is dead already says why in a message that waits for us.
            let _ = self.channel.send_go();
        }
        let result = self.watch_until_end(&signals);
        // Whatever ended the watch, nothing may live that could write when the last output is collected. PID 1 says so
        // with the submission's end.
        if self.exit.is_none() {
            self.sandbox.end();
        }
        self.receive_all();
        self.drain_output();
        if let Some(caller) = &mut caller {
            caller.restore(sys::stdio(0));
        }
        result
    }

    fn connect_pipes(&mut self, world: World, pipes: [Fd; 3]) {
        let cap = self.options.limits.output.filter(|_| self.options.guards.has(Guard::OutputCap));
        let ([stdin, stdout, stderr], [source, output, errors]) = (pipes, world.ends);
        let [for_stdin, for_stdout, for_stderr] = sys::stream_buffers();
        self.pumps = [
            Some(Pump::new(source, End::Opened(stdin), None, for_stdin)),
            Some(Pump::new(End::Opened(stdout), output, cap, for_stdout)),
            Some(Pump::new(End::Opened(stderr), errors, cap, for_stderr)),
        ];
    }

    /// The master comes from inside; when the sandbox dies before it sends it, there is nothing to connect.
    fn connect_terminal(&mut self, world: World) {
        let Some(received) = self.channel.wait() else { return };
        self.take(received);
        let Some(master) = &self.master else { return };
        let copies = [master.duplicate(), master.duplicate()];
        let [source, output, _] = world.ends;
        if let [Ok(to), Ok(from)] = copies {
            let [for_stdin, for_stdout, _] = sys::stream_buffers();
            let stdin =
                Pump::new(source, End::Opened(to), None, for_stdin).with_end_mark(END_OF_TRANSMISSION);
            self.pumps = [Some(stdin), Some(Pump::new(End::Opened(from), output, None, for_stdout)), None];
        }
    }

    fn watch_until_end(&mut self, signals: &Fd) -> Result<(), Error> {
        loop {
            let now = clock::now();
            if self.overdue_at.is_some_and(|at| now >= at) {
                return Ok(());
            }
            let wake = match self.watch.look(now) {
                Ok(wake) => wake,
                Err(cause) => {
                    self.end(cause);
                    None
                }
            };
            let wake = match self.overdue_at {
                None if self.start_on.is_some() => None,
                None if !self.watch.is_running() => Some(self.set_up_by(now)?),
                overdue_at => overdue_at.or(wake),
            };
            let ready = self.wait(signals, wake.map(|wake| wake.saturating_sub(now)))?;
            if ready.signal {
                self.take_signals(signals)?;
            }
            if ready.start {
                self.take_start()?;
            }
            self.receive_all();
            self.sandbox_is_deaf |= ready.hung_up;
            for (pump, ready) in self.pumps.iter_mut().zip(ready.pumps) {
                if let (Some(pump), true) = (pump, ready) {
                    pump.turn();
                }
            }
            if self.pumps.iter().flatten().any(|pump| pump.truncated) {
                self.end(Cause::Output);
            }
            if ready.forbidden {
                self.take_forbidden();
            }
            if ready.oom && self.watch.oom_kills().is_some_and(|kills| kills > 0) {
                self.end(Cause::Memory);
            }
            if ready.ended || self.exit.is_some() || self.error.is_some() {
                return Ok(());
            }
        }
    }

    /// When set-up must be over.
    fn set_up_by(&self, now: u64) -> Result<u64, Error> {
        let end = self.started + SETUP_LIMIT;
        if now < end { Ok(end) } else { Err(at(Step::Supervise, Call::Poll, Subject::None)(Errno::TIMEDOUT)) }
    }

    /// Sleeps until something happens or the time is over.
    fn wait(&self, signals: &Fd, sleep: Option<u64>) -> Result<Ready, Error> {
        // Waits for nothing but what ends the loop anyway; a channel without its other end would always be ready.
        let idle = || PollFd::new(&self.sandbox, PollFlags::empty());
        let mut fds = [
            PollFd::new(&self.sandbox, PollFlags::IN),
            PollFd::new(signals, PollFlags::IN),
            if self.sandbox_is_deaf { idle() } else { PollFd::new(&self.channel, PollFlags::IN) },
            self.watch
                .oom_notice()
                .map_or_else(idle, |notice| PollFd::from_borrowed_fd(notice, PollFlags::IN)),
            idle(),
            idle(),
            idle(),
            self.listener
                .as_ref()
                .filter(|_| !self.listener_is_done)
                .map_or_else(idle, |listener| PollFd::new(listener, PollFlags::IN)),
            self.start_on.map_or_else(idle, |start_on| PollFd::from_borrowed_fd(start_on, PollFlags::IN)),
        ];
        for (fd, pump) in fds[4..7].iter_mut().zip(&self.pumps) {
            // What is for the submission stays where it is until there is one.
            let pump = pump.as_ref().filter(|_| self.start_on.is_none());
            if let Some(wanted) = pump.and_then(|pump| pump.wants()) {
                *fd = wanted;
            }
        }
        match poll(&mut fds, sleep.map(clock::timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(at(Step::Supervise, Call::Poll, Subject::None)(errno)),
        }
        let hung_up = fds[2].revents().contains(PollFlags::HUP);
        let ready = fds.map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            hung_up,
            ended: ready[0],
            signal: ready[1],
            oom: ready[3],
            pumps: [ready[4], ready[5], ready[6]],
            forbidden: ready[7],
            start: ready[8],
        })
    }

    fn take_signals(&mut self, signals: &Fd) -> Result<(), Error> {
        while let Some(signal) = sys::read_signal(signals.as_fd()) {
            if signal != SIGWINCH {
                return Err(at(Step::Supervise, Call::Interrupted, Subject::None)(Errno::INTR));
            }
            if let Some(master) = &self.master {
                terminal::follow_size(sys::stdio(0), master.as_fd());
            }
        }
        Ok(())
    }

    /// The word that the caller has kept back comes now, or not at all.
    fn take_start(&mut self) -> Result<(), Error> {
        let Some(start_on) = self.start_on.take() else { return Ok(()) };
        if rustix::io::read(start_on, &mut [0]) != Ok(1) {
            return Err(at(Step::Start, Call::Read, Subject::StartOn)(Errno::CANCELED));
        }
        self.started = clock::now();
        let _ = self.channel.send_go(); // as above
        Ok(())
    }

    /// A forbidden call waits, and ends the run; or all that could make one are gone.
    fn take_forbidden(&mut self) {
        self.listener_is_done = true;
        let Some(listener) = &self.listener else { return };
        let mut fds = [PollFd::new(listener, PollFlags::IN)];
        let polled = poll(&mut fds, Some(&clock::timespec(0)));
        if polled.is_ok() && fds[0].revents().contains(PollFlags::IN) && self.ended_for.is_none() {
            // Whoever made it may be dead by now (ENOENT): that it was made is enough.
            let call = sys::seccomp_receive(listener.as_fd()).ok();
            self.forbidden = call.map(|call| Violation { arch: call.arch, number: call.number });
            self.end(Cause::Forbidden);
        }
    }

    fn receive_all(&mut self) {
        while let Some(received) = self.channel.receive() {
            self.take(received);
        }
    }

    fn take(&mut self, received: Received) {
        match received.message {
            Message::Started { at, cpu } => self.watch.start(at, cpu, received.sender),
            Message::Exited { at, status, usage } => self.exit = Some((at, WaitStatus(status), usage)),
            Message::Made => self.sandbox.has_submission(received.descriptor),
            Message::Listening => self.listener = received.descriptor,
            Message::Terminal => self.master = received.descriptor,
            Message::NotExecuted(errno) => self.not_executed = Some(errno),
            Message::Failed(error) => self.error = Some(error),
        }
    }

    /// Ends the run. The first cause stays.
    fn end(&mut self, cause: Cause) {
        if self.ended_for.is_some() {
            return;
        }
        self.ended_for = Some(cause);
        self.watch.stop();
        self.sandbox.stop();
        self.overdue_at = Some(clock::now() + GRACE);
    }

    /// What is left in the pipes when all writers are dead.
    fn drain_output(&mut self) {
        self.pumps[0] = None;
        for pump in self.pumps.iter_mut().flatten() {
            while let Some(wanted) = pump.wants() {
                if poll(&mut [wanted], None).is_err() {
                    break;
                }
                pump.turn();
            }
        }
    }

    /// Hands over what was seen and measured.
    fn tell(&mut self, facts: &mut Facts, measures: &mut Measures<'_>) {
        let usage = self.exit.map(|(.., usage)| usage);
        let cpu = self
            .watch
            .cpu_time()
            .or_else(|| usage.map(|usage| CpuTime { total: usage.user + usage.system, user: usage.user }));
        let ended_at = self.exit.map_or_else(clock::now, |(at, ..)| at);
        let wall = self.watch.started_at().map(|started| ended_at.saturating_sub(started));
        let passed = |index: usize| self.pumps[index].as_ref().map(|pump| pump.passed);
        *facts = Facts {
            error: self.error,
            not_executed: self.not_executed,
            ended_for: self.ended_for,
            end: self.exit.map(|(_, status, _)| status),
            cpu,
            wall,
            oom_kills: self.watch.oom_kills(),
            listened: self.listener.is_some(),
            truncated: self.pumps.iter().flatten().any(|pump| pump.truncated),
        };
        *measures = Measures {
            cpu,
            wall,
            setup: self.watch.started_at().map(|at| at.saturating_sub(self.started)),
            memory_peak: self.watch.memory_peak().or(usage.map(|usage| usage.max_rss)),
            oom_kills: facts.oom_kills,
            pids_peak: self.watch.pids_peak(),
            output: [passed(1), passed(2)],
            truncated: facts.truncated,
            ..*measures
        };
    }
}

/// What [`Run::wait`] woke up for.
struct Ready {
    ended: bool,
    hung_up: bool,
    signal: bool,
    oom: bool,
    pumps: [bool; 3],
    forbidden: bool,
    start: bool,
}

/// Writes the report, or, when none is wanted, one line for people if there is something to say.
fn finish(options: &Options<'_>, report: Option<&End>, outcome: &Outcome, measures: &Measures<'_>) -> u8 {
    let mut buffer = [0; report::MAX_LEN];
    let mut text = Text::new(&mut buffer);
    match report {
        Some(report) => {
            let uname = rustix::system::uname();
            let measures = Measures { kernel: uname.release().to_bytes(), ..*measures };
            report::render(options, outcome, &measures, &mut text);
            write_all(report, text.as_bytes());
        }
        None if !outcome.is_expected() => {
            match &outcome.error {
                Some(error) => error.render(options, &mut text),
                None => drop(text.push(b"init: ").push(outcome.status.name())),
            }
            text.push(b"\n");
            write_all(&End::Standard(sys::stdio(2)), text.as_bytes());
        }
        None => {}
    }
    outcome.supervisor_code()
}

fn write_all(to: &End, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(_) => return, // nobody is left to tell
        }
    }
}
