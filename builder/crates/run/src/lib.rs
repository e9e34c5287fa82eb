//! One run of a submission: init started, its report read, the host examined.
//!
//! # Theory of operation
//!
//! ```text
//!   bundle, options, command ──InitCommand──► init run … ──► exit code and Report
//! ```
//!
//! * [`InitCommand`] builds the argument vector of every start of init; [`report`] reads what init reports.
//! * [`command`] becomes init: `capsule run` and `capsule shell`. `run_options` are those that are not init's, and
//!   `ending_signals` passes signals on to an init next to which this process stays.
//! * [`Cancel`] ends runs from another thread.
//! * `kernel_holes` knows which holes a kernel has that no sandbox closes.
//! * [`exec`] compiles and runs one submission, each step in a sandbox of its own, and answers with one report.
//! * [`Pool`] has runs done by a persistent supervisor, in sandboxes that stand ready.
//! * [`doctor`] does a trial run and says what this host can enforce.
//! * [`timing`] says how far the times of a run can be off.
//! * [`refusal`] reports that none of this could begin.
//! * [`SubmissionUid`] keeps one uid for all runs of one submission.
//! * `verification` compares a bundle's tree with its manifest, for `--verify`.
//! * `stale_cgroups` removes what is left of runs whose processes were all killed at once.
//!
//! Every limit, stream and guard is init's; nothing here enforces anything.
#![warn(unreachable_pub)]

mod cancel;
pub mod command;
pub mod doctor;
mod ending_signals;
mod error;
pub mod exec;
mod init_command;
pub mod kernel_holes;
pub mod refusal;
pub mod report;
mod run_options;
mod stale_cgroups;
pub mod timing;
mod verification;

pub use cancel::Cancel;
pub use error::Error;
pub use exec::{Child, Pool, SubmissionUid, close_others_on_exec};
pub use init_command::InitCommand;
