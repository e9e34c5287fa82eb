//! Reading or writing, and opening once more for it what is open already.

use core::ffi::CStr;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::sys::fd::{self, Fd};
use crate::text::Text;

/// What is done with an end of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Access {
    fn flags(self) -> OFlags {
        match self {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::WRONLY,
        }
    }
}

/// Opens again what a descriptor stands for: with an open file description of its own, whose flags are not shared.
///
/// The name leads to the very file that is open, wherever its path leads by now (proc_pid_fd(5)).
///
/// # Errors
/// As open(2): EACCES for what another user has made; ENOENT where /proc is not mounted.
pub(super) fn open_again(file: BorrowedFd<'_>, access: Access, flags: OFlags) -> Result<Fd, Errno> {
    let mut name = [0; 32];
    let path = name_of(file, &mut name);
    // NOCTTY: a terminal that is opened by a session leader without one would become its own (open(2)).
    fd::open(path, access.flags() | flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
}

/// The path of what a descriptor stands for, as long as it is open.
pub(super) fn name_of<'a>(file: BorrowedFd<'_>, room: &'a mut [u8; 32]) -> &'a CStr {
    Text::new(room).push(b"/proc/self/fd/").number(file.as_raw_fd() as u64).push(b"\0");
    CStr::from_bytes_until_nul(room).unwrap_or_default()
}
