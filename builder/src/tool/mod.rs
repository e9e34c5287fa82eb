//! Commands that neither answer a question about a bundle nor are a stage of a build.

pub mod bench;
pub mod calibrate;
pub mod pack;
pub mod prepare;
pub mod prove;
mod scratch;
pub mod seccomp;
pub mod serve;
pub mod start_check;
pub mod trace;
