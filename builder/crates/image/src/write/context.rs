//! What all writers of an image share.

use std::collections::BTreeSet;

use closure::arch::Machine;
use recipe::image_path::ImagePath;

use crate::write::interrupt::Interrupt;
use crate::write::progress::Progress;

/// What all writers of an image share.
pub(crate) struct WriteContext<'a> {
    /// Checked at least every few megabytes.
    pub(crate) interrupt: &'a Interrupt,
    /// Counts the bytes of file contents.
    pub(crate) progress: &'a Progress,
    /// The modification time of every entry, in seconds since 1970.
    pub(crate) time: u32,
    /// The files that need an MD5, too, to compare with dpkg's.
    pub(crate) md5: &'a BTreeSet<ImagePath>,
}

/// How an image that is more than a directory starts.
#[derive(Clone, Copy)]
pub(crate) struct ImageStart<'a> {
    /// The machine that it is for.
    pub(crate) machine: Machine,
    /// The bytes of init, which initramfs and `oci-judge` hold: they start without a bundle. `None` when there is none for
    /// the machine.
    pub(crate) runner: Option<&'a [u8]>,
    /// The program that a container starts if it is given no command: a shell, or else the first program of the recipe.
    pub(crate) command: Option<&'a ImagePath>,
}

impl WriteContext<'_> {
    /// Whether the file at `path` needs an MD5.
    pub(crate) fn wants_md5(&self, path: &ImagePath) -> bool {
        self.md5.contains(path)
    }
}
