//! cpio in the `newc` format, which the kernel unpacks as an initramfs (kernel documentation, "initramfs buffer format",
//! Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Inode numbers count from 1 in the order of the archive, and the link counts are those in the image (2 for a directory),
//! so the bytes depend on the image only. The last name of a file with several has the content (cpio(5)).

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use bundle::digest::Sha;
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::plan::entry::HardLink;
use crate::write::formats::output::Close;
use crate::write::formats::{FileHead, Sink};

/// `newc` without checksums.
const MAGIC: &[u8] = b"070701";
// File types of `c_mode`, as in inode(7).
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// Writes the archive to `out`.
pub(crate) struct Cpio<W: Write> {
    out: W,
    prefix: String,
    time: u32,
    next_inode: u32,
    /// The inodes of files with several names, by the first one.
    shared_inodes: BTreeMap<ImagePath, u32>,
    /// Bytes written so far: names and contents are padded to a multiple of four.
    written: u64,
}

/// The fields of a header that are not the same for every entry.
struct Header<'a> {
    name: &'a [u8],
    mode: u32,
    size: u32,
    device: (u32, u32),
    /// Inode and number of names of a file that has several.
    shared: Option<(u32, u32)>,
}

impl<W: Write> Cpio<W> {
    /// An archive whose names start with `prefix` (`""` or `/rootfs`); `time` in seconds since 1970.
    pub(crate) fn new(out: W, prefix: &str, time: u32) -> Self {
        Cpio {
            out,
            prefix: prefix.to_owned(),
            time,
            next_inode: 1,
            shared_inodes: BTreeMap::new(),
            written: 0,
        }
    }

    /// An initramfs: `/init`, the nodes that the kernel and init need before init has mounted anything, and the image
    /// below `/rootfs`.
    pub(crate) fn initramfs(out: W, init: &[u8], time: u32) -> io::Result<Self> {
        let mut cpio = Cpio::new(out, "", time);
        for directory in ["dev", "proc", "sys"] {
            cpio.header(&Header {
                name: directory.as_bytes(),
                mode: DIRECTORY | 0o755,
                size: 0,
                device: (0, 0),
                shared: None,
            })?;
        }
        // The kernel opens /dev/console as init's stdin, stdout and stderr (console_on_rootfs in init/main.c), and no
        // devtmpfs is mounted by then.
        cpio.header(&Header {
            name: b"dev/console",
            mode: CHARACTER_DEVICE | 0o600,
            size: 0,
            device: (5, 1),
            shared: None,
        })?;
        let head = FileHead { mode: 0o755, size: init.len() as u64, link: None };
        cpio.regular(b"init", head, None, &mut &*init)?;
        cpio.prefix = "/rootfs".to_owned();
        Ok(cpio)
    }

    /// The name of an entry in the archive: without a slash at the start; `.` for the archive's own root.
    fn name(&self, path: &ImagePath) -> Vec<u8> {
        let below = if path.is_root() { "" } else { path.as_str() };
        match format!("{}{below}", self.prefix).strip_prefix('/') {
            Some(name) => byte_text::to_bytes(name).into_owned(),
            None => b".".to_vec(),
        }
    }

    fn header(&mut self, header: &Header<'_>) -> io::Result<()> {
        let links = if header.mode & 0o170_000 == DIRECTORY { 2 } else { 1 };
        let (inode, links) = header.shared.unwrap_or((self.next_inode, links));
        let name_size = u32::try_from(header.name.len() + 1).map_err(io::Error::other)?;
        let (major, minor) = header.device;
        // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin, c_namesize, c_chksum.
        let fields =
            [inode, header.mode, 0, 0, links, self.time, header.size, 0, 0, major, minor, name_size, 0];
        if header.shared.is_none() {
            self.next_inode += 1;
        }
        self.put(MAGIC)?;
        for field in fields {
            self.put(format!("{field:08X}").as_bytes())?;
        }
        self.put(header.name)?;
        self.put(b"\0")?;
        self.pad()
    }

    fn regular(
        &mut self,
        name: &[u8],
        file: FileHead<'_>,
        shared: Option<(u32, u32)>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let size = u32::try_from(file.size)
            .map_err(|_| io::Error::other("a file of 4 GiB or more, which cpio cannot hold"))?;
        self.header(&Header { name, mode: REGULAR | file.mode, size, device: (0, 0), shared })?;
        self.written += io::copy(content, &mut self.out)?;
        self.pad()
    }

    /// Inode and number of names of a file that has several.
    fn shared(&mut self, link: &HardLink<'_>) -> io::Result<(u32, u32)> {
        let new = self.next_inode;
        let inode = *self.shared_inodes.entry(link.first.clone()).or_insert(new);
        self.next_inode += u32::from(inode == new);
        Ok((inode, u32::try_from(link.count).map_err(io::Error::other)?))
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
        self.header(&Header { name: &name, mode: DIRECTORY | mode, size: 0, device: (0, 0), shared: None })
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        let name = self.name(path);
        let target = byte_text::to_bytes(target);
        let size = u32::try_from(target.len()).map_err(io::Error::other)?;
        self.header(&Header { name: &name, mode: LINK | 0o777, size, device: (0, 0), shared: None })?;
        self.put(&target)?;
        self.pad()
    }

    fn file(&mut self, path: &ImagePath, file: FileHead<'_>, content: &mut dyn Read) -> io::Result<()> {
        let name = self.name(path);
        let shared = file.link.map(|link| self.shared(&link)).transpose()?;
        if file.link.is_some_and(|link| !link.is_last()) {
            return self.header(&Header {
                name: &name,
                mode: REGULAR | file.mode,
                size: 0,
                device: (0, 0),
                shared,
            });
        }
        self.regular(&name, file, shared, content)
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<(PathBuf, Sha)>> {
        self.next_inode = 0;
        self.time = 0;
        self.header(&Header { name: b"TRAILER!!!", mode: 0, size: 0, device: (0, 0), shared: None })?;
        Ok(vec![(PathBuf::new(), self.out.close()?)])
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
        cpio.file(&path, FileHead { mode: 0o644, size: 5, link: None }, &mut &b"hello"[..]).expect("written");
        cpio.finish().expect("written");
        let text = String::from_utf8(bytes).expect("ascii");
        let fields =
            "00000001000081A4000000000000000000000001000000070000000500000000000000000000000000000000";
        assert!(text.starts_with(&format!("070701{fields}0000000200000000a\0hello\0\0\0070701")), "{text:?}");
        assert!(text.contains("TRAILER!!!\0"));
        assert_eq!(text.len() % 4, 0);
    }
}
