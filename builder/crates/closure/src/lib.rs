//! Which files a program needs in order to start, answered by the loaders' own rules without running anything.
//!
//! # Theory of operation
//!
//! ```text
//!   bytes ──elf──► facts ──loader──► one process laid out ──resolve──► closure: paths, and what needs each of them
//! ```
//!
//! * [`elf`] reads the facts of a file; only this module uses goblin.
//! * [`loader`] searches as glibc's ld.so and musl's would: one [`loader::process::Process`] is one program as it would
//!   be loaded.
//! * [`resolve`] lays out every requested program, follows scripts, name services and dlopen notes, and merges the
//!   results in the order of the request, whatever the number of threads.
//! * [`audit`] compares the result with what the tree's own loader prints: the only code here that runs one.
//!
//! Every file is opened through [`sysroot::Sysroot`], so that no link leads out of the tree.

#![warn(unreachable_pub, unnameable_types)]

pub mod arch;
pub mod audit;
pub mod dlopen;
pub mod elf;
pub mod errno;
mod error;
pub mod loader;
mod member;
pub mod nss;
pub mod resolve;
pub mod script;
mod shards;
pub mod symlink;
pub mod sysroot;

pub use error::{Error, Failure, MissingLibrary, Search, grouped};
pub use member::{Closure, Member, MemberKind, Reason, Why};
