//! Descriptors: the type that closes them, and the calls that make them.
//!
//! rustix has both, but without std its type checks wherever one is borrowed that it is not -1, with a message that
//! brings in all of `core::fmt`. Ours is checked once, where it comes from the kernel.

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags};
use rustix::net::{AddressFamily, SocketType};

use super::{nr, syscall};

/// An open descriptor with one owner; dropped, it is closed.
pub(crate) struct Fd(BorrowedFd<'static>);

impl Fd {
    /// # Safety
    /// `number` is what a system call returned as a new descriptor.
    pub(super) unsafe fn new(number: usize) -> Result<Fd, Errno> {
        match number as RawFd {
            // SAFETY: open by the caller's promise, and closed by `drop` only, after which it cannot be borrowed.
            number @ 0.. => Ok(Fd(unsafe { BorrowedFd::borrow_raw(number) })),
            _ => Err(Errno::BADF),
        }
    }

    /// A second descriptor for the same open file.
    pub(crate) fn duplicate(&self) -> Result<Fd, Errno> {
        inherited(self.0.as_raw_fd())
    }

    /// The descriptor, which stays open until this process ends.
    pub(crate) fn for_good(self) -> BorrowedFd<'static> {
        core::mem::ManuallyDrop::new(self).0
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: it is ours, and never used again.
        let _ = unsafe { syscall(nr::CLOSE, [raw(self.0), 0, 0, 0, 0]) }; // closed even when it fails (close(2), "Dealing with error returns")
    }
}

fn raw(fd: BorrowedFd<'_>) -> usize {
    fd.as_raw_fd() as usize
}

/// open(2)
pub(crate) fn open(path: &CStr, flags: OFlags, mode: Mode) -> Result<Fd, Errno> {
    open_at(CWD, path, flags, mode)
}

/// openat(2)
pub(crate) fn open_at(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    mode: Mode,
) -> Result<Fd, Errno> {
    let (path, flags, mode) = (path.as_ptr() as usize, flags.bits() as usize, mode.bits() as usize);
    // SAFETY: the path outlives the call, which returns a new descriptor.
    unsafe { Fd::new(syscall(nr::OPENAT, [raw(directory), path, flags, mode, 0])?) }
}

/// openat2(2), of what exists already.
pub(crate) fn open_resolved(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<Fd, Errno> {
    // `struct open_how`: flags, mode, resolve.
    let how = [u64::from(flags.bits()), 0, resolve.bits()];
    let (path, how, size) = (path.as_ptr() as usize, how.as_ptr() as usize, size_of_val(&how));
    // SAFETY: path and structure, of the size given, outlive the call, which returns a new descriptor.
    unsafe { Fd::new(syscall(nr::OPENAT2, [raw(directory), path, how, size, 0])?) }
}

/// open_tree(2)
pub(crate) fn open_tree(directory: BorrowedFd<'_>, path: &CStr, flags: OpenTreeFlags) -> Result<Fd, Errno> {
    // SAFETY: the path outlives the call, which returns a new descriptor.
    unsafe {
        Fd::new(syscall(
            nr::OPEN_TREE,
            [raw(directory), path.as_ptr() as usize, flags.bits() as usize, 0, 0],
        )?)
    }
}

/// fsopen(2), close-on-exec.
pub(crate) fn fsopen(kind: &CStr) -> Result<Fd, Errno> {
    const FSOPEN_CLOEXEC: usize = 1;
    // SAFETY: the name outlives the call, which returns a new descriptor.
    unsafe { Fd::new(syscall(nr::FSOPEN, [kind.as_ptr() as usize, FSOPEN_CLOEXEC, 0, 0, 0])?) }
}

/// fsmount(2), close-on-exec.
pub(crate) fn fsmount(context: BorrowedFd<'_>, attributes: MountAttrFlags) -> Result<Fd, Errno> {
    const FSMOUNT_CLOEXEC: usize = 1;
    let attributes = attributes.bits() as usize;
    // SAFETY: numbers only; the call returns a new descriptor.
    unsafe { Fd::new(syscall(nr::FSMOUNT, [raw(context), FSMOUNT_CLOEXEC, attributes, 0, 0])?) }
}

/// pipe2(2), close-on-exec: the end to read, the end to write.
pub(crate) fn pipe() -> Result<[Fd; 2], Errno> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the kernel writes two new descriptors to `ends`.
    unsafe {
        syscall(nr::PIPE2, [ends.as_mut_ptr() as usize, CLOEXEC, 0, 0, 0])?;
        pair(ends)
    }
}

