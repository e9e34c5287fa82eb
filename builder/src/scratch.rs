//! A directory of our own for an image that is built, mounted over and thrown away.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use crate::error::Error;

/// Not below /tmp: the sandbox mounts its own there.
const PLACE: &str = "/var/tmp";

/// The directory. It goes with this value, and what is mounted in it goes first: removing a tree through a mount would
/// remove files of the host, the devices in /dev among them.
#[derive(Debug)]
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Makes one.
    pub fn new() -> Result<Scratch, Error> {
        let prefix = format!("capsule-{}-", std::process::id());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(PLACE);
        made.map(|directory| Scratch(Some(directory))).map_err(|error| Error::write(PLACE.as_ref(), error))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(PLACE), TempDir::path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(directory) = self.0.take() else { return };
        for place in mounted_below(directory.path()).iter().rev() {
            // One that stays is seen below.
            let _looked_at_again = umount2(place, MntFlags::MNT_DETACH);
        }
        if !mounted_below(directory.path()).is_empty() {
            let _left_behind = directory.keep();
        }
    }
}

/// The mounts of this process below a directory, as they were made (proc_pid_mountinfo(5)).
fn mounted_below(directory: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    places.filter(|place| place.starts_with(directory)).collect()
}
