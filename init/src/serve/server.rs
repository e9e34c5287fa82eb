//! The server: takes requests, hands each to a slot, and forks the next slot.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketType};
use rustix::process::{Pid, Signal, WaitOptions, getpid, pidfd_send_signal, wait};

use super::answer::{self, LONGEST_NAME};
use super::network::Network;
use super::seat::{self, MOST_GIVEN, Room};
use super::shape::{Shape, forget_run};
use super::{Config, MOST_AHEAD, MOST_SLOTS, slot, warms_up};
use crate::identity::Identity;
use crate::inherited::ENDING;
use crate::options::{self, Options};
use crate::outcome::exit_code;
use crate::supervise::SETUP_LIMIT;
use crate::sys::fd::{self, Fd};
use crate::sys::rights::{Descriptors, receive_all, send_all};
use crate::sys::{self, Args, Forked};
use crate::text::Text;
use crate::{clock, rlimits};

/// A child has ended.
const SIGCHLD: u8 = 17;

/// All slots that there can be.
const MOST: usize = (MOST_SLOTS + MOST_AHEAD) as usize;

/// Networks that are kept, at the most: each is some 100 KiB of the kernel's.
const MOST_NETWORKS: usize = 32;

/// The longest request, in bytes: PID 1 has room for as much and what its supervisor adds.
pub(super) const LONGEST: usize = 64 << 10;

/// A slot, as the server has it.
struct Slot {
    pid: Pid,
    pidfd: Fd,
    socket: Fd,
    /// Of the sandbox that it has made, or is making.
    shape: Option<Shape>,
    /// The request that it has; `None` while it waits.
    name: Option<Name>,
    /// When its run must stand, until it says so.
    deadline: Option<u64>,
    /// Counts up with each slot.
    number: u64,
}

/// The name of a request.
#[derive(Clone, Copy)]
struct Name {
    bytes: [u8; LONGEST_NAME],
    len: usize,
}

pub(super) struct Server<'a> {
    config: Config,
    caller: Fd,
    signals: Fd,
    argv: Args<'a>,
    identity: Identity,
    slots: [Option<Slot>; MOST],
    /// Slots that were ever made.
    made: u64,
    /// Its own, while it takes no request.
    room: Option<Room>,
    /// What a slot gets, whose memory is a copy.
    for_slots: Option<Room>,
    /// Networks that runs have left untouched, for the next.
    networks: [Option<Network>; MOST_NETWORKS],
}

/// Why a message is not a request.
const CUT_OFF: &[u8] = b"a request is at most 65536 bytes, and has at most 16 descriptors";
const NOT_ARGUMENTS: &[u8] =
    b"a request is NAME (at most 31 bytes), `run` or `warm`, and the arguments of `init run`, each ended by a NUL";
const WITHOUT_STREAMS: &[u8] = b"a request has three descriptors at least: stdin, stdout and stderr";
const NO_PROCESS: &[u8] = b"no process can be made for the run";
const KILLED: &[u8] = b"the supervisor of the run was killed";
const OVERDUE: &[u8] = b"the run was not set up in 30 seconds: its root or a bind does not answer";

/// How long runs that are to end may take to answer a caller that does not read, in nanoseconds.
const PATIENCE: u64 = 2_000_000_000;

