//! The contract: all of init that other crates may use. Everything else is private to the runner.
//!
//! * The **option grammar**: [`OPTIONS`] is the table of options from which [`parse`] and `init run --help` are made;
//!   [`amount`] reads times, sizes and numbers; [`Limits`] and [`DEFAULT_ID`] are what holds without options.
//! * The **guards** by name: [`Guard`].
//! * The **report**: [`report`] has its version, and the names and exit codes that appear in it.
//! * The **uid** of a run: [`DEFAULT_RANGE`] and [`uids`] say where it comes from and how it is locked.
//! * The **cgroup** of a run: [`cgroup`] recognises its name.

pub use crate::guard::Guard;
pub use crate::limits::Limits;
pub use crate::options::help::NOTES;
pub use crate::options::{Group, OPTIONS, OptionSpec, Options, UsageError, ValueKind, parse};
pub use crate::sys::Args;
pub use crate::text::Text;
pub use crate::user::{DEFAULT_ID, DEFAULT_RANGE, Range};

/// Amounts: one grammar for the command line, recipes and configuration.
pub mod amount {
    pub use crate::amount::{count, duration, limit, size};
}

/// What a reader of the report must know.
pub mod report {
    pub use crate::outcome::{Status, exit_code};
    pub use crate::report::{GUARD_OFF, GUARD_ON, GUARD_UNAVAILABLE, MAX_LEN, VERSION};
}

/// What a caller must know that gives several runs one uid.
pub mod uids {
    pub use crate::uids::FILE;
}

/// What a cleaner of leftover cgroups must know.
pub mod cgroup {
    pub use crate::cgroup::{PREFIX, RunName};
    pub use crate::supervise::SETUP_LIMIT;
}
