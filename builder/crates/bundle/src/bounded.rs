//! Files that are read whole, up to a size: a device or a pipe may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::file_error::FileError;

/// The largest list of a bundle (manifest, sums, modes), in bytes: that of some 700,000 files.
pub const LARGEST_LIST: u64 = 256 << 20;

/// The bytes of a file that has at most `most`.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    File::open(path).and_then(|file| read_open(file, most)).map_err(|error| FileError::read(path, error))
}

/// The same of an open file.
pub(crate) fn read_open(file: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_all_bytes_that_are_allowed_and_none_more() {
        assert_eq!(read_open(&b"abc"[..], 3).unwrap(), b"abc");
        assert_eq!(read_open(&b"abcd"[..], 3).unwrap_err().to_string(), "it is longer than 3 bytes");
    }

    #[test]
    fn what_has_no_end_is_refused_by_its_name() {
        let error = read("/dev/zero".as_ref(), 1 << 20).unwrap_err().to_string();
        assert_eq!(error, "`/dev/zero` cannot be read: it is longer than 1048576 bytes");
    }
}
