//! What depends on the processor that a program of this crate runs on, one file for each: single instructions, calls that
//! only one processor has, the ports of its virtual machine.
//!
//! A harness can boot guests of another processor ([`crate::processor`]); what runs there was built for it.
// Unsafe: instructions, and calls that no safe interface offers.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
#[path = "arch/aarch64.rs"]
mod here;
#[cfg(target_arch = "x86_64")]
#[path = "arch/x86_64.rs"]
mod here;

pub use here::*;
