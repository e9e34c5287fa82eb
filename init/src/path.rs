//! Paths without heap: parts put together in a buffer, with the NUL that system calls want.

use core::ffi::CStr;

use rustix::io::Errno;

use crate::text::Text;

/// Bytes of the longest path that the kernel takes, its NUL included (PATH_MAX, limits.h).
pub(crate) const PATH_MAX: usize = 4096;

/// A path put together from parts.
pub(crate) struct PathBuffer {
    bytes: [u8; PATH_MAX],
}

impl PathBuffer {
    /// Room for a path.
    pub(crate) const fn new() -> Self {
        PathBuffer { bytes: [0; PATH_MAX] }
    }

    /// Puts the parts one after the other.
    ///
    /// # Errors
    /// ENAMETOOLONG past [`PATH_MAX`]; EINVAL when a part has a NUL inside.
    pub(crate) fn join(&mut self, parts: &[&[u8]]) -> Result<&CStr, Errno> {
        let mut path = Text::new(&mut self.bytes);
        for part in parts {
            path.push(part);
        }
        let len = path.push(b"\0").as_bytes().len();
        if path.overflowed() {
            return Err(Errno::NAMETOOLONG);
        }
        let path = CStr::from_bytes_until_nul(&self.bytes).map_err(|_| Errno::NAMETOOLONG)?;
        if path.count_bytes() + 1 == len { Ok(path) } else { Err(Errno::INVAL) }
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