impl<'a> Server<'a> {
    /// # Errors
    /// EBADF: there is no such socket.
    pub(super) fn new(config: Config, argv: Args<'a>) -> Result<Server<'a>, Errno> {
        let caller = seat::reserve(config.socket)?;
        // PID 1 of each sandbox has this name too, and shows it; the file's may be anything.
        let _ = rustix::thread::set_name(c"init"); // it is not refused (PR_SET_NAME(2const))
        // Two descriptors for each slot.
        rlimits::lift();
        let signals = sys::signalfd(ENDING.without(sys::ignored_signals(ENDING)).and(SIGCHLD))?;
        let [request, copy, slots_request, slots_copy] = sys::request_buffers();
        let [pointers, slots_pointers] = sys::pointer_buffers();
        Ok(Server {
            config,
            caller,
            signals,
            argv,
            identity: Identity::current(),
            slots: [const { None }; MOST],
            made: 0,
            room: Some(Room { request, copy, pointers }),
            for_slots: Some(Room { request: slots_request, copy: slots_copy, pointers: slots_pointers }),
            networks: [const { None }; MOST_NETWORKS],
        })
    }

    /// Until the caller has gone, or a signal asks to end. Then all runs end, and so does this.
    pub(super) fn serve(&mut self) -> u8 {
        while self.turn().is_ok() {}
        self.end();
        0
    }

    /// # Errors
    /// It is time to end.
    fn turn(&mut self) -> Result<(), Errno> {
        // What cannot be served now stays in the socket, and its sender waits when that is full.
        let wanted = if self.busy() < self.config.slots { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = [
            PollFd::from_borrowed_fd(self.caller.as_fd(), wanted | PollFlags::RDHUP),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        let wake = self.slots.iter().flatten().filter_map(|slot| slot.deadline).min();
        let sleep = wake.map(|at| clock::timespec(at.saturating_sub(clock::now())));
        match poll(&mut fds, sleep.as_ref()) {
            Err(Errno::INTR) => return Ok(()),
            result => result?,
        };
        let [caller, signals] = fds.map(|fd| fd.revents());
        if wake.is_some_and(|at| clock::now() >= at) {
            self.give_up_overdue()?;
        }
        if caller.intersects(GONE) {
            return Err(Errno::PIPE);
        }
        if !signals.is_empty() {
            self.take_signals()?;
        }
        if !caller.contains(PollFlags::IN) {
            return Ok(());
        }
        let Some(mut room) = self.room.take() else { return Err(Errno::NOBUFS) };
        let taken = self.take_request(&mut room);
        self.room = Some(room);
        taken
    }

    fn busy(&self) -> usize {
        self.slots.iter().flatten().filter(|slot| slot.name.is_some()).count()
    }

    fn take_signals(&mut self) -> Result<(), Errno> {
        while let Some(signal) = sys::read_signal(self.signals.as_fd()) {
            if signal != SIGCHLD {
                return Err(Errno::INTR);
            }
        }
        // One SIGCHLD may stand for several, as pending signals do not queue (signal(7)).
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let is_it = |slot: &&mut Option<Slot>| slot.as_ref().is_some_and(|slot| slot.pid == pid);
            let Some(gone) = self.slots.iter_mut().find(is_it).and_then(Option::take) else { continue };
            let has_answered = status.exit_status() == Some(slot::ANSWERED.into());
            if has_answered {
                self.keep(Network::from_slot(gone.socket.as_fd()));
            }
            if let (Some(name), false) = (gone.name, has_answered) {
                let signal = status.terminating_signal().map(|signal| exit_code::SIGNALED + signal as u8);
                self.refuse(name.as_bytes(), signal.unwrap_or(exit_code::SANDBOX_ERROR), KILLED)?;
            }
        }
        Ok(())
    }

    /// Answers for slots whose runs should stand by now. Such a one sleeps in the kernel: in a dead network file system, say,
    /// where its run's root or a bind is. It looks at those itself, and so cannot watch the time; PID 1 of a sandbox that is
    /// made for its run does it under the supervisor's eyes.
    fn give_up_overdue(&mut self) -> Result<(), Errno> {
        let now = clock::now();
        for at in 0..MOST {
            let Some(place) = self.slots.get_mut(at) else { continue };
            let Some(slot) = place.as_mut().filter(|slot| slot.deadline.is_some_and(|at| now >= at)) else {
                continue;
            };
            slot.deadline = None;
            if slot::has_set_up(slot.socket.as_fd()) {
                continue;
            }
            let _ = pidfd_send_signal(&slot.pidfd, Signal::KILL); // ESRCH: it has just ended
            // It is not waited for, but reaped when it ends.
            let Some(Slot { name: Some(name), shape, .. }) = place.take() else { continue };
            self.drop_waiting(shape);
            answer::refused(self.caller.as_fd(), name.as_bytes(), exit_code::SANDBOX_ERROR, OVERDUE)?;
        }
        Ok(())
    }

    /// Ends the sandboxes of a shape that wait. Where its root is dead they sleep in it, also when that is mounted anew.
    fn drop_waiting(&mut self, shape: Option<Shape>) {
        let is_like = |slot: &mut Slot| slot.name.is_none() && shape.is_some() && slot.shape == shape;
        for slot in self.slots.iter_mut().filter_map(|place| place.take_if(is_like)) {
            let _ = pidfd_send_signal(&slot.pidfd, Signal::KILL); // ESRCH: it has just ended
        }
    }

    fn refuse(&self, name: &[u8], code: u8, message: &[u8]) -> Result<(), Errno> {
        answer::refused(self.caller.as_fd(), name, code, message)
    }

    fn take_request(&mut self, room: &mut Room) -> Result<(), Errno> {
        let Room { request, copy, pointers } = room;
        let mut given = Descriptors::new();
        let place = request.get_mut(..LONGEST).unwrap_or_default();
        // Of the request before, nothing may look like this one's name.
        place.iter_mut().take(LONGEST_NAME + 1).for_each(|byte| *byte = 0);
        let len = match receive_all(self.caller.as_fd(), place, &mut given, false) {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            received => received?,
        };
        // An end has the length of an empty message.
        if len == Some(0) && self.caller_has_gone() {
            return Err(Errno::PIPE);
        }
        let name = Name::before_nul(request.as_slice());
        let refuse = |message| {
            let name = name.as_ref().map_or(&b""[..], Name::as_bytes);
            self.refuse(name, exit_code::SANDBOX_ERROR, message)
        };
        let Some(len) = len.filter(|_| given.len() <= MOST_GIVEN) else { return refuse(CUT_OFF) };
        let request = request.get(..len).unwrap_or_default();
        let copy = copy.get_mut(..len).unwrap_or_default();
        copy.iter_mut().zip(request).for_each(|(to, from)| *to = *from);
        let Some(args) = Args::terminated(copy, *pointers) else { return refuse(NOT_ARGUMENTS) };
        let Some(name) = name.filter(|_| args.get(1).and_then(warms_up).is_some()) else {
            return refuse(NOT_ARGUMENTS);
        };
        if given.len() < 3 {
            return refuse(WITHOUT_STREAMS);
        }
        match self.hand_out(name, args.from(2), request, &given) {
            Err(_) => self.refuse(name.as_bytes(), exit_code::SANDBOX_ERROR, NO_PROCESS),
            Ok(()) => Ok(()),
        }
    }

    fn caller_has_gone(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.caller.as_fd(), PollFlags::RDHUP)];
        poll(&mut fds, Some(&clock::timespec(0))).is_ok() && fds[0].revents().intersects(GONE)
    }

