//! A bundle on its way: made in a hidden directory beside its place, flushed, then renamed.
//!
//! Whatever fails, the hidden directory is removed. After a kill -9 or a power cut it stays; it is locked
//! while it is worked on, so the next build for the same place can tell, and sweeps it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags};

use crate::error::Error;

/// What to do when the bundle's place is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Keep,
    /// Swap the finished bundle in, if a bundle stands there, and remove the old one.
    Replace,
}

/// The hidden directory.
#[derive(Debug)]
pub struct Staging {
    directory: PathBuf,
    target: PathBuf,
    existing: Existing,
    /// Held for as long as the directory is ours.
    _lock: File,
}

impl Staging {
    /// Starts a bundle for `target`.
    pub fn new(target: &Path, existing: Existing) -> Result<Staging, Error> {
        check_place(target, existing)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let prefix = format!(".{name}.capsule-");
        let parent = parent_of(target);
        fs::read_dir(parent).map_err(|error| Error::write(parent, error))?;
        sweep(parent, &prefix);
        let directory = parent.join(format!("{prefix}{}", std::process::id()));
        let write = |error| Error::write(&directory, error);
        DirBuilder::new().mode(0o700).create(&directory).map_err(write)?;
        let lock = File::open(&directory).and_then(|file| lock(&file).map(|()| file)).map_err(write)?;
        Ok(Staging { directory, target: target.to_path_buf(), existing, _lock: lock })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Writes one file of the bundle.
    pub fn put(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let place = self.directory.join(name);
        let written =
            fs::write(&place, bytes).and_then(|()| fs::set_permissions(&place, Permissions::from_mode(mode)));
        written.map_err(|error| Error::write(&place, error))
    }

    /// Makes an empty directory.
    pub fn put_directory(&self, name: &str) -> Result<(), Error> {
        let place = self.directory.join(name);
        let made =
            fs::create_dir(&place).and_then(|()| fs::set_permissions(&place, Permissions::from_mode(0o755)));
        made.map_err(|error| Error::write(&place, error))
    }

    /// Flushes everything to the disk and gives the bundle its name.
    pub fn commit(self) -> Result<(), Error> {
        let write = |error: io::Error| Error::write(&self.target, error);
        fs::set_permissions(&self.directory, Permissions::from_mode(0o755)).map_err(write)?;
        // One call for all files: fsync(2) for each would wait for the journal a thousand times.
        rustix::fs::syncfs(&self._lock).map_err(|error| write(error.into()))?;
        let flags =
            if self.target.symlink_metadata().is_ok() { self.exchange()? } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(CWD, &self.directory, CWD, &self.target, flags)
            .map_err(|error| write(error.into()))?;
        File::open(parent_of(&self.target)).and_then(|parent| parent.sync_all()).map_err(write)
        // Dropping removes what has the hidden name now: nothing, or the bundle that was replaced.
    }

    fn exchange(&self) -> Result<RenameFlags, Error> {
        check_place(&self.target, self.existing).map(|()| RenameFlags::EXCHANGE)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // An error here has nobody to go to: the build's own error is on its way, and the next build sweeps.
        let _swept_later = fs::remove_dir_all(&self.directory);
    }
}

fn check_place(target: &Path, existing: Existing) -> Result<(), Error> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    let path = target.to_path_buf();
    match existing {
        Existing::Keep => Err(Error::OutputExists { path }),
        Existing::Replace if target.join("manifest.json").is_file() => Ok(()),
        Existing::Replace => Err(Error::ReplacesForeign { path }),
    }
}

fn parent_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn lock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

/// Removes what killed builds for the same target left behind; what is locked is being worked on.
fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        if ours && File::open(entry.path()).and_then(|file| lock(&file).map(|()| file)).is_ok() {
            // Only tidying: a build can go on beside a leftover that cannot be removed.
            let _stays = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_committed_is_gone() {
        let place = tempfile::tempdir().expect("a directory");
        let staging = Staging::new(&place.path().join("b"), Existing::Keep).expect("started");
        staging.put("x", b"1", 0o644).expect("written");
        drop(staging);
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 0);
    }

    #[test]
    fn leftovers_of_a_killed_build_are_swept() {
        let place = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(place.path().join(".b.capsule-1/rootfs")).expect("made");
        fs::create_dir_all(place.path().join(".other.capsule-1")).expect("made");
        Staging::new(&place.path().join("b"), Existing::Keep).expect("started").commit().expect("committed");
        let mut names: Vec<_> =
            fs::read_dir(place.path()).expect("listed").map(|e| e.expect("read").file_name()).collect();
        names.sort();
        assert_eq!(names, [".other.capsule-1", "b"]);
    }

    #[test]
    fn only_a_bundle_is_replaced() {
        let place = tempfile::tempdir().expect("a directory");
        let target = place.path().join("b");
        fs::create_dir(&target).expect("made");
        assert!(matches!(Staging::new(&target, Existing::Replace), Err(Error::ReplacesForeign { .. })));
        fs::write(target.join("manifest.json"), "{}").expect("made");
        let staging = Staging::new(&target, Existing::Replace).expect("started");
        staging.put("new", b"", 0o644).expect("written");
        staging.commit().expect("committed");
        assert!(target.join("new").is_file() && !target.join("manifest.json").exists());
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 1);
    }
}
