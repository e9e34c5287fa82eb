//! A directory of our own for an image that is built, mounted over and thrown away.

use std::fs;
use std::path::{Path, PathBuf};

use image::ImageRequest;
use image::build::{self, BuildRequest, Formats};
use image::write::formats::Format;
use image::write::interrupt::Interrupt;
use image::write::staging::Existing;
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::error::Error;

/// Not below /tmp: the sandbox mounts its own there.
const PARENT: &str = "/var/tmp";

/// The directory. Dropping it unmounts what is mounted in it and then removes it: to remove a tree through a mount
/// would remove files of the host, the devices in /dev among them.
#[derive(Debug)]
pub(super) struct Scratch(TempDir);

impl Scratch {
    pub(super) fn new() -> Result<Scratch, Error> {
        let prefix = format!("capsule-{}-", std::process::id());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(PARENT);
        made.map(Scratch).map_err(|error| Error::write(PARENT.as_ref(), error))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Builds a bundle in it, once.
    pub(super) fn build(&self, image: ImageRequest, interrupt: &Interrupt) -> Result<PathBuf, Error> {
        let output = self.path().join("bundle");
        let formats = Formats::Chosen([Format::Dir].into());
        let request =
            BuildRequest { image, output: output.clone(), existing: Existing::Keep, formats, init: None };
        build::build(&request, interrupt)?;
        Ok(output)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for place in mounts_below(self.path()).iter().rev() {
            // Whether all are gone is checked below.
            let _checked_below = umount2(place, MntFlags::MNT_DETACH);
        }
        let is_mounted = !mounts_below(self.path()).is_empty();
        self.0.disable_cleanup(is_mounted);
    }
}

/// The mounts of this process below a directory, oldest first (proc_pid_mountinfo(5), field 5).
fn mounts_below(directory: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    places.filter(|place| place.starts_with(directory)).collect()
}
