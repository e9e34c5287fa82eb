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
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes one.
    pub fn new() -> Result<Scratch, Error> {
        let prefix = format!("capsule-{}-", std::process::id());
        let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(PLACE);
        made.map(Scratch).map_err(|error| Error::write(PLACE.as_ref(), error))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for place in mounted_below(self.path()).iter().rev() {
            // One that stays is seen below.
            let _looked_at_again = umount2(place, MntFlags::MNT_DETACH);
        }
        let is_mounted = !mounted_below(self.path()).is_empty();
        self.0.disable_cleanup(is_mounted);
    }
}

/// The mounts of this process below a directory, as they were made (proc_pid_mountinfo(5)).
fn mounted_below(directory: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    places.filter(|place| place.starts_with(directory)).collect()
}
