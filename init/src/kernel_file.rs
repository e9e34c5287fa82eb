//! Small files of the kernel, in /proc and in cgroups: read and written in one call each, by name below a directory.

use core::ffi::CStr;

use rustix::fd::BorrowedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::sys::fd::{self, Fd};

/// Reads a file from its start; what does not fit in `buffer` is cut off.
pub(crate) fn read<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Errno> {
    let file = open(directory, name, OFlags::RDONLY)?;
    let len = rustix::io::read(&file, &mut *buffer)?;
    Ok(buffer.get(..len).unwrap_or_default())
}

/// Writes a file. One call, since the kernel takes each write(2) as a whole request (cgroups(7), user_namespaces(7)).
pub(crate) fn write(directory: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let file = open(directory, name, OFlags::WRONLY)?;
    rustix::io::write(&file, bytes).map(drop)
}

/// Opens a file or, with [`OFlags::DIRECTORY`], a directory.
pub(crate) fn open(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<Fd, Errno> {
    fd::open_at(directory, name, flags | OFlags::CLOEXEC, Mode::empty())
}
