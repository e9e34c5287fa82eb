//! The `capsule` program.
//!
//! ```text
//!   command line ──cli──► Request ──► one command, which calls the crates ──► text, exit code
//! ```
//!
//! * [`cli`] knows clap, and nothing else does. It turns words into a [`cli::Request`].
//! * [`query`] answers questions about bundles from what they hold: explain, verify, diff, sizes, the report page, problems.
//! * [`tool`] holds the other commands: trace, packs, benchmarks, policies, proofs.
//! * [`error`] composes the crates' errors and picks exit codes.

#![warn(unreachable_pub)]

pub mod cli;
pub mod error;
pub mod query;
pub mod tool;
