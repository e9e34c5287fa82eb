//! The system calls that rustix does not publish, one idea a file, and the process's argument vector.
//!
//! Everything in here is `unsafe`; but for `arch`, nothing else in the library is.
// Unsafe: raw syscalls and the kernel's argument arrays; each use has its reason.
#![allow(unsafe_code)]

mod args;
mod buffer;
mod clock;
mod cpu;
pub(crate) mod fd;
mod filter;
mod inherited;
mod mount;
mod process;
pub(crate) mod rights;
mod signal;
mod socket;
mod terminal;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;

use crate::arch::{self, nr};

pub use self::args::Args;
pub(crate) use self::buffer::{
    PointerBuffer, PolicyBuffer, RequestBuffer, StreamBuffer, pointer_buffers, policy_buffer, program_buffer,
    request_buffers, stream_buffers,
};
pub(crate) use self::clock::{Clock, clock};
pub(crate) use self::cpu::{Turns, affinity, current_cpu, set_affinity, take_turns};
pub(crate) use self::filter::{
    Instruction, Notification, add_filter, alarm_after, let_interrupt, seccomp_receive,
};
pub(crate) use self::inherited::{reset_attributes, reset_io_priority, reset_personality};
pub(crate) use self::mount::{MountAttributes, mount_setattr};
pub(crate) use self::process::{
    Forked, Usage, children_usage, clone_flags, clone3, close_range, close_range_on_exec,
    enter_network_namespace, execve, exit, unshare, working_directory,
};
pub(crate) use self::signal::{
    Signals, block_signals, default_signal_actions, ignored_signals, read_signal, signalfd, wait_signal,
};
pub(crate) use self::socket::{interface_up, receive, send_descriptor};
pub(crate) use self::terminal::{TerminalMode, set_terminal_mode, terminal_mode, terminal_peer};

/// # Safety
/// As the system call `number` demands of its arguments: every pointer among them is valid for what
/// the kernel reads or writes through it.
#[inline]
unsafe fn syscall(number: usize, a: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: the caller's promise.
    let result = unsafe { arch::call(number, a) };
    // Errors are -4095..=-1 (syscall(2)).
    if (-4095..0).contains(&result) { Err(errno(-result as i32)) } else { Ok(result as usize) }
}

/// The error with this number. One outside of what the kernel uses (1 to 4095) becomes the nearest that it could.
pub(crate) fn errno(number: i32) -> Errno {
    Errno::from_raw_os_error(number.clamp(1, 4095))
}

/// # Safety
/// `argument` is what `request` demands: a number, or a pointer to its structure that outlives the call.
unsafe fn ioctl(fd: BorrowedFd<'_>, request: usize, argument: usize) -> Result<usize, Errno> {
    // SAFETY: the caller's promise.
    unsafe { syscall(nr::IOCTL, [fd.as_raw_fd() as usize, request, argument, 0, 0]) }
}

/// A standard stream of this process. It is ours until we replace it, so borrowing it is sound.
pub(crate) fn stdio(number: u8) -> BorrowedFd<'static> {
    // SAFETY: start-up made sure that 0, 1 and 2 are open (`streams::fill_standard`), and nothing closes them.
    unsafe { BorrowedFd::borrow_raw(number.into()) }
}
