//! A run under way: the loop that passes streams on, reacts to what happens inside, and ends the run at a limit.

mod warm_up;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use self::warm_up::WarmUp;
use super::drain::{deadline, drain};
use super::line::Line;
use super::signals::Watched;
use super::wait::{Ready, Sources};
use super::{SETUP_LIMIT, Supervision};
use crate::cgroup::{Cgroup, CpuTime};
use crate::channel::{Received, Supervisor};
use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::message::{Message, Turns};
use crate::outcome::{Facts, KillReason, WaitStatus};
use crate::report::Measures;
use crate::sandbox::Sandbox;
use crate::seccomp::{self, Image};
use crate::setup::Setup;
use crate::streams::{self, End, Pump, World};
use crate::sys::fd::Fd;
use crate::sys::{self, Notification, StreamBuffer, Usage};
use crate::terminal::{self, Caller};
use crate::watch::Watch;

/// PID 1 reports the submission's end within a millisecond, and one that is being made ends within a few, but on a machine
/// with many more tasks than CPUs both wait for seconds. One that takes this long has been stopped from outside.
const GRACE: u64 = 10_000_000_000;

/// Ctrl-D: what a terminal's reader takes for the end of input (termios(3), VEOF).
const END_OF_TRANSMISSION: u8 = 4;