    /// Gives a request to a slot, and makes the next one like it.
    fn hand_out(
        &mut self,
        name: Name,
        args: Args<'_>,
        request: &[u8],
        given: &Descriptors,
    ) -> Result<(), Errno> {
        let mut options = Options::new(args.from(args.len()));
        // A command line that is not valid is the slot's to answer.
        let parsed = options::parse_into(&mut options, args).is_ok();
        let shape = if parsed { Shape::of(&options, self.identity) } else { None };
        loop {
            let ready = shape.and_then(|shape| self.oldest_waiting(|slot| slot.shape == Some(shape)));
            let (at, is_new) = match ready {
                Some(at) => (at, false),
                None => (self.fork(None, None)?, true),
            };
            let Some(slot) = self.slots.get_mut(at).and_then(Option::as_mut) else {
                return Err(Errno::CHILD);
            };
            let descriptors = core::iter::once(slot.pidfd.as_fd()).chain(given.iter());
            match send_all(slot.socket.as_fd(), [request, b""], descriptors, true) {
                Ok(()) => {
                    slot.name = Some(name);
                    slot.deadline = Some(clock::now() + SETUP_LIMIT);
                    break;
                }
                Err(errno) if is_new => return Err(errno),
                // It was killed while it waited.
                Err(_) => drop(self.slots.get_mut(at).and_then(Option::take)),
            }
        }
        // Two for the one that is taken, until there are enough: more would keep the next request waiting.
        if let Some(shape) = shape {
            forget_run(&mut options);
            let _ = self.make_ready(&options, shape).and_then(|()| self.make_ready(&options, shape)); // enough
        }
        Ok(())
    }

    /// Has one more sandbox of this shape made; one of another shape makes room for it. `None` where enough stand ready, or
    /// none can be made, of which the next request will find out why.
    fn make_ready(&mut self, options: &Options<'_>, shape: Shape) -> Option<()> {
        let waiting = || self.slots.iter().flatten().filter(|slot| slot.name.is_none());
        if waiting().filter(|slot| slot.shape == Some(shape)).count() >= self.config.ahead {
            return None;
        }
        if waiting().count() >= self.config.ahead {
            let other = self.oldest_waiting(|slot| slot.shape != Some(shape))?;
            // It ends when its socket is closed.
            drop(self.slots.get_mut(other).and_then(Option::take));
        }
        self.fork(Some(options), Some(shape)).ok().map(drop)
    }

