//! Files without a name, for what programs write.

use std::fs::File;
use std::io::{Read, Seek};

/// A file without a name: the disk space is given back whatever becomes of us.
pub(super) fn scratch() -> Result<File, String> {
    tempfile::tempfile().map_err(|error| format!("a file for output cannot be made: {error}"))
}

/// The start of it.
pub(super) fn beginning(file: &mut File, most: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
