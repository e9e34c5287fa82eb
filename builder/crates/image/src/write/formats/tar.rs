//! tar with GNU headers. The entries come sorted and have one owner and one time, so an image has one sequence of bytes.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bundle::digest::Sha;
use recipe::byte_text;
use recipe::image_path::ImagePath;
use tar::{Builder, EntryType, Header};

use crate::plan::entry::HardLink;
use crate::write::formats::output::Close;
use crate::write::formats::{FileHead, Sink};

/// The longest link target that fits into a header (`linkname`, tar(5)); a longer one gets a GNU `K` record.
const LINK_FIELD: usize = 100;

/// Writes the archive to `out`.
pub(crate) struct Tar<W: Write> {
    archive: Builder<W>,
    prefix: String,
    time: u64,
}

impl<W: Write> Tar<W> {
    /// An archive whose names start with `prefix` (`""` or `rootfs/`); `time` in seconds since 1970.
    pub(crate) fn new(out: W, prefix: &str, time: u64) -> Self {
        let mut archive = Builder::new(out);
        // By default the crate removes the slash at the start of a link target.
        archive.preserve_absolute(true);
        Tar { archive, prefix: prefix.to_owned(), time }
    }

    /// Writes the end of the archive and returns the writer.
    pub(crate) fn into_inner(self) -> io::Result<W> {
        self.archive.into_inner()
    }

    /// Adds init as `init`, for images that start with it.
    pub(crate) fn init(&mut self, init: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, 0o755, init.len() as u64);
        self.archive.append_data(&mut header, "init", init)
    }

    /// Adds a symbolic or hard link.
    fn link(&mut self, mut header: Header, path: &ImagePath, target: &OsStr) -> io::Result<()> {
        if target.len() > LINK_FIELD {
            return self.archive.append_link(&mut header, self.name(path), target);
        }
        header.set_link_name_literal(target.as_bytes())?;
        self.archive.append_data(&mut header, self.name(path), io::empty())
    }

    fn name(&self, path: &ImagePath) -> OsString {
        byte_text::to_os(&format!("{}{}", self.prefix, path.relative()))
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
        let mut name = self.name(path);
        if name.is_empty() {
            // The root is the directory that the archive is unpacked into.
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, mode, 0);
        if !name.as_bytes().ends_with(b"/") {
            name.push("/");
        }
        self.archive.append_data(&mut header, name, io::empty())
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        let header = self.header(EntryType::Symlink, 0o777, 0);
        self.link(header, path, &byte_text::to_os(target))
    }

    fn file(&mut self, path: &ImagePath, file: FileHead<'_>, content: &mut dyn Read) -> io::Result<()> {
        if let Some(link) = file.link.filter(HardLink::is_repeated) {
            let header = self.header(EntryType::Link, file.mode, 0);
            let first = self.name(link.first);
            return self.link(header, path, &first);
        }
        let mut header = self.header(EntryType::Regular, file.mode, file.size);
        self.archive.append_data(&mut header, self.name(path), content)
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<(PathBuf, Sha)>> {
        Ok(vec![(PathBuf::new(), self.archive.into_inner()?.close()?)])
    }
}
