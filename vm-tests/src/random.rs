//! Random names and secrets, from the kernel's generator (random(4)).

use std::fs::File;
use std::io::{self, Read};

/// `bytes` random bytes in hexadecimal.
pub fn hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(to_hex(&buffer))
}

/// Lowercase hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
