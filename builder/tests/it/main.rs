//! builder's tests against real files: one module for each subject.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod resolve;
