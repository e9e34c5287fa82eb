//! PID 1 of the sandbox: builds it, starts the submission as its PID 2, reaps, and reports how the submission ended.
//!
//! It also learns of forbidden system calls (seccomp.rs). It kills what the submission left, reports, and lives until the supervisor ends it. When the supervisor dies
//! instead, PID 1 removes the cgroup. When PID 1 is killed, the kernel kills all that is left (pid_namespaces(7)).

use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait};

use crate::cgroup::{Place, Version};
use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::message::{Message, Turns};
use crate::mounts::Devices;
use crate::namespaces::Network;
use crate::preparation::Preparation;
use crate::seccomp::{Filters, Listener};
use crate::setup::Setup;
use crate::streams::JobStreams;
use crate::streams::input::{self, Later};
use crate::sys::fd::Fd;
use crate::sys::{self, Forked, Notification, Signals};
use crate::{clock, credentials, inherited, job, mounts, namespaces, streams, terminal, waiting};

/// The signals that PID 1 sleeps on: a child ended, or (as parent death signal) the supervisor did.
const AWAITED: Signals = Signals::of(&[SIGCHLD, SIGTERM]);
const SIGALRM: u8 = 14;
const SIGCHLD: u8 = 17;
const SIGTERM: u8 = 15;

/// The whole life of PID 1. All signals are blocked, and stay so.
pub(crate) fn run(mut preparation: Preparation<'_>) -> ! {
    // From here on what the caller ignores means nothing.
    sys::default_signal_actions(inherited::ENDING);
    let started = match build(&mut preparation) {
        Ok(Some(built)) => start(&mut preparation, built.terminal),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    live(preparation, started)
}

/// What stands before the caller's "go".
pub(crate) struct Built {
    pub(crate) devices: Devices,
    terminal: Option<Fd>,
}

/// From the start of the submission, which there may not be, to the end of PID 1.
pub(crate) fn live(
    mut preparation: Preparation<'_>,
    started: Result<Option<(Pid, Option<Listener>)>, Error>,
) -> ! {
    // A pipe's reader sees its end when the last writer has closed it (pipe(7)): that must not be this process.
    drop(preparation.streams.take());
    let started = match started {
        Ok(Some((submission, listener))) if preparation.setup.options.warms_up() => {
            warm_up(&mut preparation, submission, listener)
        }
        started => started,
    };
    match started {
        Ok(Some((submission, listener))) => {
            reap(&preparation.channel, submission, listener, WaitOptions::NOHANG);
        }
        Ok(None) => {} // the supervisor died meanwhile
        Err(error) => {
            preparation.channel.send(Message::Failed(error));
            // Of a submission whose birth could not be reported, too.
            kill_all_others();
            preparation.channel.send(Message::Exited { at: 0, status: 0, usage: sys::children_usage().0 });
        }
    }
    // The supervisor reports, removes the cgroup, and ends us. If it is killed before that, its end of the channel closes
    // and the cgroup is left to us.
    preparation.channel.outlive_supervisor();
    clean_up(preparation.place);
    sys::exit(0)
}

/// Has the submission get ready until it stops itself, and go on when the supervisor says so; `None` when one of them died
/// meanwhile.
fn warm_up(
    preparation: &mut Preparation<'_>,
    submission: Pid,
    listener: Option<Listener>,
) -> Result<Option<(Pid, Option<Listener>)>, Error> {
    let channel = &preparation.channel;
    let with_stops = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    let Some(listener) = reap(channel, submission, listener, with_stops) else { return Ok(None) };
    channel.send(Message::Warm);
    if !wait_for_go(channel, submission)? {
        return Ok(None);
    }
    let kept = preparation.later.take().map_or(Ok(()), Later::keep);
    kept.map_err(at(Step::Streams, Call::Read, Subject::Stream(0)))?;
    channel.send(Message::Started { at: clock::now(), cpu: 0 });
    let told = rustix::process::kill_process(submission, Signal::CONT);
    told.map_err(at(Step::Start, Call::Kill, Subject::None))?;
    Ok(Some((submission, listener)))
}

/// Waits until a submission that is stopped may go on; false when it or the supervisor died instead.
fn wait_for_go(channel: &Inside, submission: Pid) -> Result<bool, Error> {
    let signals = sys::signalfd(Signals::of(&[SIGCHLD]));
    let signals = signals.map_err(at(Step::Start, Call::Signalfd, Subject::None))?;
    loop {
        let has_word = channel.is_ready_before(signals.as_fd());
        // One signal may stand for several children, as in `reap`. Also when there is a word: one that ended before it must
        // not seem to have started.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == submission {
                report_end(channel, clock::now(), status, None, 0);
                return Ok(false);
            }
        }
        if has_word {
            return Ok(channel.wait_for_go().is_some());
        }
        let _ = rustix::io::read(&signals, &mut [0; 128]); // it does not sleep: it is ready
    }
}

