//! From a recipe to an image on disk.
//!
//! # Theory of operation
//!
//! ```text
//!   ImageRequest ──gather──► inputs ──plan──► checked plan ──write──► tree, archives, manifest, scripts
//! ```
//!
//! * [`gather`] reads the build host: the closure, included files, dpkg's database, runtime data. It copies nothing.
//! * `plan` makes one sorted list of entries, and refuses conflicts, suspicious files and exceeded budgets. Nothing is
//!   written before the plan is accepted.
//! * [`write`] copies and hashes the files, and renders manifest, bill of materials and scripts. It works in a hidden
//!   directory next to the output, which gets its name when it is complete.
//!
//! [`build`] calls the three in this order. An entry of the plan carries its provenance: the id of the request in the
//! recipe, or the file that needs it. The manifest and every refusal read it from there.
//!
//! The bytes of a bundle depend on the request and the contents of the named files only: no clock, no user, no directory
//! of the build, no number of CPUs.

#![warn(unreachable_pub)]

pub mod build;
mod error;
pub mod gather;
mod plan;
mod request;
pub mod write;

pub use error::{Error, verdict};
pub use request::ImageRequest;
