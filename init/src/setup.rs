//! What is known of a run before it starts: its options, who calls, and which guards are on, off or unavailable.

use crate::guard::{Guard, Guards, Reason};
use crate::identity::Identity;
use crate::options::{Net, Options};
use crate::user::Ids;

/// The options, which never change, and what was found for them.
pub(crate) struct Setup<'a> {
    pub(crate) options: &'a Options<'a>,
    pub(crate) identity: Identity,
    /// The submission's ids; [`Ids::DEFAULT`] until `uids::allocate` has found them.
    pub(crate) ids: Ids,
    pub(crate) guards: Guards,
}

impl<'a> Setup<'a> {
    /// Starts with the guards that the options leave on, without those that this caller cannot have or did not ask for.
    pub(crate) fn new(options: &'a Options<'a>, identity: Identity) -> Self {
        let mut guards = options.guards;
        if !identity.privileged {
            guards.mark_unavailable(Guard::Uid, Reason::NotRoot);
            guards.mark_unavailable(Guard::UniqueUid, Reason::NotRoot);
            guards.mark_unavailable(Guard::Groups, Reason::CallersGroups);
        }
        let limits = &options.limits;
        let requested = [
            (Guard::UserNamespace, options.userns || !identity.privileged),
            (Guard::NetworkNamespace, options.net != Net::Host),
            (Guard::UniqueUid, options.uid.is_none() || options.uid_range.is_some()),
            (Guard::Cpuset, options.cpus.is_some()),
            (Guard::CpuQuota, limits.cpu_quota.is_some()),
            (Guard::FirstInLine, limits.cpu_time.or(limits.wall_time).or(limits.idle_time).is_some()),
            (Guard::OutputCap, options.output_given || !options.tty),
        ];
        // Off rather than unavailable, since nothing is missing: this wins over the marks above.
        for (guard, _) in requested.iter().filter(|(_, requested)| !requested) {
            guards.remove(*guard);
        }
        Setup { options, identity, ids: Ids::DEFAULT, guards }
    }

    /// Whether a guard is up.
    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.guards.has(guard)
    }
}
