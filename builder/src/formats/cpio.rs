//! cpio "newc", as the kernel unpacks an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Inode numbers count from 1 in archive order and every link count is 1 (2 for a directory), so the bytes
//! depend on nothing but the image.

use std::io::{self, Read, Write};

use crate::formats::Sink;
use crate::formats::output::Close;
use crate::image_path::ImagePath;

const MAGIC: &[u8] = b"070701";
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// Writes the archive to `out`.
pub struct Cpio<W: Write> {
    out: W,
    prefix: String,
    time: u32,
    next_inode: u32,
    /// Bytes written, for the padding to four.
    written: u64,
}

/// One header's fields that differ from entry to entry.
struct Head<'a> {
    name: &'a str,
    mode: u32,
    size: u32,
    device: (u32, u32),
}

impl<W: Write> Cpio<W> {
    /// An archive of what lies below `prefix` (`""` or `/rootfs`), all with time `time` in seconds.
    pub fn new(out: W, prefix: &str, time: u32) -> Self {
        Cpio { out, prefix: prefix.to_owned(), time, next_inode: 1, written: 0 }
    }

    /// The initramfs: init at `/init`, what the kernel needs before init has mounted anything, then the
    /// image below `/rootfs`.
    pub fn initramfs(out: W, init: &[u8], time: u32) -> io::Result<Self> {
        let mut cpio = Cpio::new(out, "", time);
        for directory in ["dev", "proc", "sys"] {
            cpio.head(&Head { name: directory, mode: DIRECTORY | 0o755, size: 0, device: (0, 0) })?;
        }
        // The kernel opens /dev/console for init's stdin, stdout and stderr before any devtmpfs is mounted.
        cpio.head(&Head { name: "dev/console", mode: CHARACTER_DEVICE | 0o600, size: 0, device: (5, 1) })?;
        cpio.regular("init", 0o755, init.len() as u64, &mut &*init)?;
        cpio.prefix = "/rootfs".to_owned();
        Ok(cpio)
    }

    /// A name as it stands in the archive: without a leading slash; `.` for the archive's own root.
    fn name(&self, path: &ImagePath) -> String {
        let below = if path.is_root() { "" } else { path.as_str() };
        match format!("{}{below}", self.prefix).strip_prefix('/') {
            Some(name) => name.to_owned(),
            None => ".".to_owned(),
        }
    }

    fn head(&mut self, head: &Head<'_>) -> io::Result<()> {
        let links = if head.mode & 0o170_000 == DIRECTORY { 2 } else { 1 };
        let name_size = u32::try_from(head.name.len() + 1).map_err(io::Error::other)?;
        let (major, minor) = head.device;
        let fields =
            [self.next_inode, head.mode, 0, 0, links, self.time, head.size, 0, 0, major, minor, name_size, 0];
        self.next_inode += 1;
        self.put(MAGIC)?;
        for field in fields {
            self.put(format!("{field:08X}").as_bytes())?;
        }
        self.put(head.name.as_bytes())?;
        self.put(b"\0")?;
        self.pad()
    }

    fn regular(&mut self, name: &str, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let short = u32::try_from(size)
            .map_err(|_| io::Error::other(format!("`{name}` is 4 GiB or larger, which cpio cannot hold")))?;
        self.head(&Head { name, mode: REGULAR | mode, size: short, device: (0, 0) })?;
        self.written += io::copy(content, &mut self.out)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 3][..missing as usize])
    }
}

impl<W: Close> Sink for Cpio<W> {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        let name = self.name(path);
        self.head(&Head { name: &name, mode: DIRECTORY | mode, size: 0, device: (0, 0) })
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        let name = self.name(path);
        let size = u32::try_from(target.len()).map_err(io::Error::other)?;
        self.head(&Head { name: &name, mode: LINK | 0o777, size, device: (0, 0) })?;
        self.put(target.as_bytes())?;
        self.pad()
    }

    fn file(&mut self, path: &ImagePath, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let name = self.name(path);
        self.regular(&name, mode, size, content)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.next_inode = 0;
        self.time = 0;
        self.head(&Head { name: "TRAILER!!!", mode: 0, size: 0, device: (0, 0) })?;
        self.out.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_contents_are_padded_to_four_bytes() {
        let mut bytes = Vec::new();
        let mut cpio = Box::new(Cpio::new(&mut bytes, "", 7));
        let path = ImagePath::parse("/a").expect("normal");
        cpio.file(&path, 0o644, 5, &mut &b"hello"[..]).expect("written");
        cpio.finish().expect("written");
        let text = String::from_utf8(bytes).expect("ascii");
        let fields =
            "00000001000081A4000000000000000000000001000000070000000500000000000000000000000000000000";
        assert!(text.starts_with(&format!("070701{fields}0000000200000000a\0hello\0\0\0070701")), "{text:?}");
        assert!(text.contains("TRAILER!!!\0"));
        assert_eq!(text.len() % 4, 0);
    }
}
