//! The guards against the build host by name, and what lifts them.

use crate::pattern::Pattern;

/// One lifted guard.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Which guard.
    pub guard: Guard,
    /// For which paths.
    pub pattern: Pattern,
}

/// The guards against the build host, by the name that lifts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// A file that no package owns.
    Unowned,
    /// A file that differs from its package's checksum.
    Modified,
    /// A version manager's stand-in for the program of its name.
    Shim,
    /// Set-user-id or set-group-id.
    Setuid,
    /// File capabilities (capabilities(7)).
    Capabilities,
    /// A file that every user may write.
    WorldWritable,
    /// A file or directory that not every user of the build host may read. It is not refused: the image has its mode.
    Private,
}

impl Guard {
    /// All guards, in the order in which they are reported.
    pub const ALL: [Guard; 7] = [
        Guard::Unowned,
        Guard::Modified,
        Guard::Shim,
        Guard::Setuid,
        Guard::Capabilities,
        Guard::WorldWritable,
        Guard::Private,
    ];

    /// The key under `[allow]`, and the word before `=` in `--allow`.
    pub fn key(self) -> &'static str {
        match self {
            Guard::Unowned => "unowned",
            Guard::Modified => "modified",
            Guard::Shim => "shim",
            Guard::Setuid => "setuid",
            Guard::Capabilities => "capabilities",
            Guard::WorldWritable => "world_writable",
            Guard::Private => "private",
        }
    }

    /// The guard with that key.
    pub fn from_key(key: &str) -> Option<Guard> {
        Guard::ALL.into_iter().find(|guard| guard.key() == key)
    }
}
