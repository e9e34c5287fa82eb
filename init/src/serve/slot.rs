//! A slot: the supervisor of one run, which waits for it next to a sandbox that stands already, or without one.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, wait};

use super::answer::{self, LONGEST_NAME};
use super::network::{Network, is_out_of_reach};
use super::prepared::{Prepared, may_have_door, take_binds};
use super::seat::{self, MOST_GIVEN, Room, Seat};
use super::warms_up;
use crate::clock;
use crate::options::{self, Destination, Options, UsageError};
use crate::outcome::exit_code;
use crate::print::eprint;
use crate::report::MAX_LEN;
use crate::supervise::{self, Conclusion};
use crate::sys::fd::Fd;
use crate::sys::rights::{Descriptors, receive_all, send_all};
use crate::sys::{self, Args, StreamBuffer};
use crate::text::Text;

/// How a slot ends that has answered. By any other end the server knows that it has not.
pub(super) const ANSWERED: u8 = 0;
/// Its caller has gone or does not read, or its server has gone.
const UNHEARD: u8 = 1;

/// What a slot sends to the server once its run is set up.
const SET_UP: &[u8] = b"up";

/// Whether a slot has sent that. It is looked for when a run is overdue, which hardly one is: so nobody wakes up for it.
pub(super) fn has_set_up(slot: BorrowedFd<'_>) -> bool {
    let (mut bytes, mut none) = ([0; SET_UP.len()], Descriptors::new());
    receive_all(slot, &mut bytes, &mut none, false).is_ok_and(|len| len == Some(SET_UP.len()))
}

/// What the server gives to a slot.
pub(super) struct Given<'a> {
    pub(super) argv: Args<'a>,
    pub(super) room: Room,
    /// For its sandbox.
    pub(super) network: Option<Network>,
    /// Whether the caller says that no process outside of a run listens in its binds.
    pub(super) has_private_binds: bool,
}

/// The whole life of a slot, from its fork. `pattern` are the options of a run like the one that is to come.
pub(super) fn run(server: Pid, own: BorrowedFd<'_>, given: Given<'_>, pattern: Option<&Options<'_>>) -> ! {
    let is_heard = live(server, own, given, pattern).is_ok();
    sys::exit(if is_heard { ANSWERED } else { UNHEARD })
}

fn live(
    server: Pid,
    own: BorrowedFd<'_>,
    Given { argv, room, network, has_private_binds }: Given<'_>,
    pattern: Option<&Options<'_>>,
) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that (prctl(2), PR_SET_PDEATHSIG).
    if getppid() != Some(server) {
        return Err(Errno::SRCH);
    }
    let (own, caller, network) = seat::take_over(own, network)?;
    let mut seat = Seat { own: Some(own), caller: Some(caller), argv, room, network };
    let prepared = pattern.and_then(|options| Prepared::new(&mut seat, options));
    let Seat { own: Some(own), caller: Some(caller), argv, room: Room { request, copy, pointers }, .. } =
        seat
    else {
        return Err(Errno::BADF);
    };
    let mut given = Descriptors::new();
    let len =
        receive_all(own.as_fd(), request, &mut given, true)?.filter(|len| *len > 0).ok_or(Errno::SRCH)?;
    // `setup_us` counts from here.
    let started = clock::now();
    let request = request.get(..len).ok_or(Errno::MSGSIZE)?;
    let copy = copy.get_mut(..len).ok_or(Errno::MSGSIZE)?;
    copy.iter_mut().zip(request).for_each(|(to, from)| *to = *from);
    let args = Args::terminated(copy, pointers).ok_or(Errno::BADMSG)?;
    let name = args.get(0).map(|name| name.to_bytes()).filter(|name| name.len() <= LONGEST_NAME);
    let name = name.ok_or(Errno::BADMSG)?;
    let pidfd = given.take().ok_or(Errno::BADMSG)?;
    answer::taken(caller.as_fd(), name, getpid().as_raw_nonzero().get() as u32, pidfd.as_fd())?;
    drop(pidfd);
    seat::install(&mut given)?;
    let run = Taken { own, caller, name, started, argv, has_private_binds };
    let mut options = Options::new(args.from(args.len()));
    match options::parse_into(&mut options, args.from(2)) {
        Ok(()) => {
            options.warms_up = args.get(1).and_then(warms_up) == Some(true);
            [&mut options.start_on, &mut options.uid_lock].into_iter().flatten().for_each(keep_given);
            options.report.iter_mut().for_each(keep_writable);
            // The answer has the report: no line on the run's stderr stands in for it.
            options.report = options.report.or(Some(Destination::Path(c"/dev/null")));
            run.serve(&options, prepared, request)
        }
        Err(error) => run.refuse(&error, args.from(2)),
    }
}

