//! Hashes a finished file in the page cache, without another copy of its bytes.
// Unsafe: a mapping is invalid after another process truncates the file (SIGBUS, mmap(2)).
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bundle::digest::{Digests, Hasher};
use memmap2::MmapOptions;

/// Below this many bytes, read(2) takes less time than mmap(2) and its page faults.
const WORTH_MAPPING: usize = 64 << 10;

/// Digests of a file of our own staging directory, `length` bytes long.
pub(crate) fn digests(file: &File, length: u64, md5: bool) -> io::Result<Digests> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut hasher = Hasher::new(md5);
    if length < WORTH_MAPPING {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        hasher.update(&bytes);
        return Ok(hasher.finish());
    }
    // SAFETY: the file must not change or shrink while it is mapped. It is finished: this process wrote it and does not
    // write to it again. No other user can open it, because it is in a directory of mode 0700 that this process made.
    let bytes = unsafe { MmapOptions::new().len(length).populate().map(file)? };
    hasher.update(&bytes);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle::digest::Sha;
    use std::io::Write;

    #[test]
    fn small_and_large_files_are_hashed_completely() {
        for length in [0, 1, WORTH_MAPPING - 1, WORTH_MAPPING, WORTH_MAPPING * 3 + 17] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&bytes).expect("written");
            assert_eq!(digests(&file, length as u64, false).expect("read").sha, Sha::of(&bytes), "{length}");
        }
    }
}
