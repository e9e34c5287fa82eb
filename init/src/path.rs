//! Paths without heap: parts put together in a buffer, with the NUL that system calls want.

use core::ffi::CStr;

use rustix::io::Errno;

/// Bytes of the longest path that the kernel takes, its NUL included (PATH_MAX, limits.h).
pub const PATH_MAX: usize = 4096;

/// A path put together from parts.
pub struct PathBuffer {
    bytes: [u8; PATH_MAX],
}

impl PathBuffer {
    /// Room for a path.
    pub const fn new() -> Self {
        PathBuffer { bytes: [0; PATH_MAX] }
    }

    /// Puts the parts one behind the other.
    ///
    /// # Errors
    /// ENAMETOOLONG past [`PATH_MAX`]; EINVAL when a part has a NUL inside.
    pub fn join(&mut self, parts: &[&[u8]]) -> Result<&CStr, Errno> {
        let mut len = 0;
        for part in parts {
            let end = len + part.len();
            if end >= PATH_MAX {
                return Err(Errno::NAMETOOLONG);
            }
            self.bytes[len..end].copy_from_slice(part);
            len = end;
        }
        self.bytes[len] = 0;
        CStr::from_bytes_with_nul(&self.bytes[..=len]).map_err(|_| Errno::INVAL)
    }
}

impl Default for PathBuffer {
    fn default() -> Self {
        PathBuffer::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_and_ended() {
        assert_eq!(PathBuffer::new().join(&[b"/a/", b"b"]), Ok(c"/a/b"));
        assert_eq!(PathBuffer::new().join(&[b"a\0b"]), Err(Errno::INVAL));
        assert_eq!(PathBuffer::new().join(&[&[b'x'; PATH_MAX]]), Err(Errno::NAMETOOLONG));
    }
}
