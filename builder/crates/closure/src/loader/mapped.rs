//! A file's bytes by mmap(2): only the pages that are used are read.
#![allow(unsafe_code)] // memmap2's constructor is unsafe: another process may change the file while it is mapped.

use std::fs::File;
use std::io;

/// Calls `read` with the bytes of a regular file.
///
/// The file must not be truncated meanwhile: the process would be killed by SIGBUS, as any program would be whose
/// libraries are truncated while it runs. Packages replace files by rename(2), which is safe.
pub(crate) fn with_bytes<T>(file: &File, read: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    // mmap(2) refuses a length of zero.
    if file.metadata()?.len() == 0 {
        return Ok(read(&[]));
    }
    // SAFETY: `Mmap::map` requires that the file is not modified while the map lives. The map lives for this call
    // only, it is private and read-only, and `read` copies what it keeps; concurrent writers of installed files
    // are excluded by the documented precondition above.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(read(&map))
}
