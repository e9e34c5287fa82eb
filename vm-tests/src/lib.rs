//! Proof of a bundle: boots it under QEMU on a clean kernel and judges what the guest says.
//!
//! Processes and ports. The harness (`vm-tests`, on the host) starts QEMU with the bundle's initramfs and a second
//! segment behind it. In the VM the bundle's init is PID 1; told by the segment's /etc/capsule it starts the agent as
//! root. The agent sets out canaries, runs the plan step by step (most steps are sandboxes that init makes) and writes
//! one frame a step on the second serial port; the first port is the console. At the end it writes the exit port.
//!
//! Who believes what. The agent decides nothing: it reports. The harness believes only frames that carry the digest
//! of this boot's nonce, which the agent unlinks before the first sandbox starts; plan, frames and QEMU's exit code
//! must tell the same story. A guest that panics, hangs, is silent, cut short or lies is a failure with its transcript.

#[cfg(feature = "harness")]
pub mod accel;
pub mod agent;
#[cfg(feature = "harness")]
pub mod boot;
#[cfg(feature = "harness")]
pub mod bzimage;
#[cfg(feature = "harness")]
pub mod campaign;
pub mod canary;
pub mod case;
pub mod catalogue;
pub mod census;
pub mod cpio;
pub mod delegation;
#[cfg(feature = "harness")]
pub mod differential;
pub mod execute;
#[cfg(feature = "harness")]
pub mod export;
pub mod findings;
pub mod frame;
pub mod guest;
#[cfg(feature = "harness")]
pub mod host;
pub mod initramfs;
#[path = "../../builder/tests/packs/integers.rs"]
pub mod integers;
#[cfg(feature = "harness")]
pub mod kernel;
#[cfg(feature = "harness")]
pub mod language;
pub mod message;
pub mod mutant;
pub mod plan;
pub mod port;
pub mod probe;
#[cfg(feature = "harness")]
pub mod prove;
pub mod qemu;
pub mod random;
pub mod refusals;
pub mod soak;
pub mod suite;
pub mod syscalls;
#[cfg(feature = "harness")]
pub mod tally;
pub mod tsc;
pub mod vm;
pub mod workbox;
