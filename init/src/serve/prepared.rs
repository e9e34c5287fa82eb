//! A sandbox that stands before its run is known, as its supervisor has it.

use core::ffi::CStr;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use rustix::fs::{FileType, Mode, OFlags};

use super::handover::Handover;
use super::inside;
use super::network::Network;
use super::seat::Seat;
use super::shape::Shape;
use crate::channel::{self, Supervisor};
use crate::error::{Call, Error, Step, Subject, at};
use crate::identity::Identity;
use crate::mounts::take_bind;
use crate::namespaces;
use crate::options::Options;
use crate::sandbox::Sandbox;
use crate::setup::Setup;
use crate::streams::{self, JobStreams};
use crate::supervise::{Launched, Parts};
use crate::sys::fd::{self, Fd};
use crate::sys::rights::Descriptors;
use crate::sys::{self, Forked};
use crate::text::Text;
use crate::{clock, inherited, rlimits};

pub(super) struct Prepared {
    sandbox: Sandbox,
    channel: Supervisor,
    shape: Shape,
    root: RootFile,
    /// If it has one that may be used again.
    network: Option<Network>,
    /// Keeps the mount namespace until this process ends: the last exit of one waits for a grace period of RCU
    /// (`namespace_unlock` in fs/namespace.c), and with it the answer would.
    _mounts: Option<Fd>,
}

/// Device and inode of a root: its path may come to mean another one (an upgrade, say).
#[derive(Clone, Copy, PartialEq, Eq)]
struct RootFile(u64, u64);

impl RootFile {
    fn at(path: &CStr) -> Option<RootFile> {
        rustix::fs::stat(path).ok().map(|stat| RootFile(stat.st_dev, stat.st_ino))
    }
}

impl Prepared {
    /// Has one made. `None` where none can be; then the run finds out why.
    pub(super) fn new(seat: &mut Seat<'_>, options: &Options<'_>) -> Option<Prepared> {
        let identity = Identity::current();
        let shape = Shape::of(options, identity)?;
        // Before PID 1 opens it, and again when the run comes.
        let root = RootFile::at(options.root)?;
        let setup = Setup::new(options, identity);
        // As the supervisor of one run does it. PID 1 and the submission inherit both.
        rlimits::lift();
        inherited::reset().ok()?;
        let (ours, theirs) = channel::pair().ok()?;
        let maker = namespaces::Network::of(&setup);
        let given = seat.network.take();
        match sys::clone3(namespaces::flags(&setup, maker), None).ok()? {
            Forked::Parent { pid, pidfd } => {
                // First, so that it ends when any of the following fails.
                let sandbox = Sandbox::new(pid, pidfd);
                drop(theirs);
                let mut name = [0; 32];
                Text::new(&mut name)
                    .push(b"/proc/")
                    .number(pid.as_raw_nonzero().get() as u64)
                    .push(b"/ns/mnt\0");
                let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
                let mounts = fd::open(name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
                let mut network = None;
                if maker == namespaces::Network::Supervisor {
                    let entered = Network::enter(&setup, given).ok()?;
                    let _ = ours.send_go_with(entered.as_fd()); // a dead PID 1 left a message
                    network = Some(entered);
                }
                Some(Prepared { sandbox, channel: ours, shape, root, network, _mounts: mounts })
            }
            Forked::Child => {
                drop((ours, given));
                inside::run(&setup, theirs, seat)
            }
        }
    }

    /// Whether it is a sandbox for this run.
    pub(super) fn fits(&self, options: &Options<'_>) -> bool {
        Shape::of(options, Identity::current()) == Some(self.shape)
            && RootFile::at(options.root) == Some(self.root)
            && self.stands()
    }

    /// Whether its PID 1 lives, and has said nothing: before its run it only says that it has failed.
    fn stands(&self) -> bool {
        let ends = [self.sandbox.as_fd(), self.channel.as_fd()];
        let mut fds = ends.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
        poll(&mut fds, Some(&clock::timespec(0))) == Ok(0)
    }

    /// The network that it is in, if another may use that; it is the caller's from then on.
    pub(super) fn take_network(&mut self) -> Option<Network> {
        self.network.take()
    }

    /// Gives it the run, all but "go". `request` is the run's, for PID 1 to parse.
    pub(super) fn bind(
        self,
        parts: Parts<'_, '_>,
        request: &[u8],
        shown: Descriptors,
    ) -> Result<Launched, Error> {
        let Parts { setup, place, world, lock, .. } = parts;
        let (ours, JobStreams { ends: [mut stdin, stdout, stderr] }) = streams::pipes(setup)?;
        let copied = world.input.as_ref().map(Fd::duplicate).transpose();
        let mut input = copied.map_err(at(Step::Streams, Call::Dup, Subject::Stream(0)))?;
        // Here, where the host's tree is; PID 1 has left it.
        streams::input::show(&mut input, &mut stdin);
        let streams = JobStreams { ends: [stdin, stdout, stderr] };
        let handover = Handover { ids: setup.ids, streams: &streams, input: input.as_ref(), place };
        let with_binds = handover.descriptors().chain(shown.iter());
        let all = with_binds.chain(lock.map(AsFd::as_fd));
        // A dead PID 1 has left a message that says why.
        let _ = self.channel.send_run([&handover.header(), request], all);
        let Prepared { sandbox, channel, _mounts: mounts, .. } = self;
        mounts.map(Fd::for_good);
        Ok(Launched { sandbox, channel, world, pipes: Some(ours) })
    }
}

/// What the run's binds show, as detached mounts: taken here, where the host's tree is. `None` where one cannot be had.
pub(super) fn take_binds(options: &Options<'_>) -> Option<Descriptors> {
    let mut shown = Descriptors::new();
    for bind in options.binds.as_slice() {
        shown.push(take_bind(bind, 0).ok()?);
    }
    Some(shown)
}

/// Whether one of them may show a socket on which a process outside listens: only a file of bytes or a device surely does
/// not. A mount that is read-only is no obstacle to connect(2), and the socket may be made later.
pub(super) fn may_have_door(shown: &Descriptors) -> bool {
    let is_harmless = |kind| matches!(kind, FileType::RegularFile | FileType::CharacterDevice);
    shown.iter().any(|tree| {
        !rustix::fs::fstat(tree).is_ok_and(|stat| is_harmless(FileType::from_raw_mode(stat.st_mode)))
    })
}
