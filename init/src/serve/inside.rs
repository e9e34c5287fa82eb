//! PID 1 of a sandbox that stands before its run is known.

use super::handover::{Arrived, HEADER};
use super::seat::Seat;
use super::warms_up;
use crate::channel::Inside;
use crate::error::{Call, Error, Step, Subject, at};
use crate::identity::Identity;
use crate::message::Message;
use crate::mounts::Devices;
use crate::options::{self, Options};
use crate::pid1;
use crate::preparation::Preparation;
use crate::seccomp::{self, Filters};
use crate::setup::Setup;
use crate::sys::rights::Descriptors;
use crate::sys::{self, Args, PointerBuffer};
use crate::{cgroup, inherited, mounts};

use rustix::io::Errno;

/// Builds the sandbox, waits for its run, and goes on as the PID 1 of one run does. It ends with its supervisor.
pub(super) fn run(setup: &Setup<'_>, channel: Inside, seat: &mut Seat<'_>) -> ! {
    sys::default_signal_actions(inherited::ENDING);
    seat.leave();
    let argv = seat.argv;
    let mut preparation = Preparation {
        setup,
        place: None,
        policy: None,
        channel,
        scratch: None,
        filters: None,
        streams: None,
        input: None,
        later: None,
        argv,
    };
    let built = match pid1::build(&mut preparation) {
        Ok(Some(built)) => Ok(built.devices),
        Ok(None) => sys::exit(0),
        Err(error) => Err(error),
    };
    let Preparation { channel, .. } = preparation;
    if let Err(error) = built {
        // At once, so that no run is sent. One that is on its way already has a cgroup to be removed.
        channel.send(Message::Failed(error));
    }
    let mut descriptors = Descriptors::new();
    let received = channel.wait_for_run(seat.room.request, &mut descriptors);
    let Some(message) = received.and_then(|len| seat.room.request.get_mut(..len)) else { sys::exit(0) };
    match message.split_first_chunk_mut::<HEADER>() {
        Some((header, request)) => {
            let sandbox = Sandbox { channel, built, identity: setup.identity, argv };
            sandbox.run(header, request, seat.room.pointers, descriptors)
        }
        None => fail(&channel, at(Step::Start, Call::Read, Subject::None)(Errno::BADMSG)),
    }
}

/// One that stands.
struct Sandbox<'a> {
    channel: Inside,
    built: Result<Devices, Error>,
    identity: Identity,
    argv: Args<'a>,
}

impl Sandbox<'_> {
    /// Becomes the PID 1 of the run.
    fn run(
        self,
        header: &[u8; HEADER],
        request: &mut [u8],
        pointers: &mut PointerBuffer,
        mut descriptors: Descriptors,
    ) -> ! {
        let Sandbox { channel, built, identity, argv } = self;
        let fault = at(Step::Start, Call::Read, Subject::None);
        let arrived = match Arrived::new(header, &mut descriptors) {
            Ok(arrived) => arrived,
            Err(errno) => fail(&channel, fault(errno)),
        };
        let Some(args) = Args::terminated(request, pointers) else { fail(&channel, fault(Errno::BADMSG)) };
        let mut options = Options::new(args.from(args.len()));
        // The supervisor has done the same before.
        if options::parse_into(&mut options, args.from(2)).is_err() {
            fail(&channel, fault(Errno::INVAL));
        }
        options.warms_up = args.get(1).and_then(warms_up) == Some(true);
        let Arrived { ids, streams, input, place } = arrived;
        let mut late = Setup { ids, ..Setup::new(&options, identity) };
        cgroup::mark_missing(&mut late, place.as_ref());
        // Where building has failed, the tree may be the host's still.
        let filters = built.and_then(|devices| {
            mounts::give(ids.inside, options.binds.as_slice(), || descriptors.take())?;
            let policy = seccomp::load(options.seccomp, &mut late.guards)?;
            Ok(policy.map(|policy| Filters::new(&policy, &late, devices)))
        });
        // What is left is the lock of the uid, which this process holds to its end.
        let _lock = descriptors;
        let mut preparation = Preparation {
            setup: &late,
            place: place.as_ref(),
            policy: None,
            channel,
            scratch: None,
            filters: None,
            streams: Some(streams),
            input,
            later: None,
            argv,
        };
        let started = filters.and_then(|filters| {
            preparation.filters = filters;
            pid1::start(&mut preparation, None)
        });
        pid1::live(preparation, started)
    }
}

/// There is no cgroup yet, and no submission.
fn fail(channel: &Inside, error: Error) -> ! {
    channel.send(Message::Failed(error));
    channel.outlive_supervisor();
    sys::exit(0)
}
