//! PID 1 of the sandbox: builds it, starts the submission as its PID 2, reaps, and tells how the submission ended.
//!
//! It kills whatever the submission left, tells, and lives until the supervisor ends it. When the supervisor dies
//! instead, PID 1 removes the cgroup. When PID 1 is killed, the kernel kills all that is left (pid_namespaces(7)).

use rustix::process::{Pid, Signal, WaitOptions, wait};

use crate::cgroup::{Place, Version};
use crate::channel::Inside;
use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::job::{self, JobStreams};
use crate::message::Message;
use crate::mounts::Devices;
use crate::namespaces::Network;
use crate::options::Options;
use crate::seccomp::Image;
use crate::sys::fd::Fd;
use crate::sys::{self, Args, Forked, Signals};
use crate::{credentials, mounts, namespaces, terminal};

/// What the supervisor prepared for the sandbox before it made it.
pub struct Preparation<'a> {
    /// The run.
    pub options: &'a Options<'a>,
    /// Who the supervisor is.
    pub identity: Identity,
    /// The run's cgroup, if any.
    pub place: Option<&'a Place>,
    /// The system calls that the submission may make; `None` if all.
    pub policy: Option<Image<'static>>,
    /// The supervisor's socket.
    pub channel: Inside,
    /// The scratch space, where PID 1 could not make it whole.
    pub scratch: Option<mounts::Scratch>,
    /// Whose the device nodes of the sandbox are, once it has some.
    pub devices: Devices,
    /// The submission's ends of its streams; none with a terminal, which is made inside.
    pub streams: Option<JobStreams>,
    /// This process's argument strings, to be wiped: they name host paths, and /proc/1/cmdline shows them.
    pub arguments: Args<'a>,
}

/// The signals that PID 1 sleeps on: a child ended, or (as parent death signal) the supervisor did.
const AWAITED: Signals = Signals::of(&[SIGCHLD, SIGTERM]);
const SIGCHLD: u8 = 17;
const SIGTERM: u8 = 15;

/// The whole life of PID 1. All signals are blocked, and stay so.
pub fn run(mut preparation: Preparation<'_>) -> ! {
    match start(&mut preparation) {
        Ok(Some(submission)) => {
            // The end of what the submission writes is where its last writer dies: that must not be this process.
            drop(preparation.streams.take());
            reap_until_end(&preparation.channel, submission);
        }
        Ok(None) => {} // the supervisor died meanwhile
        Err(error) => preparation.channel.send(Message::Failed(error)),
    }
    // The supervisor removes the cgroup, then it ends us. Whoever of the two is killed before that leaves it to the other.
    preparation.channel.outlive_supervisor();
    clean_up(preparation.place);
    sys::exit(0)
}

/// Builds the sandbox and starts the submission; `None` when the supervisor died meanwhile.
fn start(preparation: &mut Preparation<'_>) -> Result<Option<Pid>, Error> {
    let scratch = preparation.scratch.take();
    let Preparation { options, identity, place, channel, devices, .. } = preparation;
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).map_err(at(
        Step::Start,
        Call::Prctl,
        Subject::None,
    ))?;
    if options.guards.has(Guard::UserNamespace) {
        match identity.privileged {
            true if channel.wait_for_go().is_none() => return Ok(None),
            true => {} // the supervisor has mapped it
            false => namespaces::map_ids(options, b"self", false)?,
        }
    }
    namespaces::set_host_name(options)?;
    *devices = mounts::enter(options, scratch)?;
    let network = Network::of(options, *identity);
    if network == Network::Supervisor {
        let Some(made) = channel.wait_for_go() else { return Ok(None) };
        namespaces::enter_network(made)?;
    }
    namespaces::raise_loopback(options, network)?;
    let terminal = if options.tty { Some(terminal::open(channel)?) } else { None };
    if channel.wait_for_go().is_none() {
        return Ok(None);
    }
    let born_into = match place {
        Some(place) if place.version == Version::V2 => Some(place.open()?),
        _ => None,
    };
    // Before the submission's process exists: it inherits this, and execve(2) takes it back for its own program.
    credentials::undumpable(options)?;
    let submission = fork_submission(preparation, terminal, born_into)?;
    credentials::drop_init()?;
    // `ps` shows PID 1 as `init`, and nothing of how it was called.
    preparation.arguments.overwrite(b"init");
    Ok(Some(submission))
}

fn fork_submission(
    preparation: &Preparation<'_>,
    terminal: Option<Fd>,
    born_into: Option<Fd>,
) -> Result<Pid, Error> {
    use rustix::fd::AsFd;
    let forked = sys::clone3(0, born_into.as_ref().map(Fd::as_fd));
    match forked.map_err(at(Step::Start, Call::Clone3, Subject::None))? {
        Forked::Parent { pid, pidfd } => {
            let told = preparation.channel.send_with(Message::Made, pidfd.as_fd());
            told.map(|()| pid).map_err(at(Step::Start, Call::Write, Subject::None))
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

/// Reaps everything. When the submission's main process has ended, ends what it left, and tells; or the supervisor has
/// ended.
fn reap_until_end(channel: &Inside, submission: Pid) {
    loop {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == submission {
                let at = clock::now();
                end_everybody();
                channel.send(Message::Exited { at, status: status.as_raw(), usage: sys::children_usage() });
                return;
            }
        }
        if !channel.supervisor_lives() {
            return;
        }
        let _ = sys::wait_signal(AWAITED); // an interruption is answered by looking again
    }
}

/// Nothing of the sandbox lives on but this process.
fn end_everybody() {
    // Never outside a pid namespace of our own: it would be the whole machine.
    if rustix::process::getpid() == Pid::INIT {
        let _ = rustix::process::kill_process_group(EVERYBODY, Signal::KILL); // ESRCH: nobody is left
        while wait(WaitOptions::empty()).is_ok() {}
    }
}

/// The supervisor's last duties, when it could not do them: nothing lives on, and no cgroup stays.
fn clean_up(place: Option<&Place>) {
    end_everybody();
    if let Some(place) = place {
        place.remove();
    }
}

/// kill(2) with pid -1, which is what the process group 1 comes to: every process but PID 1 itself.
const EVERYBODY: Pid = Pid::INIT;
