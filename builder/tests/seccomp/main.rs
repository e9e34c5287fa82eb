//! The seccomp policy: its language, its compiler, what the default answers, and that real programs live with it.

// Tests to the last line: an unwrap is an assertion here, also in their helpers.
#![allow(clippy::unwrap_used)]

mod answers;
mod compiler;
mod language;
mod machine;
mod processors;
mod programs;
