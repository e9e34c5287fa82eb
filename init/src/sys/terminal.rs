//! Terminals, ioctl_tty(2).

use rustix::fd::BorrowedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::fd::Fd;
use super::ioctl;

/// How a terminal treats what passes through it: `struct termios` of the kernel, `asm-generic/termbits.h`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct TerminalMode {
    /// Flags of what is typed.
    pub(crate) input: u32,
    /// Flags of what is shown.
    pub(crate) output: u32,
    /// Flags of the line.
    pub(crate) control: u32,
    /// Flags of the dialogue: echo, line editing, signals.
    pub(crate) local: u32,
    discipline: u8,
    /// Special characters, and two numbers: how much one read wants at least, and how long it waits.
    pub(crate) characters: [u8; 19],
}

/// How the terminal works now, ioctl_tty(2) TCGETS.
///
/// # Errors
/// ENOTTY: not a terminal.
pub(crate) fn terminal_mode(terminal: BorrowedFd<'_>) -> Result<TerminalMode, Errno> {
    const TCGETS: usize = 0x5401;
    let mut mode = TerminalMode::default();
    // SAFETY: the kernel writes one `struct termios`, 36 bytes, which `mode` is.
    unsafe { ioctl(terminal, TCGETS, (&raw mut mode) as usize) }.map(|_| mode)
}

/// Changes how the terminal works, at once, ioctl_tty(2) TCSETS.
pub(crate) fn set_terminal_mode(terminal: BorrowedFd<'_>, mode: &TerminalMode) -> Result<(), Errno> {
    const TCSETS: usize = 0x5402;
    // SAFETY: the kernel reads one `struct termios`, 36 bytes, which `mode` is.
    unsafe { ioctl(terminal, TCSETS, (&raw const *mode) as usize) }.map(|_| ())
}

/// Opens the slave of a pseudo-terminal, wherever its name is, ioctl_tty(2) TIOCGPTPEER.
pub(crate) fn terminal_peer(master: BorrowedFd<'_>, flags: OFlags) -> Result<Fd, Errno> {
    const TIOCGPTPEER: usize = 0x5441;
    // SAFETY: the request takes flags, and returns a new descriptor, which we then own.
    unsafe { Fd::new(ioctl(master, TIOCGPTPEER, flags.bits() as usize)?) }
}
