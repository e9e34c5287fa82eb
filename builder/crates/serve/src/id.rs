//! Names that nobody can guess.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// A random UUID (RFC 9562, version 4), which nobody can guess.
pub(crate) fn new_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    let got = getrandom(&mut bytes, GetRandomFlags::empty())?;
    if got != bytes.len() {
        return Err(io::Error::other("too few random bytes"));
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, other) = (super::new_id().unwrap(), super::new_id().unwrap());
        assert_ne!(one, other);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!((lengths.as_slice(), &one[14..15]), (&[8, 4, 4, 4, 12][..], "4"));
    }
}
