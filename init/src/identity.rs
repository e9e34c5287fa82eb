//! Who runs the supervisor, and so what the sandbox's processes can become.

use rustix::thread::CapabilitySet;

use crate::guard::Guard;
use crate::options::{Net, Options};

/// The supervisor's own user and what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Whether it may make namespaces and change users (CAP_SYS_ADMIN). Without it the sandbox gets a user
    /// namespace of its own, in which the one user that can be mapped is this one (user_namespaces(7)).
    pub privileged: bool,
}

impl Identity {
    /// Asks the kernel.
    pub fn current() -> Identity {
        let privileged = rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID));
        Identity {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            privileged,
        }
    }

    /// Notes what a run without privilege cannot have, and what nobody asked for.
    pub fn note_missing(self, options: &mut Options<'_>) {
        if !self.privileged {
            const WHY: &str = "not root: one user is mapped, for PID 1 and the submission alike";
            options.guards.unavailable(Guard::Uid, WHY);
            options.guards.unavailable(Guard::UniqueUid, WHY);
            options.guards.unavailable(Guard::Groups, "not root: a user namespace keeps the caller's groups");
        }
        let asked_for = [
            (Guard::UserNamespace, options.userns || !self.privileged),
            (Guard::NetworkNamespace, options.net != Net::Host),
            (Guard::UniqueUid, options.uid.is_some() || options.uid_range.is_some()),
            (Guard::Cpuset, options.cpus.is_some()),
        ];
        for (guard, _) in asked_for.iter().filter(|(_, asked)| !asked) {
            options.guards.remove(*guard);
        }
    }
}
