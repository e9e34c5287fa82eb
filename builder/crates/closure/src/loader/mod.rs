//! What a dynamic loader does when a program starts, computed instead of run.
//!
//! A [`process::Process`] is the list of objects that a loader would have mapped, in its order, with the rule that
//! found each. The rules are glibc's (elf/dl-load.c, dl-deps.c, dl-cache.c, as of 2.36 to 2.41) and musl's
//! (ldso/dynlink.c); which of them holds is decided per program by its `PT_INTERP`, as the kernel does.
//!
//! ```text
//!   tree ──► process ──► flavour ──► glibc, musl ──► loaded ──► objects
//! ```
//!
//! `tree` keeps the loaders of one root and starts processes, `process` loads objects in the right order, `flavour`
//! selects the rules of one loader, and `loaded` is the part of a process that these rules look at.

pub mod attempt;
pub mod cache;
pub mod conf;
mod flavour;
mod glibc;
pub mod image_cache;
pub(crate) mod loaded;
pub(crate) mod mapped;
mod musl;
pub(crate) mod names;
pub mod objects;
pub mod process;
mod rodata;
pub mod setting;
mod slots;
mod tokens;
pub mod tree;
pub mod walk;