/// Builds the sandbox; `None` when the supervisor died meanwhile.
pub(crate) fn build(preparation: &mut Preparation<'_>) -> Result<Option<Built>, Error> {
    // Before anything else: the caller's own streams must be open nowhere but in the supervisor.
    streams::release_standard(true)?;
    let scratch = preparation.scratch.take();
    let Preparation { setup, channel, input, streams: job_streams, policy, filters, .. } = preparation;
    if setup.has(Guard::UserNamespace) && !map_user_namespace(setup, channel)? {
        return Ok(None);
    }
    // After the change of user, which would undo it (prctl(2), PR_SET_PDEATHSIG).
    hear_of_supervisors_death()?;
    inherited::be_first_for_the_oom_killer()?;
    namespaces::set_host_name(setup)?;
    if let Some(JobStreams { ends: [stdin, ..] }) = job_streams {
        input::show(input, stdin);
    }
    let devices = mounts::enter(setup, scratch)?;
    *filters = policy.as_ref().map(|policy| Filters::new(policy, setup, devices));
    let network = Network::of(setup);
    if network == Network::Supervisor {
        let Some(made) = channel.wait_for_go() else { return Ok(None) };
        namespaces::enter_network(made)?;
    }
    namespaces::raise_loopback(setup, network)?;
    let terminal = if setup.options.tty { Some(terminal::open(setup.ids.inside, channel)?) } else { None };
    Ok(Some(Built { devices, terminal }))
}

/// Starts the submission; `None` when the supervisor died meanwhile.
pub(crate) fn start(
    preparation: &mut Preparation<'_>,
    terminal: Option<Fd>,
) -> Result<Option<(Pid, Option<Listener>)>, Error> {
    let Preparation { setup, place, channel, input, later, streams: job_streams, filters, .. } = preparation;
    // The supervisor makes the run's cgroup meanwhile, and waits for `--start-on`.
    if channel.wait_for_go().is_none() {
        return Ok(None);
    }
    if let Some(JobStreams { ends: [stdin, ..] }) = job_streams {
        let made = match setup.options.warms_up() {
            true => input::promise(input, stdin).map(|promised| *later = promised),
            false => input::copy(input, stdin),
        };
        made.map_err(at(Step::Streams, Call::Read, Subject::Stream(0)))?;
    }
    let born_into = match place {
        Some(place) if place.version == Version::V2 => Some(place.open()?),
        _ => None,
    };
    // Before the submission's process exists, which could look into this one. It inherits the flag, and execve(2)
    // sets it back for its own program (prctl(2), PR_SET_DUMPABLE).
    credentials::undumpable(setup)?;
    let listener = filters.as_mut().map_or(Ok(None), Filters::listen);
    let listener = listener.map_err(at(Step::Seccomp, Call::Seccomp, Subject::None))?;
    let is_heard = listener.as_ref().is_some_and(|listener| listener.hears_all);
    let submission = fork_submission(preparation, terminal, born_into, is_heard)?;
    credentials::drop_init()?;
    // `ps` shows PID 1 as `init`, and nothing of how it was called.
    preparation.argv.overwrite(b"init");
    Ok(Some((submission, listener)))
}

/// Makes this process root of its user namespace; false when the supervisor died meanwhile.
fn map_user_namespace(setup: &Setup<'_>, channel: &Inside) -> Result<bool, Error> {
    match setup.identity.privileged {
        true if channel.wait_for_go().is_none() => return Ok(false),
        // The supervisor has mapped it, and made it as another user.
        true => credentials::act_as(0, 0)?,
        false => namespaces::map_ids(setup, b"self", false)?,
    }
    Ok(true)
}

/// All signals are blocked: SIGTERM ends a wait, and does not kill (prctl(2), PR_SET_PDEATHSIG). A supervisor that died
/// before this call is noticed all the same, by its end of the channel.
fn hear_of_supervisors_death() -> Result<(), Error> {
    let asked = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    asked.map_err(at(Step::Start, Call::Prctl, Subject::None))
}

fn fork_submission(
    preparation: &Preparation<'_>,
    terminal: Option<Fd>,
    born_into: Option<Fd>,
    is_heard: bool,
) -> Result<Pid, Error> {
    // No namespace flag: the process is born into those of PID 1.
    let forked = sys::clone3(0, born_into.as_ref().map(Fd::as_fd));
    match forked.map_err(at(Step::Start, Call::Clone3, Subject::None))? {
        Forked::Parent { pid, pidfd } => {
            let sent = preparation.channel.send_with(Message::Made { is_heard }, pidfd.as_fd());
            sent.map(|()| pid).map_err(at(Step::Start, Call::Write, Subject::None))
        }
        Forked::Child => {
            let message = match job::exec(preparation, terminal) {
                job::Failure::Setup(error) => Message::Failed(error),
                job::Failure::Exec(errno) => Message::NotExecuted(errno),
            };
            preparation.channel.send(message);
            sys::exit(125)
        }
    }
}