/// Makes a number that no request's descriptor has one that is not open: it would be one of the slot's own.
fn keep_given(number: &mut i32) {
    if *number >= MOST_GIVEN as i32 {
        *number = -1;
    }
}

fn keep_writable(report: &mut Destination<'_>) {
    if let Destination::Fd(number) = report {
        keep_given(number);
    }
}

/// A request that this slot has taken.
struct Taken<'a> {
    /// To the server.
    own: Fd,
    caller: Fd,
    name: &'a [u8],
    started: u64,
    argv: Args<'a>,
    has_private_binds: bool,
}

impl Taken<'_> {
    fn serve(&self, options: &Options<'_>, prepared: Option<Prepared>, request: &[u8]) -> Result<(), Errno> {
        let mut heard = Err(Errno::CANCELED);
        let mut is_clean = false;
        let conclude = |conclusion: &Conclusion<'_>, buffer: &mut StreamBuffer, code: u8| {
            let mut report = Text::new(buffer.get_mut(..MAX_LEN).unwrap_or_default());
            conclusion.render(&mut report);
            heard = answer::done(self.caller.as_fd(), self.name, code, report.as_bytes());
            is_clean = is_out_of_reach(conclusion.setup());
        };
        // One that does not fit ends here, before the run that it is not for. So does one whose run has a bind that cannot be
        // shown: the sandbox that is made then reports it.
        let mut ready = prepared.filter(|prepared| prepared.fits(options));
        let network = ready.as_mut().and_then(Prepared::take_network);
        let ready = ready.and_then(|prepared| Some((prepared, take_binds(options)?)));
        let has_door = ready.as_ref().is_none_or(|(_, shown)| may_have_door(shown));
        let network = network.filter(|_| self.has_private_binds || !has_door);
        let launch = |parts: supervise::Parts<'_, '_>| {
            let launched = match ready {
                Some((prepared, shown)) => prepared.bind(parts, request, shown),
                None => supervise::launch_new(parts, self.argv, &|| seat::close(self.caller.as_fd())),
            };
            // From here on this process watches the time.
            let _ = send_all(self.own.as_fd(), [SET_UP, b""], core::iter::empty(), false); // a dead server ends it
            launched
        };
        supervise::run_in(options, self.started, launch, conclude);
        // No child: so PID 1 is reaped, and with it all of its namespace (pid_namespaces(7)).
        let is_over = || wait(WaitOptions::NOHANG).is_err_and(|errno| errno == Errno::CHILD);
        if let Some(network) = network.filter(|network| is_clean && is_over() && network.is_untouched()) {
            network.hand_back(self.own.as_fd());
        }
        heard
    }

    /// As `init run` does it.
    fn refuse(&self, error: &UsageError<'_>, args: Args<'_>) -> Result<(), Errno> {
        let mut line = [0; 1024];
        let mut line = Text::new(&mut line);
        error.render(&mut line);
        eprint(line.as_bytes());
        if let Some(mut destination) = options::report_of_refused(args) {
            keep_writable(&mut destination);
            supervise::report_refused(destination, line.as_bytes());
        }
        answer::refused(self.caller.as_fd(), self.name, exit_code::SANDBOX_ERROR, line.as_bytes())
    }
}
