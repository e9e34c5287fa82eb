//! The supervisor: makes the sandbox, watches it, ends it at a limit, and reports what happened.
//!
//! One thread, one loop over ppoll(2): messages from inside, the streams, signals, and the nearest moment at which
//! a limit could be reached. It never opens, changes or follows a path that a submission can write.
//!
//! The end has an order ([`remains`]): every process of the submission is killed and reaped, what it used is read, the
//! report is written, and then cgroup and namespaces go.

mod deliver;
mod drain;
mod event_loop;
mod launch;
mod line;
mod remains;
mod signals;
mod wait;

pub(crate) use self::deliver::Conclusion;
use self::deliver::Outlet;
use self::event_loop::Run;
pub(crate) use self::launch::Launched;
use self::launch::launch;
use self::remains::Remains;
use self::signals::Watched;
use crate::cgroup::{Cgroup, Place};
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, Reason};
use crate::identity::Identity;
use crate::options::{Destination, Options};
use crate::outcome::{Facts, exit_code, judge};
use crate::print::eprint;
use crate::report::{self, Measures};
use crate::seccomp::Image;
use crate::setup::Setup;
use crate::streams::World;
use crate::sys::fd::{self, Fd};
use crate::sys::{Args, StreamBuffer, Turns};
use crate::text::Text;
use crate::{inherited, rlimits, seccomp, sys, uids};

/// How long set-up may take, in nanoseconds. It takes milliseconds; one that takes this long hangs (a network file
/// system under the root, say), and the run is a `sandbox-error`. A run that is not in its cgroup by then never will
/// be.
pub const SETUP_LIMIT: u64 = 30_000_000_000;

/// What the supervisor begins with.
struct Supervision<'a> {
    /// When the caller began to wait for the submission.
    started: u64,
    signals: &'a Watched,
    buffers: &'static mut [StreamBuffer; 3],
}

/// Does one run. Returns the exit code of the whole program.
pub(crate) fn run(options: &Options<'_>, argv: Args<'_>, started: u64) -> u8 {
    run_in(options, started, |parts| launch_new(parts, argv, &|| {}), |_, _, _| {})
}

/// Makes the sandbox of a run. Its PID 1 begins with `leave`: it closes what only the caller of this needs.
pub(crate) fn launch_new(parts: Parts<'_, '_>, argv: Args<'_>, leave: &dyn Fn()) -> Result<Launched, Error> {
    let Parts { setup, place, policy, world, .. } = parts;
    launch(setup, place, policy, world, argv, leave)
}

/// What a sandbox is launched with.
pub(crate) struct Parts<'a, 'o> {
    pub(crate) setup: &'a Setup<'o>,
    pub(crate) place: Option<&'a Place>,
    pub(crate) policy: Option<Image<'static>>,
    pub(crate) world: World,
    /// What keeps the uid from other runs, for PID 1 to have it too.
    pub(crate) lock: Option<&'a Fd>,
}

