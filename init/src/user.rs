//! The types of uids and gids, and the default id. `uids` chooses the submission's, `identity` knows the caller's.

/// The gid of a submission whose caller names none, and its uid as a user namespace shows it; bundles call both `judge`.
pub const DEFAULT_ID: u32 = 60_000;

/// Where the uid of a root's run comes from whose caller names none. No accounts, no subordinate ids (subuid(5)) and none
/// of the ids that systemd gives out (<https://systemd.io/UIDS-GIDS>) are in it, and it lies below 65,536, which is all
/// that many containers have. Bundles call each of them `judge`.
pub const DEFAULT_RANGE: Range = Range { first: 60_706, last: 61_183 };

/// User ids from `first` to `last`, both included; `first` is never above `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The lowest.
    pub first: u32,
    /// The highest.
    pub last: u32,
}

impl Range {
    pub(crate) fn contains(self, id: u32) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

/// A user and a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The submission's user and group, as the sandbox sees them and as the host does. They differ in a user namespace
/// only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ids {
    pub(crate) inside: Owner,
    pub(crate) outside: Owner,
}

impl Ids {
    /// The ids of a run that asks for none.
    pub(crate) const DEFAULT: Ids = {
        let judge = Owner { uid: DEFAULT_ID, gid: DEFAULT_ID };
        Ids { inside: judge, outside: judge }
    };
}