/// socket(2), close-on-exec.
pub(crate) fn socket(family: AddressFamily, kind: SocketType) -> Result<Fd, Errno> {
    let (family, kind) = (usize::from(family.as_raw()), kind.as_raw() as usize | CLOEXEC);
    // SAFETY: numbers only; the call returns a new descriptor.
    unsafe { Fd::new(syscall(nr::SOCKET, [family, kind, 0, 0, 0])?) }
}

/// socketpair(2), close-on-exec.
pub(crate) fn socket_pair(family: AddressFamily, kind: SocketType) -> Result<[Fd; 2], Errno> {
    let (family, kind) = (usize::from(family.as_raw()), kind.as_raw() as usize | CLOEXEC);
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the kernel writes two new descriptors to `ends`.
    unsafe {
        syscall(nr::SOCKETPAIR, [family, kind, 0, ends.as_mut_ptr() as usize, 0])?;
        pair(ends)
    }
}

/// memfd_create(2), close-on-exec and to be sealed.
pub(crate) fn memory() -> Result<Fd, Errno> {
    const CLOEXEC_AND_ALLOW_SEALING: usize = 3;
    // SAFETY: the name outlives the call, which returns a new descriptor.
    unsafe {
        Fd::new(syscall(nr::MEMFD_CREATE, [c"stdin".as_ptr() as usize, CLOEXEC_AND_ALLOW_SEALING, 0, 0, 0])?)
    }
}

/// eventfd(2), close-on-exec and non-blocking.
pub(crate) fn event() -> Result<Fd, Errno> {
    const NONBLOCK: usize = 0o4000;
    // SAFETY: numbers only; the call returns a new descriptor.
    unsafe { Fd::new(syscall(nr::EVENTFD2, [0, CLOEXEC | NONBLOCK, 0, 0, 0])?) }
}

/// A descriptor of our own, close-on-exec, for one that our caller has handed to us (`fd:N`).
///
/// # Errors
/// EBADF: no such descriptor is open.
pub(crate) fn inherited(number: RawFd) -> Result<Fd, Errno> {
    const F_DUPFD_CLOEXEC: usize = 1030;
    // 3 or higher, so that it never becomes a standard stream.
    // SAFETY: numbers only; the call returns a new descriptor.
    unsafe { Fd::new(syscall(nr::FCNTL, [number as usize, F_DUPFD_CLOEXEC, 3, 0, 0])?) }
}

/// What a lock keeps others from: from a lock for writing, or from every lock (fcntl(2), F_RDLCK and F_WRLCK).
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    Read = 0,
    Write = 1,
}

/// Locks the byte at `at` for this open file, fcntl(2) F_OFD_SETLK: until its last descriptor is closed.
///
/// # Errors
/// EAGAIN: another open file has it.
pub(crate) fn lock_byte(file: BorrowedFd<'_>, at: u64, lock: Lock) -> Result<(), Errno> {
    const F_OFD_SETLK: usize = 37;
    // `struct flock`: type and whence (0: from the start) in the first word, start, length, pid (0).
    let lock = [lock as u64, at, 1, 0];
    // SAFETY: the kernel reads one `struct flock`, 32 bytes, which `lock` is.
    unsafe { syscall(nr::FCNTL, [file.as_raw_fd() as usize, F_OFD_SETLK, lock.as_ptr() as usize, 0, 0]) }
        .map(|_| ())
}

/// `O_CLOEXEC`, `SOCK_CLOEXEC`, `EFD_CLOEXEC`: one number.
const CLOEXEC: usize = 0o2000000;

/// # Safety
/// Both are new descriptors.
unsafe fn pair([one, other]: [RawFd; 2]) -> Result<[Fd; 2], Errno> {
    // SAFETY: the caller's promise.
    unsafe { Ok([Fd::new(one as usize)?, Fd::new(other as usize)?]) }
}
