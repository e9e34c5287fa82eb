//! The harness against guests that misbehave, and against one that does not.

// A test that cannot prepare its world has failed: clippy.toml's exception covers only `#[test]` functions.
#![allow(clippy::unwrap_used)]

mod accel;
mod misbehaviour;
mod round_trip;
mod world;
