//! Namespaces: which ones a run gets, and what is set up inside before anything is mounted.

use rustix::fd::AsFd;
use rustix::fs::CWD;
use rustix::net::{AddressFamily, SocketType};

use crate::cgroup::write_file;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::ids::Ids;
use crate::options::{Net, Options};
use crate::path::PathBuffer;
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

/// The clone3(2) flags for PID 1 of the sandbox.
pub fn flags(options: &Options<'_>) -> u64 {
    let shares_network = options.net == Net::Host;
    GUARDED
        .iter()
        .filter(|(guard, _)| {
            options.guards.has(*guard) && !(shares_network && *guard == Guard::NetworkNamespace)
        })
        .fold(clone_flags::NEWNS, |flags, (_, flag)| flags | flag)
}

/// First steps inside: host name, loopback.
pub fn settle(options: &Options<'_>) -> Result<(), Error> {
    if options.guards.has(Guard::UtsNamespace) {
        rustix::system::sethostname(options.hostname.to_bytes()).map_err(at(
            Step::Namespaces,
            Call::Sethostname,
            Subject::None,
        ))?;
    }
    if options.net == Net::Loopback && options.guards.has(Guard::NetworkNamespace) {
        raise_loopback()?;
    }
    Ok(())
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
fn raise_loopback() -> Result<(), Error> {
    let socket = sys::fd::socket(AddressFamily::INET, SocketType::DGRAM).map_err(at(
        Step::Namespaces,
        Call::Socket,
        Subject::None,
    ))?;
    sys::interface_up(socket.as_fd(), b"lo").map_err(at(Step::Namespaces, Call::Ioctl, Subject::None))
}
