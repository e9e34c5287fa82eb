//! The formats of an image: a directory, and archives that implement [`Sink`].

pub(crate) mod cpio;
pub(crate) mod dir;
mod in_place;
pub(crate) mod oci;
pub(crate) mod output;
pub(crate) mod tar;

use std::io::{self, Read};
use std::path::PathBuf;

use bundle::digest::Sha;
use bundle::layout::ROOTFS;
use recipe::image_path::ImagePath;

use crate::plan::entry::HardLink;

/// A value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `rootfs/`
    Dir,
    /// `initramfs.cpio`: boots by itself, with init as `/init`.
    Cpio,
    /// `initramfs.cpio.zst`
    CpioZst,
    /// `rootfs.tar`
    Tar,
    /// `rootfs.tar.zst`
    TarZst,
    /// `oci/`: an OCI image layout with one layer, which is the image itself.
    Oci,
    /// `oci-judge/`: the same with init, which makes a sandbox inside the container.
    OciJudge,
}

impl Format {
    /// All formats, in the order in which they are written.
    pub const ALL: [Format; 7] = [
        Format::Dir,
        Format::Cpio,
        Format::CpioZst,
        Format::Tar,
        Format::TarZst,
        Format::Oci,
        Format::OciJudge,
    ];

    /// Those of a build that names none.
    pub const USUAL: [Format; 2] = [Format::Dir, Format::Cpio];

    /// Whether it starts with init, so that it cannot be made without one.
    pub(crate) fn needs_runner(self) -> bool {
        matches!(self, Format::Cpio | Format::CpioZst | Format::OciJudge)
    }

    /// The value on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Format::Dir => "dir",
            Format::Cpio => "cpio",
            Format::CpioZst => "cpio.zst",
            Format::Tar => "tar",
            Format::TarZst => "tar.zst",
            Format::Oci => "oci",
            Format::OciJudge => "oci-judge",
        }
    }

    /// The name of the file or directory in the bundle.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Dir => ROOTFS,
            Format::Cpio => "initramfs.cpio",
            Format::CpioZst => "initramfs.cpio.zst",
            Format::Tar => "rootfs.tar",
            Format::TarZst => "rootfs.tar.zst",
            Format::Oci => "oci",
            Format::OciJudge => "oci-judge",
        }
    }
}

/// What an archive says of a regular file besides its content.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileHead<'a> {
    /// Permission bits.
    pub(crate) mode: u32,
    /// Length in bytes.
    pub(crate) size: u64,
    /// Its place among the names of a file that has several.
    pub(crate) link: Option<HardLink<'a>>,
}

/// An archive that is being written. It gets the entries in the plan's order: a directory before its contents.
///
/// Every entry belongs to root and has the image's time, which the constructor gets.
pub(crate) trait Sink {
    /// Adds a directory; `mode` has permission bits only.
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()>;
    /// Adds a symbolic link.
    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()>;
    /// Adds a regular file; `content` returns exactly `file.size` bytes or an error, and need not be read for a name that
    /// has no content of its own.
    fn file(&mut self, path: &ImagePath, file: FileHead<'_>, content: &mut dyn Read) -> io::Result<()>;
    /// Ends the archive and flushes it. The result is the digest of each of its files, by the path below the archive's own;
    /// that is empty for an archive of one file.
    fn finish(self: Box<Self>) -> io::Result<Vec<(PathBuf, Sha)>>;
}