/// The same in a sandbox that `launch` gives, with a last step after the report: it gets the conclusion, room for a text
/// and the exit code.
pub(crate) fn run_in(
    options: &Options<'_>,
    started: u64,
    launch: impl FnOnce(Parts<'_, '_>) -> Result<Launched, Error>,
    afterwards: impl FnOnce(&Conclusion<'_>, &mut StreamBuffer, u8),
) -> u8 {
    if let Some(option) = options.too_little() {
        let mut line = [0; 128];
        let mut line = Text::new(&mut line);
        line.push(b"init: warning: ");
        report::push_warning(option, &mut line);
        eprint(line.as_bytes());
    }
    let mut setup = Setup::new(options, Identity::current());
    let mut facts = Facts::default();
    let mut measures = Measures::default();
    let [for_report, for_streams @ ..] = sys::stream_buffers();
    let Ok(signals) = Watched::new() else { return exit_code::SANDBOX_ERROR };
    // Dropped at the end of this function: after the report.
    let mut remains = None;
    let (outlet, result) = match Outlet::open(options.report) {
        Ok(outlet) => {
            let run = Supervision { started, signals: &signals, buffers: for_streams };
            (Ok(outlet), attempt(&mut setup, run, launch, &mut remains, &mut facts, &mut measures))
        }
        Err(error) => (Outlet::stderr(), Err(error)),
    };
    if let Err(error) = result {
        facts.error = Some(error);
    }
    let outcome = judge(&facts, &options.limits);
    let conclusion = Conclusion { setup: &setup, outcome: &outcome, facts: &facts, measures: &measures };
    let is_written = outlet.is_ok_and(|outlet| conclusion.write(outlet, for_report, &signals, started));
    let code = if is_written { outcome.supervisor_code() } else { exit_code::SANDBOX_ERROR };
    afterwards(&conclusion, for_report, code);
    code
}

/// Reports that a command line is not valid; `message` says what is wrong with it.
pub(crate) fn report_refused(destination: Destination<'_>, message: &[u8]) {
    let [buffer, ..] = sys::stream_buffers();
    let (Ok(signals), Ok(outlet)) = (Watched::new(), Outlet::open(Some(destination))) else { return };
    deliver::report_refused(outlet, buffer, &signals, message);
}

/// Everything from the first preparation to the last measurement.
fn attempt(
    setup: &mut Setup<'_>,
    supervision: Supervision<'_>,
    launch: impl FnOnce(Parts<'_, '_>) -> Result<Launched, Error>,
    remains: &mut Option<Remains>,
    facts: &mut Facts,
    measures: &mut Measures,
) -> Result<(), Error> {
    // Before anything that they could stop, and before the user namespace.
    rlimits::lift();
    // Here and not in the submission's process, which inherits it all: a caller's class or timer slack would also delay each
    // look at a limit.
    inherited::reset()?;
    let place = Place::find(setup)?;
    measures.cgroup = place.as_ref().map(|place| place.version);
    // Held until the end: the uid is free for other runs when the descriptor is closed.
    let uid = uids::allocate(setup)?;
    // Before the sandbox: the submission must not be able to exchange what the caller's paths lead to.
    let world = World::open(setup)?;
    measures.stdin_is_file = world.input.is_some();
    let start_on = setup.options.start_on.map(|number| fd::inherited(number).map(Fd::for_good)).transpose();
    let start_on = start_on.map_err(at(Step::Start, Call::Dup, Subject::StartOn))?;
    let policy = seccomp::load(setup.options.seccomp, &mut setup.guards)?;
    let parts = Parts { setup, place: place.as_ref(), policy, world, lock: uid.as_ref() };
    let Launched { sandbox, channel, world, pipes } = launch(parts)?;
    // From here on there is a sandbox. Whatever happens, it goes with its remains.
    let Remains { sandbox, channel, place, .. } = remains.insert(Remains { sandbox, channel, place, uid });
    let cgroup = make_cgroup(setup, place.as_ref())?;
    let mut run = Run::new(setup, sandbox, channel, cgroup, &supervision, start_on);
    let result = run.go(world, pipes, supervision.buffers);
    run.collect_results(policy.as_ref(), facts, measures);
    result
}

/// The run's cgroup, once all guards are known and none that is required is missing.
fn make_cgroup(setup: &mut Setup<'_>, place: Option<&Place>) -> Result<Option<Cgroup>, Error> {
    let cgroup = place.map(|place| place.create(setup)).transpose()?;
    if setup.has(Guard::FirstInLine) && sys::take_turns(Turns::First).is_err() {
        setup.guards.mark_unavailable(Guard::FirstInLine, Reason::NoRealTime);
    }
    // Now no guard is found unavailable any more, and before "go": the submission has not started.
    setup.guards.check_required()?;
    Ok(cgroup)
}