/// A run under way.
pub(super) struct Run<'a> {
    setup: &'a Setup<'a>,
    sandbox: &'a mut Sandbox,
    channel: &'a Supervisor,
    signals: &'a Watched,
    watch: Watch<'a>,
    /// When the caller began to wait for the submission.
    started: u64,
    /// Where the caller says when the submission may start; until then.
    start_on: Option<BorrowedFd<'static>>,
    /// Of a submission that gets ready before its run starts.
    warm_up: Option<WarmUp>,
    pumps: [Option<Pump<'static>>; 3],
    /// What is to be connected to the terminal of `--tty`; until that is made.
    for_terminal: Option<(World, &'static mut [StreamBuffer; 3])>,
    master: Option<Fd>,
    /// The caller's own terminal.
    caller: Option<Caller>,
    error: Option<Error>,
    not_executed: Option<Errno>,
    exit: Option<Exit>,
    turns: Option<Turns>,
    killed_for: Option<KillReason>,
    /// Whether every process in the sandbox has closed the channel: it would always be ready.
    peer_hung_up: bool,
    /// When PID 1, which should have reported the submission's end by then, is killed too.
    kill_deadline: Option<u64>,
    /// Whether PID 1 learns of forbidden calls.
    is_listened_to: bool,
    forbidden: Option<Notification>,
    line: Line,
}

/// How the submission's main process ended.
#[derive(Clone, Copy)]
struct Exit {
    /// CLOCK_MONOTONIC, in nanoseconds.
    at: u64,
    status: WaitStatus,
    usage: Usage,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        setup: &'a Setup<'_>,
        sandbox: &'a mut Sandbox,
        channel: &'a Supervisor,
        cgroup: Option<Cgroup>,
        supervision: &Supervision<'a>,
        start_on: Option<BorrowedFd<'static>>,
    ) -> Self {
        Run {
            setup,
            sandbox,
            channel,
            signals: supervision.signals,
            watch: Watch::new(setup, cgroup),
            started: supervision.started,
            start_on,
            warm_up: setup.options.warms_up().then(WarmUp::default),
            pumps: [const { None }; 3],
            for_terminal: None,
            master: None,
            caller: None,
            error: None,
            not_executed: None,
            exit: None,
            turns: None,
            killed_for: None,
            peer_hung_up: false,
            kill_deadline: None,
            is_listened_to: false,
            forbidden: None,
            line: Line::new(setup),
        }
    }

    /// From "go" until no process of the sandbox but PID 1 lives and all that the submission wrote is passed on.
    pub(super) fn go(
        &mut self,
        world: World,
        pipes: Option<[Fd; 3]>,
        buffers: &'static mut [StreamBuffer; 3],
    ) -> Result<(), Error> {
        match pipes {
            Some(pipes) => self.connect_pipes(world, pipes, buffers)?,
            None if self.setup.options.tty => self.for_terminal = Some((world, buffers)),
            None => {} // `--without streams`: the submission has ours
        }
        if self.warms_up().is_some() {
            let _ = self.channel.send_go(); // as below
        }
        self.send_go_if_ready();
        let result = self.watch_until_end();
        // Nothing may live that could write when the last output is collected, or collecting would not end. PID 1 reports
        // the submission's end after it has killed all others. Where it has not, and takes us for dead, it does the same,
        // and removes the cgroup: if we killed it and were killed in turn, the cgroup would stay.
        let result = match self.exit {
            Some(_) => result,
            None => {
                self.channel.hang_up();
                // Of a submission that is made by now it tells before it sees that; one that is made later it ends itself.
                self.receive_all();
                result.and(self.sandbox.end(GRACE))
            }
        };
        self.receive_all();
        self.line.step_back();
        let drained = self.drain_output(result.is_ok());
        if let Some(caller) = &mut self.caller {
            caller.restore(sys::stdio(0));
        }
        result.and(drained).and_then(|()| self.check_streams())
    }

    /// Whether all passes. Input that cannot be read and output that a full disk does not take would make the verdict one
    /// about another run.
    fn check_streams(&self) -> Result<(), Error> {
        for (number, pump) in (0..).zip(&self.pumps) {
            let Some(errno) = pump.as_ref().and_then(|pump| pump.failed) else { continue };
            let call = if number == 0 { Call::Read } else { Call::Write };
            return Err(at(Step::Streams, call, Subject::Stream(number))(errno));
        }
        Ok(())
    }

    /// Of each output stream alone. What comes from the caller has no cap.
    fn output_cap(&self) -> Option<u64> {
        self.setup.options.limits.output.filter(|_| self.setup.has(Guard::OutputCap))
    }

    fn connect_pipes(
        &mut self,
        world: World,
        pipes: [Fd; 3],
        buffers: &'static mut [StreamBuffer; 3],
    ) -> Result<(), Error> {
        let cap = self.output_cap();
        let ([stdin, stdout, stderr], [source, output, errors]) = (pipes, world.ends);
        let [for_stdin, for_stdout, for_stderr] = buffers;
        self.pumps = [
            world.input.is_none().then(|| Pump::new(source, End::own(stdin), None, for_stdin)),
            Some(Pump::new(End::own(stdout), output, cap, for_stdout)),
            Some(Pump::new(End::own(stderr), errors, cap, for_stderr)),
        ];
        // The pumps alone have these now, and close them as soon as the submission does. stderr stays: init says there
        // that it cannot write the report, or that it has a bug.
        streams::release_standard(false)
    }

    /// The master has come from inside.
    fn connect_terminal(&mut self, master: Fd) {
        let Some((world, buffers)) = self.for_terminal.take() else { return };
        // Without a reader inside, writing would put us to sleep. The description is ours alone.
        let unblocked = rustix::io::ioctl_fionbio(&master, true);
        if let (Ok(to), Ok(from), Ok(())) = (master.duplicate(), master.duplicate(), unblocked) {
            let cap = self.output_cap();
            let ([source, output, _], [for_stdin, for_stdout, _]) = (world.ends, buffers);
            let stdin = Pump::new(source, End::own(to), None, for_stdin).with_end_mark(END_OF_TRANSMISSION);
            self.pumps = [Some(stdin), Some(Pump::new(End::own(from), output, cap, for_stdout)), None];
        }
        self.caller = Some(Caller::take_over(sys::stdio(0), master.as_fd()));
        self.master = Some(master);
        self.send_go_if_ready();
    }

    fn watch_until_end(&mut self) -> Result<(), Error> {
        loop {
            let now = clock::now();
            if self.kill_deadline.is_some_and(|at| now >= at) {
                return Ok(());
            }
            let wake = self.next_wake(now)?;
            let ready = self.wait(wake.map(|wake| wake.saturating_sub(now)))?;
            if ready.signal {
                self.take_signals()?;
            }
            if ready.start {
                self.take_start()?;
            }
            // Messages first: the last ones are still in the socket when the other end is closed.
            self.receive_all();
            self.peer_hung_up |= ready.hung_up;
            self.turn_pumps(ready.pumps);
            self.check_streams()?;
            // An eventfd of version 1 also becomes ready when its cgroup is removed (cgroup-v1/cgroups.rst): so the
            // count decides.
            if ready.oom && self.watch.oom_kills().is_some_and(|kills| kills > 0) {
                self.kill(KillReason::Memory);
            }
            if ready.ended || self.exit.is_some() {
                return Ok(());
            }
        }
    }

    fn turn_pumps(&mut self, ready: [[bool; 2]; 3]) {
        if ready.as_flattened().contains(&true) {
            self.line.step_back();
        }
        streams::turn(&mut self.pumps, ready);
        if self.pumps.iter().flatten().any(|pump| pump.truncated) {
            self.kill(KillReason::Output);
        }
    }

    /// Kills the run at a limit that is reached; returns when to look again (`None`: when something happens).
    fn next_wake(&mut self, now: u64) -> Result<Option<u64>, Error> {
        let wake = match self.watch.look(now) {
            Ok(wake) => wake,
            Err(reason) => {
                self.kill(reason);
                None
            }
        };
        match self.kill_deadline {
            // Waiting for the caller is not part of set-up, and may last.
            None if self.waits_for_caller() => Ok(None),
            None if !self.watch.is_running() => self.set_up_by(now).map(Some),
            deadline => Ok(deadline.or(wake)),
        }
    }

    /// When set-up must be over.
    fn set_up_by(&self, now: u64) -> Result<u64, Error> {
        let end = self.started + SETUP_LIMIT;
        if now < end { Ok(end) } else { Err(at(Step::Supervise, Call::Poll, Subject::None)(Errno::TIMEDOUT)) }
    }

    fn wait(&mut self, sleep: Option<u64>) -> Result<Ready, Error> {
        if self.line.can_step_forward() {
            // As long as there is something to do, this is an ordinary process's work.
            let ready = self.sources().wait(Some(0))?;
            if ready.any {
                return Ok(ready);
            }
            self.line.step_forward();
        }
        self.sources().wait(sleep)
    }

    fn sources(&self) -> Sources<'_> {
        // What is for the submission stays where it is until there is one.
        let is_started =
            self.start_on.is_none() && self.warms_up().is_none_or(|warm_up| warm_up.used.is_some());
        Sources {
            signals: self.signals.as_fd(),
            sandbox: Some(self.sandbox.as_fd()),
            channel: Some(self.channel.as_fd()).filter(|_| !self.peer_hung_up),
            oom_notice: self.watch.oom_notice(),
            pumps: if is_started { streams::wanted(&self.pumps) } else { [const { [None, None] }; 3] },
            start_on: self.start_on,
        }
    }

    fn take_signals(&mut self) -> Result<(), Error> {
        if self.signals.take()?
            && let Some(master) = &self.master
        {
            terminal::follow_size(sys::stdio(0), master.as_fd());
        }
        Ok(())
    }

    /// The "go" that the caller has kept back comes now, or not at all.
    fn take_start(&mut self) -> Result<(), Error> {
        let Some(start_on) = self.start_on.take() else { return Ok(()) };
        if rustix::io::read(start_on, &mut [0]) != Ok(1) {
            return Err(at(Step::Start, Call::Read, Subject::StartOn)(Errno::CANCELED));
        }
        // The wait was the caller's wish: `setup_us` and the limit of set-up count from here.
        self.started = clock::now();
        self.send_go_if_ready();
        Ok(())
    }

    fn receive_all(&mut self) {
        while let Some(received) = self.channel.receive() {
            self.handle(received);
        }
    }

    fn handle(&mut self, received: Received) {
        match received.message {
            Message::Started { at, cpu } => self.start(at, cpu, received.sender),
            Message::Warm => self.note_warm(),
            Message::Exited { at, status, usage } => {
                if self.warms_up().is_some() && self.watch.started_at().is_none() {
                    self.ended_early();
                }
                self.exit = Some(Exit { at, status: WaitStatus(status), usage });
            }
            Message::Made { is_heard } => {
                self.sandbox.set_submission(received.descriptor);
                self.is_listened_to = is_heard;
                // On a busy machine it may have reached a limit by now.
                if self.kill_deadline.is_some() {
                    self.sandbox.stop();
                }
            }
            // Before the start it could only be a call of ours, that a policy of the operator's forbids.
            Message::Forbidden(_) if self.watch.started_at().is_none() => {
                self.fail(at(Step::Seccomp, Call::Seccomp, Subject::Policy)(Errno::PERM));
            }
            Message::Forbidden(call) => {
                if self.killed_for.is_none() {
                    self.forbidden = Some(call);
                }
                self.kill(KillReason::Forbidden);
            }
            Message::Terminal => {
                received.descriptor.into_iter().for_each(|master| self.connect_terminal(master))
            }
            Message::Turns(turns) => self.turns = Some(turns),
            Message::NotExecuted(errno) => self.not_executed = Some(errno),
            Message::Failed(error) => self.fail(error),
        }
    }

    /// Kills the submission. The first reason stays.
    fn kill(&mut self, reason: KillReason) {
        if self.killed_for.is_none() {
            self.killed_for = Some(reason);
            self.cut_short();
        }
    }

    /// Set-up has failed: no submission runs.
    fn fail(&mut self, error: Error) {
        self.error = Some(error);
        self.cut_short();
    }

    /// Kills the submission, if it is made. PID 1 then reports its end, as it does when it fails itself.
    fn cut_short(&mut self) {
        // Once it is killed, a look at its limits could only find more of them, and wake us for nothing.
        self.watch.stop();
        self.sandbox.stop();
        self.kill_deadline = Some(clock::now() + GRACE);
    }

    /// Passes on what is left in the pipes when all writers are dead.
    fn drain_output(&mut self, watched_to_the_end: bool) -> Result<(), Error> {
        // No process is left to read.
        self.pumps[0] = None;
        let ended_by_itself = watched_to_the_end && self.killed_for.is_none() && self.error.is_none();
        let started = self.watch.started_at().unwrap_or(self.started);
        drain(&mut self.pumps, self.signals, deadline(self.setup.options, started, ended_by_itself))
    }

    /// Hands over what was seen and measured.
    pub(super) fn collect_results(
        &self,
        policy: Option<&Image<'static>>,
        facts: &mut Facts,
        measures: &mut Measures,
    ) {
        let usage = self.exit.map(|exit| exit.usage);
        let by_processes = usage.map(|usage| {
            let used = CpuTime { total: usage.user + usage.system, user: usage.user };
            self.warms_up().map_or(used, |warm_up| self.watch.since_start(warm_up.used.unwrap_or(0), used))
        });
        let ended_at = self.exit.map_or_else(clock::now, |exit| exit.at);
        let started_at = self.watch.started_at();
        let passed = |index: usize| self.pumps[index].as_ref().map(Pump::passed);
        let undelivered = |index: usize| self.pumps[index].as_ref().map_or(0, Pump::undelivered);
        let oom_kills = self.watch.oom_kills();
        *facts = Facts {
            error: self.error,
            not_executed: self.not_executed,
            killed_for: self.killed_for,
            end: self.exit.map(|exit| exit.status),
            cpu: self.watch.cpu_time().or(by_processes),
            wall: started_at.map(|started| ended_at.saturating_sub(started)),
            waited: self.watch.waited(),
            oom_kills,
            // Files of a cgroup take long to open the first time: the kernel makes an inode for each.
            oom_is_own: oom_kills.is_some_and(|kills| kills > 0) && self.watch.oom_is_own(),
            listened: self.is_listened_to,
            truncated: self.pumps.iter().flatten().any(|pump| pump.truncated),
            undelivered: [undelivered(1), undelivered(2)],
        };
        let name = |call| policy.map_or(&b""[..], |policy| seccomp::name(call, policy));
        *measures = Measures {
            setup: started_at.map(|at| at.saturating_sub(self.started)),
            memory_peak: self.watch.memory_peak().or(usage.map(|usage| usage.max_rss)),
            pids_peak: self.watch.pids_peak(),
            // Those of a warm-up cannot be told from those of the run.
            turns: self.turns.filter(|_| !self.setup.options.warms_up()),
            throttled: self.watch.throttled(),
            output: [passed(1), passed(2)],
            forbidden: self.forbidden.map(|call| (call.number, name(call))),
            ..*measures
        };
    }
}
