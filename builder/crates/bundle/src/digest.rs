//! Digests of file contents.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use md5::Md5;
use recipe::image_path::ImagePath;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 digest as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sha(String);

/// Computes the digests of bytes that come in pieces: SHA-256, and on request the MD5 that dpkg stores.
#[derive(Debug)]
pub struct Hasher {
    sha: Sha256,
    md5: Option<Md5>,
}

/// The digests of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the complete content.
    pub sha: Sha,
    /// 32 hexadecimal digits; `None` unless it was requested.
    pub md5: Option<String>,
}

/// The digests of all regular files of an image.
pub type FileDigests = BTreeMap<ImagePath, Digests>;

impl Hasher {
    /// A hasher for no bytes yet; `with_md5` requests the MD5, which takes another pass over each piece.
    pub fn new(with_md5: bool) -> Hasher {
        Hasher { sha: Sha256::new(), md5: with_md5.then(Md5::new) }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// The digests of all bytes.
    pub fn finish(self) -> Digests {
        Digests { sha: Sha(hex(&self.sha.finalize())), md5: self.md5.map(|md5| hex(&md5.finalize())) }
    }
}

impl Sha {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Sha {
        Sha(hex(&Sha256::digest(bytes)))
    }

    /// A digest from its 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Sha> {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        (text.len() == 64 && text.as_bytes().iter().all(is_digit)).then(|| Sha(text.to_owned()))
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digest of a file's content.
///
/// # Errors
/// The file cannot be read.
pub fn of_file(path: &Path) -> io::Result<Sha> {
    struct HashWriter(Hasher);
    impl io::Write for HashWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = HashWriter(Hasher::new(false));
    io::copy(&mut File::open(path)?, &mut writer)?;
    Ok(writer.0.finish().sha)
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        let mut hasher = Hasher::new(true);
        hasher.update(b"a");
        hasher.update(b"bc");
        let digests = hasher.finish();
        assert_eq!(digests.sha.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digests.md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
    }
}
