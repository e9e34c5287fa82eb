//! Who runs the supervisor, and so what the sandbox's processes can become.

use rustix::thread::CapabilitySet;

use crate::user::Owner;

/// The supervisor's own user and what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// Effective ids.
    pub(crate) owner: Owner,
    /// Whether it may make namespaces and change users (CAP_SYS_ADMIN and CAP_SETUID). Without them the sandbox gets a
    /// user namespace of its own, in which this user is the only one that can be mapped (user_namespaces(7)).
    pub(crate) privileged: bool,
}

impl Identity {
    /// Asks the kernel.
    pub(crate) fn current() -> Identity {
        // Both: a container's root may have the one without the other.
        let privileged = rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID));
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Identity { owner: Owner { uid, gid }, privileged }
    }
}
