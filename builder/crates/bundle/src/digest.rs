//! Digests of file contents, made from the same bytes that are written.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a file's content; shown and stored as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sha(String);

/// A running digest; MD5 beside it when somebody compares it with dpkg's.
#[derive(Debug)]
pub struct Hasher {
    sha: Sha256,
    md5: Option<Md5>,
}

/// What a [`Hasher`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the whole content.
    pub sha: Sha,
    /// Hexadecimal; `None` when nobody asked for it.
    pub md5: Option<String>,
}

impl Hasher {
    /// Starts; `with_md5` costs another pass over each block.
    pub fn new(with_md5: bool) -> Hasher {
        Hasher { sha: Sha256::new(), md5: with_md5.then(Md5::new) }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// Ends.
    pub fn finish(self) -> Digests {
        Digests { sha: Sha(hex(&self.sha.finalize())), md5: self.md5.map(|md5| hex(&md5.finalize())) }
    }
}

impl Sha {
    /// Of bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Sha {
        Sha(hex(&Sha256::digest(bytes)))
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
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
