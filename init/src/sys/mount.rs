//! Attributes of mounts, mount_setattr(2).

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;

use super::{nr, syscall};

/// Mount attributes, mount_setattr(2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MountAttributes(pub(crate) u64);

impl MountAttributes {
    /// Nothing on it can be written.
    pub(crate) const READ_ONLY: MountAttributes = MountAttributes(1);
    /// Set-user-ID bits and file capabilities have no effect.
    pub(crate) const NO_SUID: MountAttributes = MountAttributes(2);
    /// Device nodes on it cannot be opened.
    pub(crate) const NO_DEV: MountAttributes = MountAttributes(4);
    /// Programs on it cannot be executed.
    pub(crate) const NO_EXEC: MountAttributes = MountAttributes(8);

    /// These and those.
    pub(crate) const fn and(self, other: MountAttributes) -> MountAttributes {
        MountAttributes(self.0 | other.0)
    }

    /// These without those.
    pub(crate) const fn less(self, other: MountAttributes) -> MountAttributes {
        MountAttributes(self.0 & !other.0)
    }
}

/// Sets attributes on the mount that `fd` stands for, with `recursive` on all below it too, and makes them private: no
/// mount made below them is passed on, in either direction (mount_namespaces(7)).
pub(crate) fn mount_setattr(fd: BorrowedFd<'_>, set: MountAttributes, recursive: bool) -> Result<(), Errno> {
    const MS_PRIVATE: u64 = 1 << 18;
    const AT_EMPTY_PATH: usize = 0x1000;
    const AT_RECURSIVE: usize = 0x8000;
    // `struct mount_attr`: attr_set, attr_clr, propagation, userns_fd.
    let attributes = [set.0, 0, MS_PRIVATE, 0];
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the empty path and the structure of the size given outlive the call.
    unsafe {
        syscall(
            nr::MOUNT_SETATTR,
            [
                fd.as_raw_fd() as usize,
                c"".as_ptr() as usize,
                flags,
                attributes.as_ptr() as usize,
                size_of_val(&attributes),
            ],
        )
    }
    .map(|_| ())
}
