//! Standard input that is a regular file: the submission's own to seek in and to map, and no one's to change.
//!
//! The caller's descriptor does not do. Opened again through /proc/self/fd/0 it could be written (proc_pid_fd(5)), its
//! position is shared with the caller, and its link shows the host's path.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags, SealFlags, SeekFrom};
use rustix::io::Errno;

use super::access::{Access, name_of, open_again};
use crate::mounts;
use crate::path::PATH_MAX;
use crate::sys::fd::{self, Fd};

/// Up to this size, in bytes, a copy costs less than a mount and its end; and no two runs share the file's pages.
const SMALL: u64 = 1 << 20;

/// Up to this size, in bytes, a file is copied that only its owner may read: the submission's user could not open it by
/// the name /dev/stdin.
const LARGE: u64 = 1 << 30;

/// Modes with this bit let every user read (inode(7)).
const OTHERS_READ: u32 = 0o4;

/// Makes it stdin through a mount of its own, if that can be done and a copy is not better. To be called in the sandbox's
/// mount namespace, while the host's tree is in it.
pub(crate) fn show(input: &mut Option<Fd>, stdin: &mut Fd) {
    if let Some(file) = input
        && let Ok(shown) = mounted(file)
    {
        *stdin = shown;
        *input = None;
    }
}

/// Makes a copy stdin, as the file is now: the submission starts.
pub(crate) fn copy(input: &mut Option<Fd>, stdin: &mut Fd) -> Result<(), Errno> {
    if let Some(file) = input.take() {
        *stdin = sealed_copy(&file)?;
    }
    Ok(())
}

/// A copy that is made after the submission has its stdin, which it must not read before.
pub(crate) struct Later {
    file: Fd,
    copy: Fd,
}

/// Makes stdin what will be a copy of the file.
pub(crate) fn promise(input: &mut Option<Fd>, stdin: &mut Fd) -> Result<Option<Later>, Errno> {
    let Some(file) = input.take() else { return Ok(None) };
    let copy = fd::memory()?;
    *stdin = open_again(copy.as_fd(), Access::Read, OFlags::empty())?;
    Ok(Some(Later { file, copy }))
}

impl Later {
    /// Makes the copy, as the file is now, from its beginning.
    pub(crate) fn keep(self) -> Result<(), Errno> {
        fill(&self.file, &self.copy)
    }
}

/// A mount that is read-only and has no place in any tree: no path leads to it, and it shows none.
///
/// # Errors
/// FBIG for what a copy is better for, and whatever keeps it from being shown: it was deleted, or lies outside of the
/// caller's root.
#[inline(never)] // the path would be room on the stack of every run
fn mounted(file: &Fd) -> Result<Fd, Errno> {
    let stat = rustix::fs::fstat(file)?;
    if stat.st_size as u64 <= if stat.st_mode & OTHERS_READ == 0 { LARGE } else { SMALL } {
        return Err(Errno::FBIG);
    }
    let mut path = [0; PATH_MAX];
    let last = path.len() - 1; // the kernel writes no NUL
    rustix::fs::readlinkat_raw(CWD, name_of(file.as_fd(), &mut [0; 32]), &mut path[..last])?;
    // By its path: only from a mount of this namespace can one be cloned, and the descriptor is of the caller's.
    let tree = mounts::read_only_file(CStr::from_bytes_until_nul(&path).unwrap_or_default())?;
    let found = rustix::fs::fstat(tree.as_fd())?;
    // The path may lead to another file by now.
    if (found.st_dev, found.st_ino) != (stat.st_dev, stat.st_ino) {
        return Err(Errno::STALE);
    }
    opened(&tree, file)
}

/// An open file of its own, which begins where the caller was.
fn opened(own: &Fd, file: &Fd) -> Result<Fd, Errno> {
    let own = open_again(own.as_fd(), Access::Read, OFlags::empty())?;
    rustix::fs::seek(&own, SeekFrom::Start(rustix::fs::tell(file)?))?;
    Ok(own)
}

/// A file in memory with the same bytes, which no process can change any more (memfd_create(2), "File sealing").
#[inline(never)] // as `mounted`
fn sealed_copy(file: &Fd) -> Result<Fd, Errno> {
    let copy = fd::memory()?;
    fill(file, &copy)?;
    opened(&copy, file)
}

/// Copies all bytes, and seals the copy.
fn fill(file: &Fd, copy: &Fd) -> Result<(), Errno> {
    // Not by sendfile(2), which some files of /proc do not know.
    let mut buffer = [0; 16 << 10];
    let mut from = 0;
    loop {
        let len = rustix::io::pread(file, &mut buffer[..], from)?;
        if len == 0 {
            break;
        }
        from += rustix::io::write(copy, buffer.get(..len).unwrap_or_default())? as u64;
    }
    // Every user, as the submission's is not this one. Its owner may change that, but not the seals.
    rustix::fs::fchmod(copy, Mode::from_raw_mode(0o444))?;
    let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(copy, all)
}