/// Reaps everything, until the submission's main process has ended (then kills what it left, and reports), or the
/// supervisor has. With UNTRACED among the options it comes back, with the listener, when the main process has stopped.
///
/// A forbidden call is reported as soon as it is made, or when all others are dead at the latest.
fn reap(
    channel: &Inside,
    submission: Pid,
    mut listener: Option<Listener>,
    options: WaitOptions,
) -> Option<Option<Listener>> {
    if listener.is_some() {
        sys::let_interrupt(AWAITED.and(SIGALRM));
    }
    loop {
        // All that have ended: one SIGCHLD may stand for several, as pending signals do not queue (signal(7)).
        loop {
            // Before the process is reaped: its files in /proc go with it.
            let waited = waiting::before_reaping(submission);
            let Ok(Some((pid, status))) = wait(options) else { break };
            if cfg!(feature = "serve") && status.stopped() {
                if pid == submission {
                    return Some(listener);
                }
            } else if pid == submission {
                // The run's wall time ends here, whatever it takes to kill the rest.
                report_end(channel, clock::now(), status, listener, waited);
                return None;
            }
        }
        if !channel.supervisor_lives() {
            return None;
        }
        // An interruption is answered by looking again.
        let found = match &listener {
            Some(waited_on) => forbidden(sys::seccomp_receive(waited_on.fd.as_fd(), AWAITED)),
            None => sys::wait_signal(AWAITED).ok().and(None),
        };
        if let Some(found) = found {
            channel.send(found);
            // One is enough. It stays open, or the call would return.
            core::mem::forget(listener.take());
        }
    }
}

/// Kills what the submission left, and reports its end.
fn report_end(channel: &Inside, at: u64, status: WaitStatus, listener: Option<Listener>, waited: u64) {
    // Before the usage is read: getrusage(2) counts children only once they are reaped.
    kill_all_others();
    if let Some(found) = listener.and_then(|listener| look_for_forbidden(&listener.fd)) {
        channel.send(found);
    }
    let (usage, forced) = sys::children_usage();
    channel.send(Message::Turns(Turns { waited, forced }));
    channel.send(Message::Exited { at, status: status.as_raw(), usage });
}

/// What to report of an attempt to take a forbidden call that waits.
fn forbidden(taken: Result<Notification, Errno>) -> Option<Message> {
    match taken {
        // A signal came; AGAIN: before it could be tried.
        Err(Errno::INTR | Errno::AGAIN) => None,
        // ENOENT: it was made, but a signal has ended its wait.
        taken => Some(Message::Forbidden(taken.unwrap_or_default())),
    }
}

/// Whether any forbidden call was made that was not taken yet. For that the kernel has no call that does not wait: a timer
/// ends the wait.
fn look_for_forbidden(listener: &Fd) -> Option<Message> {
    // In microseconds. More each time that the signal comes before the wait begins: under a tracer that takes long.
    let mut patience = 16;
    loop {
        sys::alarm_after(patience);
        let taken = sys::seccomp_receive(listener.as_fd(), Signals::of(&[SIGALRM]));
        match taken {
            Err(Errno::AGAIN) => patience = 500_000.min(patience * 2),
            taken => return forbidden(taken),
        }
    }
}

/// Kills and reaps every process of the sandbox but this one.
fn kill_all_others() {
    // Only as PID 1 of a namespace of our own: with `--without pid-namespace`, -1 means every process of the machine.
    if rustix::process::getpid() == Pid::INIT {
        // ESRCH: none is left but those that are to be reaped. EPERM: a filter of the host refuses it; then they would
        // not end, but will with this process.
        if rustix::process::kill_process_group(ALL_OTHERS, Signal::KILL) != Err(Errno::PERM) {
            while wait(WaitOptions::empty()).is_ok() {}
        }
    }
}

/// The supervisor's last duties, when it died before it could do them: no process lives on, and no cgroup stays.
fn clean_up(place: Option<&Place>) {
    kill_all_others();
    // Not as long as there is one to reap (supervise/remains.rs).
    if let (Some(place), Err(Errno::CHILD)) = (place, wait(WaitOptions::NOHANG)) {
        place.remove();
    }
}

/// kill(2) with pid -1, which is what the process group 1 comes to: every process but PID 1 itself.
const ALL_OTHERS: Pid = Pid::INIT;
