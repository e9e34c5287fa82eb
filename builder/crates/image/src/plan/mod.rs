//! Makes a plan of the inputs: entries sorted by path, without conflicts, within the budget and past the guards.

mod applet_links;
pub(crate) mod assemble;
mod base_files;
mod budget;
pub(crate) mod check;
pub(crate) mod entry;
pub(crate) mod foreign_program;
mod guards;
mod planner;
mod private;
pub(crate) mod scan;
pub(crate) mod start_hints;
