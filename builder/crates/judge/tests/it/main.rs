//! Readers of problems, each with whole problems in memory.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod cms;
mod dmoj;
mod hydro;
mod icpc;
mod legacy;
mod polygon;
mod sheet;
mod submissions;
