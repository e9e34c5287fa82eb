//! The network namespace of a sandbox that stands ready: a new one, or one that an earlier run has left as it was.
//!
//! To make one and to free it takes as long as all else of a short run, and most submissions never use theirs. It is used
//! again if all of this is so; otherwise it ends with its slot:
//!
//! * **Nobody could change it.** The run had the default filter and all of [`NEEDED`]. So it got Unix, TCP and UDP sockets,
//!   and rtnetlink to ask; whatever configures a network asks for CAP_NET_ADMIN in the user namespace that owns it, which is
//!   the host's, and sysctls of a network ask for its root (net_ctl_permissions in net/sysctl_net.c).
//! * **No socket is left in it.** The kernel counts those of all families, wherever they are held: one that was passed to a
//!   process outside, or that is on its way through itself until the kernel collects it (unix(7), SCM_RIGHTS). With its
//!   sockets a run's ports and abstract names are gone. All of its processes are reaped.
//! * **No packet has passed.** What else connections leave (TIME-WAIT, metrics, routes that were learned) comes of packets,
//!   and each of them is counted, by `lo` and by its protocol. The counters only grow; so their sum says whether one has.
//!   Nor was an IPv4 route looked up, where the kernel counts that and lets a later run read it.
//! * **Nobody outside watches it.** A file of /proc/net is no socket, so no count has it; whoever gets its descriptor reads of
//!   later runs. It gets out by a socket on which a process outside listens. The filter and the guards leave only the run's
//!   binds for that: it had none that may show one, or the server's caller has said that none does (`--binds private`).
//!
//! What a later run can see of an earlier one is that both had this namespace: by its inode number in /proc/self/ns.

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::kernel_file;
use crate::namespaces;
use crate::options::{Net, Options, SeccompChoice};
use crate::setup::Setup;
use crate::sys;
use crate::sys::fd::Fd;
use crate::sys::rights::{Descriptors, duplicate_onto, receive_all, send_all};

/// Guards without which a submission might change its network, leave a process in it, or meet another run in its root.
const NEEDED: &[Guard] = &[
    Guard::PidNamespace,
    Guard::NetworkNamespace,
    Guard::PrivateMounts,
    Guard::ReadOnlyRoot,
    Guard::ProcReadOnly,
    Guard::CloseFds,
    Guard::Streams,
    Guard::Uid,
    Guard::Groups,
    Guard::Capabilities,
    Guard::Securebits,
    Guard::NoNewPrivs,
    Guard::Seccomp,
];

/// One of this process, or for it.
pub(super) struct Network {
    namespace: Fd,
    net: Net,
    before: Account,
}

/// What it has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Account {
    /// The sum of all that its device and its protocols count.
    counters: u64,
    /// The sum of what it says of its IPv6 routes, which may grow without a packet: connect(2) remembers one.
    routes: u64,
}

/// Files of decimal numbers, whose names may have digits too: those do not change. With each, whether it may be missing.
const COUNTERS: [(&CStr, bool); 5] = [
    (c"dev", false),
    (c"snmp", false),
    (c"netstat", false),
    (c"snmp6", true), // without IPv6
    // With CONFIG_IP_FIB_TRIE_STATS it counts what connect(2) and bind(2) look up, without a packet (net/ipv4/fib_trie.c).
    (c"fib_triestat", true),
];
/// One of hexadecimal numbers; it is missing without IPv6.
const ROUTES: &CStr = c"rt6_stats";
/// It begins with the number of all sockets that were made by a process.
const SOCKETS: &CStr = c"sockstat";
const NO_SOCKET: &[u8] = b"sockets: used 0\n";

/// Bytes with which one is handed on: what it is for, and what it has counted.
const LEN: usize = 1 + 2 * size_of::<u64>();

impl Network {
    /// Whether a sandbox of this kind has one that can be another's.
    pub(super) fn is_wanted(options: &Options<'_>) -> bool {
        options.net != Net::Host && options.guards.has(Guard::NetworkNamespace) && !options.userns
    }

    /// What it is for.
    pub(super) fn net(&self) -> Net {
        self.net
    }

