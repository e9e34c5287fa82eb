//! The forms in which an image leaves: a directory, and archives behind one small trait.

pub mod cpio;
pub mod dir;
mod in_place;
pub mod oci;
pub mod output;
pub mod tar;

use std::io::{self, Read};

use crate::image_path::ImagePath;

/// A form that `--format` can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `rootfs/`
    Dir,
    /// `initramfs.cpio`: boots as it is.
    Cpio,
    /// `initramfs.cpio.zst`: the same, compressed.
    CpioZst,
    /// `rootfs.tar`
    Tar,
    /// `rootfs.tar.zst`
    TarZst,
    /// `oci/`: an OCI image layout with one layer.
    Oci,
}

impl Format {
    /// All formats, in the order in which they are written.
    pub const ALL: [Format; 6] =
        [Format::Dir, Format::Cpio, Format::CpioZst, Format::Tar, Format::TarZst, Format::Oci];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Format::Dir => "dir",
            Format::Cpio => "cpio",
            Format::CpioZst => "cpio.zst",
            Format::Tar => "tar",
            Format::TarZst => "tar.zst",
            Format::Oci => "oci",
        }
    }

    /// The name inside the bundle.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Dir => "rootfs",
            Format::Cpio => "initramfs.cpio",
            Format::CpioZst => "initramfs.cpio.zst",
            Format::Tar => "rootfs.tar",
            Format::TarZst => "rootfs.tar.zst",
            Format::Oci => "oci",
        }
    }
}

/// Takes an image's entries in the plan's order: a directory before what lies in it.
///
/// Everything is owned by root and has the image's one time; a sink is told that time when it is made.
pub trait Sink {
    /// A directory.
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()>;
    /// A symbolic link.
    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()>;
    /// A regular file; `content` gives exactly `size` bytes or an error.
    fn file(&mut self, path: &ImagePath, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()>;
    /// Ends the archive and flushes it.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
