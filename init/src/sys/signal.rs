//! Signals as data: blocked, and then read.

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;

use super::fd::Fd;
use super::{nr, syscall};

/// Signals as bits of a kernel signal set: bit n-1 is signal n (signal(7)).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signals(pub(crate) u64);

impl Signals {
    pub(crate) const ALL: Signals = Signals(u64::MAX);
    pub(crate) const NONE: Signals = Signals(0);

    /// The set of the given signals.
    pub(crate) const fn of(signals: &[u8]) -> Signals {
        let mut set = 0;
        let mut at = 0;
        while at < signals.len() {
            set |= 1 << (signals[at] - 1);
            at += 1;
        }
        Signals(set)
    }

    /// One more.
    pub(crate) const fn and(self, signal: u8) -> Signals {
        Signals(self.0 | 1 << (signal - 1))
    }

    /// Their numbers.
    pub(super) fn each(self) -> impl Iterator<Item = usize> {
        (1..=64).filter(move |signal| self.0 & (1 << (signal - 1)) != 0)
    }

    /// All but these.
    pub(crate) const fn without(self, others: Signals) -> Signals {
        Signals(self.0 & !others.0)
    }
}

/// Size of the kernel's signal set, in bytes: an argument of every rt_sig call (sigprocmask(2), "C library/kernel
/// differences").
const SIGSET_SIZE: usize = size_of::<u64>();

/// Sets the signal mask: exactly `blocked` are held back.
pub(crate) fn block_signals(blocked: Signals) {
    const SIG_SETMASK: usize = 2;
    // SAFETY: the set outlives the call; no old set is asked for.
    let result = unsafe {
        syscall(nr::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const blocked.0) as usize, 0, SIGSET_SIZE, 0])
    };
    debug_assert!(result.is_ok(), "only a bad `how` or size can fail");
}

/// Gives the signals of `set` their default actions: an ignored one stays ignored over execve(2), so what our caller
/// ignores (nohup, some shells and language runtimes) would reach the submission. clone3(2) has a flag that resets
/// handlers, but what is ignored stays so (CLONE_CLEAR_SIGHAND).
pub(crate) fn default_signal_actions(set: Signals) {
    /// `struct sigaction` of the kernel: handler, flags, restorer, mask; all zero is SIG_DFL.
    const DEFAULT: [u64; 4] = [0; 4];
    for signal in set.each() {
        // SAFETY: the structure outlives the call; no old action is asked for. EINVAL for KILL and STOP (sigaction(2)):
        // they cannot be ignored either.
        let _ = unsafe { syscall(nr::RT_SIGACTION, [signal, DEFAULT.as_ptr() as usize, 0, SIGSET_SIZE, 0]) };
    }
}

/// Those of `set` that this process ignores.
pub(crate) fn ignored_signals(set: Signals) -> Signals {
    const SIG_IGN: u64 = 1;
    let is_ignored = |signal: &usize| {
        let mut action = [0u64; 4];
        // SAFETY: the kernel writes one `struct sigaction`, four 64-bit words, to `action`; no new one is given.
        let result =
            unsafe { syscall(nr::RT_SIGACTION, [*signal, 0, action.as_mut_ptr() as usize, SIGSET_SIZE, 0]) };
        result.is_ok() && action[0] == SIG_IGN
    };
    Signals(set.each().filter(is_ignored).fold(0, |set, signal| set | 1 << (signal - 1)))
}

/// Takes one pending signal of `set` (which must be blocked), sleeping until there is one.
pub(crate) fn wait_signal(set: Signals) -> Result<u8, Errno> {
    // SAFETY: the set outlives the call; neither siginfo nor a time-out is asked for.
    let signal =
        unsafe { syscall(nr::RT_SIGTIMEDWAIT, [(&raw const set.0) as usize, 0, 0, SIGSET_SIZE, 0])? };
    Ok(signal as u8)
}

/// A descriptor that is readable when one of `set` (which must be blocked) is pending; close-on-exec, non-blocking.
pub(crate) fn signalfd(set: Signals) -> Result<Fd, Errno> {
    const CLOEXEC_NONBLOCK: usize = 0o2000000 | 0o4000;
    // SAFETY: the set outlives the call; -1 asks for a new descriptor, which we then own.
    unsafe {
        let fd = syscall(
            nr::SIGNALFD4,
            [usize::MAX, (&raw const set.0) as usize, SIGSET_SIZE, CLOEXEC_NONBLOCK, 0],
        )?;
        Fd::new(fd)
    }
}

/// Takes one pending signal from a [`signalfd`]; `None` when there is none.
pub(crate) fn read_signal(fd: BorrowedFd<'_>) -> Option<u8> {
    // `struct signalfd_siginfo`, signalfd(2): 128 bytes, the first word is the number.
    let mut info = [0u32; 32];
    // SAFETY: the kernel writes at most the 128 bytes of `info`.
    let read = unsafe { syscall(nr::READ, [fd.as_raw_fd() as usize, info.as_mut_ptr() as usize, 128, 0, 0]) };
    (read == Ok(128)).then_some(info[0] as u8)
}