    fn oldest_waiting(&self, is_wanted: impl Fn(&Slot) -> bool) -> Option<usize> {
        let waiting = (0..).zip(&self.slots).filter_map(|(at, slot)| Some((at, slot.as_ref()?)));
        let wanted = waiting.filter(|(_, slot)| slot.name.is_none() && is_wanted(slot));
        wanted.min_by_key(|(_, slot)| slot.number).map(|(at, _)| at)
    }

    /// Keeps a network for the next slot, if there is room.
    fn keep(&mut self, network: Option<Network>) {
        if let Some(place) = self.networks.iter_mut().find(|place| place.is_none()) {
            *place = network;
        }
    }

    /// A network like the one that such a run has.
    fn network_for(&mut self, options: &Options<'_>) -> Option<Network> {
        let is_like =
            |place: &&mut Option<Network>| place.as_ref().is_some_and(|network| network.net() == options.net);
        let wanted = Network::is_wanted(options);
        self.networks.iter_mut().filter(|_| wanted).find(is_like)?.take()
    }

    /// Makes a slot; with a pattern it makes its sandbox at once. Returns its place.
    fn fork(&mut self, pattern: Option<&Options<'_>>, shape: Option<Shape>) -> Result<usize, Errno> {
        let at = self.slots.iter().position(Option::is_none).ok_or(Errno::NOSPC)?;
        let [socket, theirs] = fd::socket_pair(AddressFamily::UNIX, SocketType::SEQPACKET)?;
        let server = getpid();
        // This process closes its own, if it has one to give.
        let network = pattern.and_then(|options| self.network_for(options));
        match sys::clone3(0, None)? {
            Forked::Parent { pid, pidfd } => {
                self.made += 1;
                let slot = Slot { pid, pidfd, socket, shape, name: None, deadline: None, number: self.made };
                *self.slots.get_mut(at).ok_or(Errno::NOSPC)? = Some(slot);
                Ok(at)
            }
            Forked::Child => match self.for_slots.take() {
                Some(room) => {
                    let has_private_binds = self.config.has_private_binds;
                    let given = slot::Given { argv: self.argv, room, network, has_private_binds };
                    slot::run(server, theirs.as_fd(), given, pattern)
                }
                None => sys::exit(exit_code::SANDBOX_ERROR),
            },
        }
    }

    /// Ends all slots, and returns when the last of them has ended.
    fn end(&mut self) {
        for slot in self.slots.iter().flatten().filter(|slot| slot.name.is_some()) {
            let _ = pidfd_send_signal(&slot.pidfd, Signal::TERM); // ESRCH: it has just ended
        }
        // Those that wait end when their sockets are closed.
        self.slots.iter_mut().for_each(|slot| drop(slot.take()));
        if !self.have_ended_within(PATIENCE) {
            // Nothing sent on it arrives any more, whoever sends, and no process waits for room.
            let _ = rustix::net::shutdown(&self.caller, Shutdown::Both);
            self.have_ended_within(DEATH_LIMIT);
        }
    }

    /// Waits for all children, at most this long, in nanoseconds.
    fn have_ended_within(&self, time: u64) -> bool {
        let deadline = clock::now() + time;
        while wait_for_all().is_none() {
            let left = deadline.saturating_sub(clock::now());
            if left == 0 {
                return false;
            }
            let mut fds = [PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN)];
            let _ = poll(&mut fds, Some(&clock::timespec(left))); // all are looked at again, whatever came
            while sys::read_signal(self.signals.as_fd()).is_some() {}
        }
        true
    }
}

/// How long the kernel may take to end them then. One that sleeps in a dead file system is not waited for: it dies with this
/// process (PR_SET_PDEATHSIG) when it wakes up.
const DEATH_LIMIT: u64 = 30_000_000_000;

/// `None` as long as a child lives.
fn wait_for_all() -> Option<()> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(_) => return Some(()),
        }
    }
}

/// How poll(2) says that the other end is closed, if only for sending: every read would then find an end.
const GONE: PollFlags = PollFlags::HUP.union(PollFlags::RDHUP).union(PollFlags::ERR).union(PollFlags::NVAL);

impl Name {
    /// Of a message, whatever it is otherwise. `None` for one that is too long.
    fn before_nul(message: &[u8]) -> Option<Name> {
        message.iter().position(|byte| *byte == 0).and_then(|end| Name::new(message.get(..end)?))
    }

    fn new(name: &[u8]) -> Option<Name> {
        let mut bytes = [0; LONGEST_NAME];
        let mut text = Text::new(&mut bytes);
        let len = text.push(name).as_bytes().len();
        (!text.overflowed()).then_some(Name { bytes, len })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
