//! The start of the sandbox: everything that PID 1 needs is opened, then PID 1 is made.

use rustix::fd::AsFd;

use crate::cgroup::Place;
use crate::channel::{self, Supervisor};
use crate::credentials;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::mounts;
use crate::namespaces::{self, Network};
use crate::pid1;
use crate::preparation::Preparation;
use crate::sandbox::Sandbox;
use crate::seccomp::Image;
use crate::setup::Setup;
use crate::streams::{self, World};
use crate::sys::fd::Fd;
use crate::sys::{self, Args, Forked};
use crate::text::Text;

/// A sandbox whose PID 1 builds it, and our ends of everything.
pub(crate) struct Launched {
    pub(crate) sandbox: Sandbox,
    pub(crate) channel: Supervisor,
    pub(crate) world: World,
    /// `None` with a terminal, or without streams of its own.
    pub(crate) pipes: Option<[Fd; 3]>,
}

/// Makes PID 1 of the sandbox.
pub(super) fn launch(
    setup: &Setup<'_>,
    place: Option<&Place>,
    policy: Option<Image<'static>>,
    world: World,
    argv: Args<'_>,
    leave: &dyn Fn(),
) -> Result<Launched, Error> {
    let (ours, theirs) = channel::pair().map_err(at(Step::Start, Call::Socket, Subject::None))?;
    let (our_pipes, their_pipes) = match (setup.options.tty, setup.has(Guard::Streams)) {
        // A terminal is made inside, in the sandbox's own devpts.
        (true, _) => (None, None),
        (false, true) => streams::pipes(setup).map(|(ours, theirs)| (Some(ours), Some(theirs)))?,
        (false, false) => (None, Some(streams::own()?)),
    };
    // Before clone3(2): PID 1 is in its user namespace from birth, and cannot make device nodes there.
    let scratch = mounts::prepare(setup)?;
    let network = Network::of(setup);
    let flags = namespaces::flags(setup, network);
    let is_mapped_by_us = setup.identity.privileged && setup.has(Guard::UserNamespace);
    if is_mapped_by_us {
        // A user namespace belongs to the effective user of its maker, and what is counted by user in it counts for its
        // owner as well (`inc_rlimit_ucounts` in kernel/ucount.c): that must not be root.
        credentials::act_as(setup.identity.owner.uid, setup.ids.outside.uid)?;
    }
    match sys::clone3(flags, None).map_err(at(Step::Clone, Call::Clone3, Subject::None))? {
        Forked::Parent { pid, pidfd } => {
            // First, so that it ends when any of the following fails.
            let sandbox = Sandbox::new(pid, pidfd);
            if is_mapped_by_us {
                credentials::act_as(setup.identity.owner.uid, setup.identity.owner.uid)?;
            }
            migrate_off_cpu();
            if is_mapped_by_us {
                let mut digits = [0; 20];
                let mut name = Text::new(&mut digits);
                name.number(pid.as_raw_nonzero().get() as u64);
                namespaces::map_ids(setup, name.as_bytes(), true)?;
                let _ = ours.send_go(); // a dead PID 1 has left a message that says why
            }
            if network == Network::Supervisor {
                let _ = ours.send_go_with(namespaces::make_network()?.as_fd()); // likewise
            }
            Ok(Launched { sandbox, channel: ours, world, pipes: our_pipes })
        }
        Forked::Child => {
            // Our ends must not live on in here: a process that waits for them to close would wait for ever. The same
            // is true of the caller's.
            let World { ends, input } = world;
            drop((ours, our_pipes, ends));
            leave();
            pid1::run(Preparation {
                setup,
                place,
                policy,
                channel: theirs,
                scratch,
                filters: None,
                streams: their_pipes,
                input,
                later: None,
                argv,
            })
        }
    }
}

/// Moves this process to another CPU, if it may run on one. A new process is queued on its parent's CPU and waits there
/// until the parent sleeps, although another may be idle (sched(7)); and here both have work for a while.
fn migrate_off_cpu() {
    let mut cpus = sys::affinity();
    let here = sys::current_cpu();
    // Without this CPU, which moves us (EINVAL: there is no other), and with it again, which does not move us back.
    for _ in 0..2 {
        cpus.flip(here);
        let _ = sys::set_affinity(&cpus);
    }
}
