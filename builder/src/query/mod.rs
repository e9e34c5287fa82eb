//! Commands that answer a question about a bundle from what it holds.

pub mod diff;
pub mod explain;
pub mod judge;
pub mod problem;
mod report;
mod sizes;
mod treemap;
pub mod verify;
