//! What depends on the processor: numbers of system calls, how a program is entered and makes a call, how memory is copied.
//! One file for each.
//!
//! The rest of init is the same for all of them. (The policy has a table for each: `policy/arch.rs`.)
// Unsafe: instructions.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
#[path = "arch/aarch64.rs"]
mod processor;
#[cfg(target_arch = "x86_64")]
#[path = "arch/x86_64.rs"]
mod processor;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!("init knows only the processors that have a file in init/src/arch");

pub(crate) use processor::{
    AUDIT_ARCH, COUNTER_CAN_BE_FORBIDDEN, FOREIGN_ABI, HANDLER_FLAGS, SECOND_ABI_BIT, call, nr,
};
pub use processor::{copy, copy_from_end, fill};

unsafe extern "C" {
    /// Lets the signals come that are not in `mask`, then sleeps in SECCOMP_IOCTL_NOTIF_RECV; what the kernel answers.
    /// [`interrupt`] ends it.
    ///
    /// # Safety
    /// `mask` is a signal set, and `notification` has room for a `struct seccomp_notif`.
    #[link_name = "capsule_receive"]
    pub(crate) unsafe fn unblock_and_receive(mask: *const u64, listener: i32, notification: *mut u32) -> i32;
    /// A signal's handler. What it interrupts in [`unblock_and_receive`] goes on after the ioctl, as if that had returned
    /// EAGAIN.
    #[link_name = "capsule_interrupt"]
    pub(crate) fn interrupt();
    /// What a handler returns to: rt_sigreturn(2).
    #[link_name = "capsule_return"]
    pub(crate) fn return_from_handler();
}
