//! Hashes a file that we have just written, in the page cache where it lies, without copying it once more.
// Unsafe: mapping a file is, as whoever truncates it takes the pages away.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memmap2::MmapOptions;

use crate::digest::{Digests, Hasher};

/// Below this many bytes, reading is cheaper than changing the address space.
const WORTH_MAPPING: usize = 64 << 10;

/// Digests of a file in a staging directory of ours, `length` bytes long.
pub fn digests(file: &File, length: u64, md5: bool) -> io::Result<Digests> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut hasher = Hasher::new(md5);
    if length < WORTH_MAPPING {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        hasher.update(&bytes);
        return Ok(hasher.finish());
    }
    // SAFETY: nobody may change or truncate the file while it is mapped. It is in a directory of mode
    // 0700 that this process made, was written by this process alone, and is finished: nobody writes it now.
    let bytes = unsafe { MmapOptions::new().len(length).populate().map(file)? };
    hasher.update(&bytes);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha;
    use std::io::Write;

    #[test]
    fn small_and_large_files_are_hashed_whole() {
        for length in [0, 1, WORTH_MAPPING - 1, WORTH_MAPPING, WORTH_MAPPING * 3 + 17] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&bytes).expect("written");
            assert_eq!(digests(&file, length as u64, false).expect("read").sha, Sha::of(&bytes), "{length}");
        }
    }
}
