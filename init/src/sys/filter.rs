//! The system-call filter, seccomp(2), and its listener, seccomp_unotify(2).

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;

use super::fd::Fd;
use super::signal::Signals;
use super::syscall;
use crate::arch::{HANDLER_FLAGS, interrupt, nr, return_from_handler, unblock_and_receive};

/// One instruction of a classic BPF program, `struct sock_filter` of `linux/filter.h`: operation u16, two jump
/// distances u8, operand u32. As bytes, for the kernel copies it from wherever it lies.
pub(crate) type Instruction = [u8; 8];

/// Installs a seccomp filter on this thread and all that it becomes, seccomp(2) SECCOMP_SET_MODE_FILTER. With `listens`
/// returns its listener, a close-on-exec descriptor.
///
/// # Errors
/// EINVAL: not a valid program; EACCES: no_new_privs is not set; ENOSYS: a kernel without seccomp; EBUSY: a filter of an
/// outer sandbox has a listener.
pub(crate) fn add_filter(program: &[Instruction], listens: bool) -> Result<Option<Fd>, Errno> {
    const SECCOMP_SET_MODE_FILTER: usize = 1;
    const NEW_LISTENER: usize = 8;
    /// `struct sock_fprog`.
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const Instruction,
    }
    let Ok(len) = u16::try_from(program.len()) else { return Err(Errno::INVAL) };
    let program = Program { len, filter: program.as_ptr() };
    let flags = if listens { NEW_LISTENER } else { 0 };
    // SAFETY: `program` describes a live slice of `len` instructions; the kernel copies it. With the flag the call returns
    // a new descriptor, which has no other owner.
    unsafe {
        let result =
            syscall(nr::SECCOMP, [SECCOMP_SET_MODE_FILTER, flags, (&raw const program) as usize, 0, 0])?;
        if listens { Fd::new(result).map(Some) } else { Ok(None) }
    }
}

/// A call that waits for its seccomp listener: `data.nr` and `data.arch` of `struct seccomp_notif`.
///
/// Both are 0 for a call of which only is known that it was made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Notification {
    /// The number it was made with.
    pub(crate) number: u32,
    /// The table that the number is of.
    pub(crate) arch: u32,
}

/// Takes the next call that waits, seccomp_unotify(2) SECCOMP_IOCTL_NOTIF_RECV, and sleeps until there is one, or until one
/// of `until` comes. All signals are blocked but in here, and these have [`let_interrupt`](super::let_interrupt)'s handler.
///
/// # Errors
/// ENOENT: a call was made that does not wait any more. EINTR: there is none, and a signal came. EAGAIN: a signal came
/// before the kernel was asked.
#[inline(never)]
pub(crate) fn seccomp_receive(listener: BorrowedFd<'_>, until: Signals) -> Result<Notification, Errno> {
    // id (two words), pid, flags, then struct seccomp_data: nr, arch, ip, six arguments; the kernel wants zeros.
    let mut notification = [0_u32; 20];
    let open = Signals::ALL.without(until);
    // SAFETY: both pointers are to live memory of the sizes that the kernel reads and writes: 8 and 0x50 bytes.
    let result = unsafe { unblock_and_receive(&open.0, listener.as_raw_fd(), notification.as_mut_ptr()) };
    super::block_signals(Signals::ALL);
    match result {
        0.. => Ok(Notification { number: notification[4], arch: notification[5] }),
        error => Err(super::errno(-error)),
    }
}

// Between rt_sigprocmask(2), which lets signals come, and ioctl(2), which a signal ends, one would be lost: its handler
// would have returned before the sleep begins. So the handler lets what was interrupted there go on after the ioctl, as if
// it had returned EAGAIN. (ppoll(2) closes the same gap in the kernel, but there is no ioctl(2) with a signal mask.)

/// Gives these signals the handler that ends [`seccomp_receive`].
pub(crate) fn let_interrupt(signals: Signals) {
    let action =
        [interrupt as *const () as usize, HANDLER_FLAGS, return_from_handler as *const () as usize, 0];
    for signal in signals.each() {
        // SAFETY: the structure outlives the call. The handler changes nothing but registers that `unblock_and_receive`
        // has given up, and only where that is what it interrupts.
        let result = unsafe { syscall(nr::RT_SIGACTION, [signal, action.as_ptr() as usize, 0, 8, 0]) };
        debug_assert!(result.is_ok(), "a handler is refused for no signal but KILL and STOP");
    }
}

/// One SIGALRM after so many microseconds, less than a million.
pub(crate) fn alarm_after(microseconds: usize) {
    let timer = [0, 0, 0, microseconds];
    // SAFETY: ITIMER_REAL and a `struct itimerval` (two pairs of seconds and microseconds) that outlives the call.
    let result = unsafe { syscall(nr::SETITIMER, [0, timer.as_ptr() as usize, 0, 0, 0]) };
    debug_assert!(result.is_ok(), "only a bad timer or time is refused");
}
