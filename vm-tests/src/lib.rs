//! Proof of a bundle: boots it under QEMU on a clean kernel and judges what the guest reports.
//!
//! Processes and ports. The harness (`vm-tests`, on the host) starts QEMU with the bundle's initramfs and a second
//! segment after it. In the VM the bundle's init is PID 1; as the segment's /etc/capsule demands, it starts the agent as
//! root. The agent sets out canaries, runs the plan step by step (most steps are sandboxes that init makes) and writes
//! one frame per step on the second serial port; the first port is the console. At the end it writes the exit port.
//!
//! Who believes what. The agent decides nothing: it reports. The harness believes only frames that carry the digest
//! of this boot's nonce, which the agent unlinks before the first sandbox starts; plan, frames and QEMU's exit code
//! must agree. A guest that panics, hangs, is silent, cut short or lies is a failure with its transcript.

#![warn(unreachable_pub)]
// The guest's programs are built without the harness, which uses the rest of what both share.
#![cfg_attr(not(feature = "harness"), allow(dead_code))]

#[cfg(feature = "harness")]
pub mod accel;
pub mod agent;
pub mod arch;
#[cfg(feature = "harness")]
pub mod boot;
#[cfg(feature = "harness")]
mod bzimage;
pub mod callers;
pub mod canary;
pub mod case;
pub mod cases;
pub mod catalogue;
mod census;
mod cpio;
mod delegation;
#[cfg(feature = "harness")]
mod differential;
pub mod enclosed;
pub mod ending;
mod execute;
#[cfg(feature = "harness")]
pub mod export;
pub mod findings;
pub mod frame;
pub mod guest;
#[cfg(feature = "harness")]
mod host;
pub mod initramfs;
// A file of the builder's tests, which is public there.
#[allow(unreachable_pub)]
#[path = "../../builder/tests/packs/integers.rs"]
mod integers;
#[cfg(feature = "harness")]
pub mod kernel;
// A file of the builder's, which is public there.
#[cfg(feature = "harness")]
#[allow(unreachable_pub, dead_code)]
#[path = "../../builder/crates/run/src/kernel_holes.rs"]
mod kernel_holes;
#[cfg(feature = "harness")]
mod language;
#[cfg(feature = "harness")]
pub mod matrix;
pub mod message;
mod mutant;
pub mod plan;
pub mod pooled;
pub mod port;
pub mod probe;
pub mod processor;
#[cfg(feature = "harness")]
mod progress;
#[cfg(feature = "harness")]
pub mod prove;
pub mod qemu;
pub mod random;
pub mod refusals;
#[cfg(feature = "harness")]
pub mod shipped;
pub mod soak;
pub mod storm;
pub mod suite;
pub mod syscalls;
#[cfg(feature = "harness")]
mod tally;
mod tsc;
pub mod vm;
mod workspace;
