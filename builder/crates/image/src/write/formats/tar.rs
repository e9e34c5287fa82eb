//! tar: GNU headers, sorted, root-owned, one time; the same image gives the same bytes.

use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};

use crate::formats::Sink;
use crate::formats::output::Close;
use crate::image_path::ImagePath;

/// Longest link text that fits into a header; longer ones get a record of their own.
const LINK_FIELD: usize = 100;

/// Writes the archive to `out`.
pub struct Tar<W: Write> {
    archive: Builder<W>,
    prefix: String,
    time: u64,
}

impl<W: Write> Tar<W> {
    /// An archive whose names start with `prefix` (`""` or `rootfs/`), all with time `time` in seconds.
    pub fn new(out: W, prefix: &str, time: u64) -> Self {
        let mut archive = Builder::new(out);
        // A link's text stays as it is, also when it is absolute.
        archive.preserve_absolute(true);
        Tar { archive, prefix: prefix.to_owned(), time }
    }

    /// Ends the archive and gives the writer back.
    pub fn into_inner(self) -> io::Result<W> {
        self.archive.into_inner()
    }

    /// Adds init at the archive's top, for images that start with it.
    pub fn init(&mut self, init: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, 0o755, init.len() as u64);
        self.archive.append_data(&mut header, "init", init)
    }

    fn name(&self, path: &ImagePath) -> String {
        format!("{}{}", self.prefix, path.relative())
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.time);
        header
    }
}

impl<W: Close> Sink for Tar<W> {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        let name = self.name(path);
        if name.is_empty() {
            // The directory that it is unpacked into stands for the root.
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, mode, 0);
        self.archive.append_data(&mut header, format!("{}/", name.trim_end_matches('/')), io::empty())
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        let mut header = self.header(EntryType::Symlink, 0o777, 0);
        if target.len() > LINK_FIELD {
            return self.archive.append_link(&mut header, self.name(path), target);
        }
        header.set_link_name_literal(target)?;
        self.archive.append_data(&mut header, self.name(path), io::empty())
    }

    fn file(&mut self, path: &ImagePath, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, mode, size);
        self.archive.append_data(&mut header, self.name(path), content)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.archive.into_inner()?.close()
    }
}
