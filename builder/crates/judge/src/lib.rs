//! From a submission to its verdict: problems, checkers, scores.
//!
//! # Theory of operation
//!
//! ```text
//!   directory or zip ──files──► Files ──read──► Problem
//!                                output, answer ──compare──► Outcome
//!   Problem, submission, bundle ──judging──► Judgement
//! ```
//!
//! * [`files`] lists what a problem consists of, and opens files below it and nowhere else.
//! * [`read`] has a reader for each format. All of them make the same [`problem::Problem`].
//! * [`compare`] has the comparisons that need no program.
//! * [`judging`] compiles a submission, runs its tests, checks the outputs and adds up the score.
//! * [`show`] prints what was understood of a problem.
#![warn(unreachable_pub)]

pub mod compare;
mod constants;
mod error;
mod example;
pub mod files;
mod group;
#[cfg(feature = "judging")]
pub mod judging;
mod pattern;
pub mod problem;
mod read;
pub mod show;
mod verdict;

pub use error::{Error, Mistake};
pub use read::read;
