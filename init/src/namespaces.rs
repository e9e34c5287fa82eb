//! Namespaces: which ones a run gets, who makes them, and what is set up inside.

use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use crate::cgroup::write_file;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::ids::Ids;
use crate::options::{Net, Options};
use crate::path::PathBuffer;
use crate::sys::fd::Fd;
use crate::sys::{self, clone_flags};
use crate::text::Text;

/// Namespace by guard. The mount namespace has no guard: without it there would be nothing to mount in.
/// The cgroup namespace is missing here: the submission makes it itself, once it is in its cgroup.
const GUARDED: [(Guard, u64); 5] = [
    (Guard::UserNamespace, clone_flags::NEWUSER),
    (Guard::PidNamespace, clone_flags::NEWPID),
    (Guard::NetworkNamespace, clone_flags::NEWNET),
    (Guard::IpcNamespace, clone_flags::NEWIPC),
    (Guard::UtsNamespace, clone_flags::NEWUTS),
];

/// Who makes the network namespace. It takes as long as all the mounts, so where two can work at a time they do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Nobody: it is the host's.
    Host,
    /// The supervisor, while PID 1 mounts. PID 1 enters it before there is a submission.
    Supervisor,
    /// clone3(2), with the user namespace that it must belong to.
    Clone,
}

impl Network {
    /// For this run.
    pub fn of(options: &Options<'_>, identity: Identity) -> Network {
        if !options.guards.has(Guard::NetworkNamespace) {
            Network::Host
        } else if identity.privileged && !options.guards.has(Guard::UserNamespace) {
            Network::Supervisor
        } else {
            Network::Clone
        }
    }
}

/// Leaves the host's network for one of the sandbox's own, which PID 1 is to enter. The supervisor stays in it: it has
/// no use for a network.
pub fn make_network() -> Result<Fd, Error> {
    sys::unshare(clone_flags::NEWNET).map_err(at(Step::Namespaces, Call::Unshare, Subject::None))?;
    sys::fd::open(c"/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(at(
        Step::Namespaces,
        Call::Open,
        Subject::None,
    ))
}

/// Enters what the supervisor has made, and sent. Without it there is no run.
pub fn enter_network(made: Option<Fd>) -> Result<(), Error> {
    let made = made.as_ref().map(AsFd::as_fd).ok_or(Errno::BADF);
    made.and_then(sys::enter_network_namespace).map_err(at(Step::Namespaces, Call::Setns, Subject::None))
}

/// The clone3(2) flags for PID 1 of the sandbox.
pub fn flags(options: &Options<'_>, network: Network) -> u64 {
    GUARDED
        .iter()
        .filter(|(guard, _)| {
            options.guards.has(*guard) && (*guard != Guard::NetworkNamespace || network == Network::Clone)
        })
        .fold(clone_flags::NEWNS, |flags, (_, flag)| flags | flag)
}

/// A name for the machine that tells nothing.
pub fn set_host_name(options: &Options<'_>) -> Result<(), Error> {
    if !options.guards.has(Guard::UtsNamespace) {
        return Ok(());
    }
    let fail = at(Step::Namespaces, Call::Sethostname, Subject::None);
    rustix::system::sethostname(options.hostname.to_bytes()).map_err(fail)
}

/// Maps the ids of the user namespace that `process` (a name in /proc) is in. From outside and by root, root is root,
/// so that the files of the root belong to whom they say. Otherwise it is a process of that namespace itself, and all
/// that user_namespaces(7) allows it is to map its caller's own ids, once setgroups(2) is given up.
pub fn map_ids(options: &Options<'_>, process: &[u8], from_outside: bool) -> Result<(), Error> {
    let Ids { inside, outside } = options.ids;
    let mut path = PathBuffer::new();
    let mut write = |file: &[u8], text: &[u8]| {
        let written = path.join(&[b"/proc/", process, file]).and_then(|path| write_file(CWD, path, text));
        written.map_err(at(Step::Namespaces, Call::Write, Subject::None))
    };
    if !from_outside {
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
        write(file, map.as_bytes())?;
    }
    Ok(())
}

/// A new network namespace has `lo`, but down.
pub fn raise_loopback(options: &Options<'_>, network: Network) -> Result<(), Error> {
    if options.net != Net::Loopback || network == Network::Host {
        return Ok(());
    }
    let socket = sys::fd::socket(AddressFamily::INET, SocketType::DGRAM).map_err(at(
        Step::Namespaces,
        Call::Socket,
        Subject::None,
    ))?;
    sys::interface_up(socket.as_fd(), b"lo").map_err(at(Step::Namespaces, Call::Ioctl, Subject::None))
}
