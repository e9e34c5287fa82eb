//! Namespaces: which ones a run gets, who makes them, and what is set up inside.

use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::kernel_file;
use crate::options::Net;
use crate::path::PathBuffer;
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::sys::{self, clone_flags};
use crate::text::Text;
use crate::user::Ids;

/// Namespace by guard. The mount namespace has no guard: without it there would be nothing to mount in.
/// The cgroup namespace is missing here: the submission makes it itself, once it is in its cgroup.
const GUARDED: [(Guard, u64); 5] = [
    (Guard::UserNamespace, clone_flags::NEWUSER),
    (Guard::PidNamespace, clone_flags::NEWPID),
    (Guard::NetworkNamespace, clone_flags::NEWNET),
    (Guard::IpcNamespace, clone_flags::NEWIPC),
    (Guard::UtsNamespace, clone_flags::NEWUTS),
];

/// Who makes the network namespace. That takes as long as all the mounts, so two processes work at a time where they
/// can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// No process: the run has the host's.
    Host,
    /// The supervisor, while PID 1 mounts. PID 1 enters it before there is a submission.
    Supervisor,
    /// clone3(2), with the user namespace that it must belong to.
    Clone,
}

impl Network {
    pub(crate) fn of(setup: &Setup<'_>) -> Network {
        if !setup.has(Guard::NetworkNamespace) {
            Network::Host
        } else if setup.identity.privileged && !setup.has(Guard::UserNamespace) {
            Network::Supervisor
        } else {
            Network::Clone
        }
    }
}

/// Leaves the host's network for one of the sandbox's own, which PID 1 is to enter. The supervisor stays in it, since
/// it uses no network.
pub(crate) fn make_network() -> Result<Fd, Error> {
    // A network namespace belongs to the user namespace of its maker (user_namespaces(7)): so only a run without one
    // of its own can have it made from here.
    sys::unshare(clone_flags::NEWNET).map_err(at(Step::Namespaces, Call::Unshare, Subject::None))?;
    sys::fd::open(c"/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(at(
        Step::Namespaces,
        Call::Open,
        Subject::None,
    ))
}

/// Enters the namespace that the supervisor has made and sent. Without it the run fails.
pub(crate) fn enter_network(made: Option<Fd>) -> Result<(), Error> {
    let made = made.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF);
    made.and_then(sys::enter_network_namespace).map_err(at(Step::Namespaces, Call::Setns, Subject::None))
}

/// The clone3(2) flags for PID 1 of the sandbox.
pub(crate) fn flags(setup: &Setup<'_>, network: Network) -> u64 {
    GUARDED
        .iter()
        .filter(|(guard, _)| {
            setup.has(*guard) && (*guard != Guard::NetworkNamespace || network == Network::Clone)
        })
        .fold(clone_flags::NEWNS, |flags, (_, flag)| flags | flag)
}

/// A name for the machine that says nothing about the host.
pub(crate) fn set_host_name(setup: &Setup<'_>) -> Result<(), Error> {
    if !setup.has(Guard::UtsNamespace) {
        return Ok(());
    }
    let fail = at(Step::Namespaces, Call::Sethostname, Subject::None);
    rustix::system::sethostname(setup.options.hostname.to_bytes()).map_err(fail)
}

/// Maps the ids of the user namespace that `process` (a name in /proc) is in. From outside and by root, root is root,
/// so that files of the root keep their owners. Otherwise it is a process of that namespace itself: it may map its
/// caller's own ids only, once setgroups(2) is given up (user_namespaces(7)).
pub(crate) fn map_ids(setup: &Setup<'_>, process: &[u8], from_outside: bool) -> Result<(), Error> {
    let Ids { inside, outside } = setup.ids;
    let mut path = PathBuffer::new();
    let mut write = |file: &[u8], text: &[u8]| {
        let written =
            path.join(&[b"/proc/", process, file]).and_then(|path| kernel_file::write(CWD, path, text));
        written.map_err(at(Step::Namespaces, Call::Write, Subject::None))
    };
    if !from_outside {
        // Without privilege in the parent namespace gid_map can be written only after this: else a process could
        // leave a group whose members a file mode shuts out (CVE-2014-8989).
        write(b"/setgroups", b"deny")?;
    }
    for (file, inside, outside) in
        [(&b"/uid_map"[..], inside.uid, outside.uid), (b"/gid_map", inside.gid, outside.gid)]
    {
        let mut map = [0; 64];
        let mut map = Text::new(&mut map);
        map.push(if from_outside { b"0 0 1\n" } else { b"" });
        // Inside, outside, how many.
        map.number(inside.into()).push(b" ").number(outside.into()).push(b" 1");
        // Once and in one write: the kernel takes no second one (user_namespaces(7)).
        write(file, map.as_bytes())?;
    }
    Ok(())
}

/// Switches `lo` on: a new network namespace has it, but down (network_namespaces(7)).
pub(crate) fn raise_loopback(setup: &Setup<'_>, network: Network) -> Result<(), Error> {
    if setup.options.net != Net::Loopback || network == Network::Host {
        return Ok(());
    }
    // Any socket will do to reach the interface (netdevice(7)).
    let socket = sys::fd::socket(AddressFamily::INET, SocketType::DGRAM).map_err(at(
        Step::Namespaces,
        Call::Socket,
        Subject::None,
    ))?;
    sys::interface_up(socket.as_fd(), b"lo").map_err(at(Step::Namespaces, Call::Ioctl, Subject::None))
}