    /// Takes this process into `used`, or into a new one, with its loopback device as the options have it.
    ///
    /// # Errors
    /// None can be made, or entered.
    pub(super) fn enter(setup: &Setup<'_>, used: Option<Network>) -> Result<Network, Error> {
        if let Some(network) = used {
            let entered = sys::enter_network_namespace(network.namespace.as_fd());
            return entered.map(|()| network).map_err(at(Step::Namespaces, Call::Setns, Subject::None));
        }
        let namespace = namespaces::make_network()?;
        // Here, before it is looked at: what PID 1 does again then changes nothing.
        namespaces::raise_loopback(setup, namespaces::Network::Supervisor)?;
        let before = files().and_then(|files| Account::now(files.as_fd())).map_err(at(
            Step::Namespaces,
            Call::Read,
            Subject::None,
        ))?;
        Ok(Network { namespace, net: setup.options.net, before })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// The same with this number, in a process that closes all others; the first descriptor is the parent's.
    pub(super) fn renumbered(self, number: i32) -> Result<Network, Errno> {
        let namespace = duplicate_onto(self.namespace.as_fd(), number)?;
        core::mem::forget(self.namespace); // the caller closes it, without its owner
        Ok(Network { namespace, ..self })
    }

    /// Whether it is as it was before the run that has just ended, whose processes are all reaped, in this process's network
    /// namespace.
    pub(super) fn is_untouched(&self) -> bool {
        let Ok(files) = files() else { return false };
        let mut line = [0; NO_SOCKET.len()];
        kernel_file::read(files.as_fd(), SOCKETS, &mut line).is_ok_and(|line| line == NO_SOCKET)
            && Account::now(files.as_fd()) == Ok(self.before)
    }

    /// Gives it to the server.
    pub(super) fn hand_back(&self, server: BorrowedFd<'_>) {
        let Account { counters, routes } = self.before;
        let mut message = [0; LEN];
        let numbers = [counters, routes].map(u64::to_ne_bytes);
        let bytes = [self.net as u8].into_iter().chain(numbers.into_iter().flatten());
        message.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        let only = core::iter::once(self.namespace.as_fd());
        let _ = send_all(server, [&message, b""], only, false); // without it the next sandbox makes its own
    }

    /// Of a slot that has ended; `None` where it has given none.
    pub(super) fn from_slot(slot: BorrowedFd<'_>) -> Option<Network> {
        loop {
            let (mut message, mut given) = ([0; LEN], Descriptors::new());
            // An error: there is no more.
            let len = receive_all(slot, &mut message, &mut given, false).ok()?;
            let ([net, numbers @ ..], Some(namespace), Some(LEN)) = (message, given.take(), len) else {
                // Another message of a slot, or its end.
                if len == Some(0) {
                    return None;
                }
                continue;
            };
            let net = if net == Net::None as u8 { Net::None } else { Net::Loopback };
            let [counters, routes] = *numbers.as_chunks::<8>().0 else { return None };
            let before =
                Account { counters: u64::from_ne_bytes(counters), routes: u64::from_ne_bytes(routes) };
            return Some(Network { namespace, net, before });
        }
    }
}

/// Whether a run with these guards, as they were in the end, cannot have changed its network.
pub(super) fn is_out_of_reach(setup: &Setup<'_>) -> bool {
    setup.options.seccomp == SeccompChoice::Default
        && !setup.has(Guard::UserNamespace)
        && NEEDED.iter().all(|guard| setup.has(*guard))
}

/// The directory in which the kernel describes the network namespace of this process.
fn files() -> Result<Fd, Errno> {
    kernel_file::open(CWD, c"/proc/self/net", OFlags::PATH | OFlags::DIRECTORY)
}

impl Account {
    fn now(files: BorrowedFd<'_>) -> Result<Account, Errno> {
        let mut counters = 0u64;
        for (file, is_optional) in COUNTERS {
            counters = counters.wrapping_add(sum(files, file, 10, is_optional)?);
        }
        Ok(Account { counters, routes: sum(files, ROUTES, 16, true)? })
    }
}

/// The sum of all numbers in a file of the kernel's.
fn sum(files: BorrowedFd<'_>, file: &CStr, radix: u64, is_optional: bool) -> Result<u64, Errno> {
    let file = match kernel_file::open(files, file, OFlags::RDONLY) {
        Err(Errno::NOENT) if is_optional => return Ok(0),
        file => file?,
    };
    let mut buffer = [0; 4096];
    let mut sum = Sum { radix, ended: 0, number: 0 };
    loop {
        match rustix::io::read(&file, &mut buffer)? {
            0 => return Ok(sum.ended.wrapping_add(sum.number)),
            len => buffer.iter().take(len).for_each(|byte| sum.add(*byte)),
        }
    }
}

/// A sum of numbers in a text that comes in pieces.
struct Sum {
    radix: u64,
    ended: u64,
    /// The one in which the text so far ends.
    number: u64,
}

impl Sum {
    /// Inlined, because a run has ten thousand bytes to add up.
    #[inline(always)]
    fn add(&mut self, byte: u8) {
        let digit = match byte {
            b'a'..=b'f' => byte - b'a' + 10,
            _ => byte.wrapping_sub(b'0'),
        };
        if u64::from(digit) < self.radix {
            self.number = self.number.wrapping_mul(self.radix).wrapping_add(digit.into());
        } else {
            self.ended = self.ended.wrapping_add(self.number);
            self.number = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, radix: u64) -> u64 {
        let mut sum = Sum { radix, ended: 0, number: 0 };
        text.bytes().for_each(|byte| sum.add(byte));
        sum.ended + sum.number
    }

    #[test]
    fn a_sum_is_of_all_numbers() {
        assert_eq!(of("Ip: Forwarding DefaultTTL\nIp: 1 64\n", 10), 65);
        assert_eq!(of("    lo:     120       2    0", 10), 122);
        assert_eq!(of("001a 0003\n", 16), 0x1d);
        assert_eq!(of("Icmp6InType129 7", 10), 6 + 129 + 7);
    }

    #[test]
    fn a_network_that_is_left_alone_has_the_same_account() {
        // This process's own may be busy: what is read is what counts.
        let files = files().unwrap();
        assert!(Account::now(files.as_fd()).is_ok());
        assert!(sum(files.as_fd(), c"none", 10, false).is_err());
        assert_eq!(sum(files.as_fd(), c"none", 10, true), Ok(0));
    }
}
