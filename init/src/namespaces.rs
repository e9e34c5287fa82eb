//! Namespaces: which ones a run gets, and what is set up inside before anything is mounted.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::CWD;
use rustix::net::{AddressFamily, SocketType};

use crate::cgroup::write_file;
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::options::{Net, Options};
use crate::sys::{self, clone_flags};
use crate::text::Text;

/// Namespace by guard. The mount namespace has no guard: without it there would be nothing to mount in.
/// The cgroup namespace is missing here: the submission makes it itself, once it is in its cgroup.
const GUARDED: [(Guard, u64); 4] = [
    (Guard::PidNamespace, clone_flags::NEWPID),
    (Guard::NetworkNamespace, clone_flags::NEWNET),
    (Guard::IpcNamespace, clone_flags::NEWIPC),
    (Guard::UtsNamespace, clone_flags::NEWUTS),
];

/// The clone3(2) flags for PID 1 of the sandbox.
pub fn flags(options: &Options<'_>, identity: Identity) -> u64 {
    let shares_network = options.net == Net::Host;
    let wanted = GUARDED
        .iter()
        .filter(|(guard, _)| {
            options.guards.has(*guard) && !(shares_network && *guard == Guard::NetworkNamespace)
        })
        .fold(clone_flags::NEWNS, |flags, (_, flag)| flags | flag);
    if identity.privileged { wanted } else { wanted | clone_flags::NEWUSER }
}

/// First steps inside: ids, host name, loopback.
pub fn settle(options: &Options<'_>, identity: Identity) -> Result<(), Error> {
    if !identity.privileged {
        map_ids(options, identity)?;
    }
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

/// Maps the submission's ids to the caller's own: all that user_namespaces(7) allows without privilege, and
/// only once setgroups(2) is given up.
fn map_ids(options: &Options<'_>, identity: Identity) -> Result<(), Error> {
    let write = |file: &CStr, line: &[u8]| {
        write_file(CWD, file, line).map_err(at(Step::Namespaces, Call::Write, Subject::None))
    };
    let mut line = [0; 64];
    write(c"/proc/self/setgroups", b"deny")?;
    write(c"/proc/self/uid_map", map_line(&mut line, options.uid, identity.uid))?;
    write(c"/proc/self/gid_map", map_line(&mut line, options.gid, identity.gid))
}

/// `INSIDE OUTSIDE 1`
fn map_line(buffer: &mut [u8; 64], inside: u32, outside: u32) -> &[u8] {
    let mut line = Text::new(buffer);
    line.number(inside.into()).push(b" ").number(outside.into()).push(b" 1");
    line.finish()
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
