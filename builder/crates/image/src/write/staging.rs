//! An unfinished bundle: written in a hidden directory next to its target, flushed, then renamed to it.
//!
//! The hidden directory is removed on every failure. SIGKILL and a power cut leave it; the next build for the same target
//! removes it, unless another build holds its lock (flock(2), which ends with the process). A bundle that was replaced has
//! the hidden name, too, and stays as long as runs use it: the next build removes it then.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bundle::digest::Sha;
use bundle::manifest::{self, Manifest};
use bundle::sums::Sums;
use bundle::{modes, sums};
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;

use crate::error::Error;
use crate::write::in_use::is_in_use;
use crate::write::listing::Listing;

/// What to do when the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fail.
    Keep,
    /// Exchange it with the finished bundle and remove it, if it is a bundle; else fail.
    Replace,
}

/// The hidden directory; dropping it removes the directory.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: PathBuf,
    target: PathBuf,
    existing: Existing,
    /// What was put here.
    listing: Mutex<Listing>,
    /// The open directory, whose lock tells other builds that it is in use.
    _lock: File,
}

impl Staging {
    /// Makes the hidden directory for `target`.
    ///
    /// # Errors
    /// The target exists and may not be replaced, or its parent directory cannot be written.
    pub(crate) fn new(target: &Path, existing: Existing) -> Result<Staging, Error> {
        check_target(target, existing)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let prefix = format!(".{name}.capsule-");
        let parent = parent_of(target);
        fs::read_dir(parent).map_err(|error| Error::write(parent, error))?;
        if !remove_stale(parent, &prefix) {
            return Err(Error::OutputBusy { path: target.to_path_buf() });
        }
        let directory = parent.join(format!("{prefix}{}", std::process::id()));
        let write = |error| Error::write(&directory, error);
        DirBuilder::new().mode(0o700).create(&directory).map_err(write)?;
        let lock = File::open(&directory).and_then(|file| lock(&file).map(|()| file)).map_err(write)?;
        Ok(Staging {
            directory,
            target: target.to_path_buf(),
            existing,
            listing: Mutex::default(),
            _lock: lock,
        })
    }

    /// The hidden directory.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Writes the file `name` of the bundle with `mode`, whatever the umask.
    pub(crate) fn put(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let place = self.directory.join(name);
        let written =
            fs::write(&place, bytes).and_then(|()| fs::set_permissions(&place, Permissions::from_mode(mode)));
        self.list(|listing| listing.file(name, mode, Sha::of(bytes)));
        written.map_err(|error| Error::write(&place, error))
    }

    /// Writes the lists of everything in the bundle: what was put here, the tree with these entries, and the files of
    /// archives.
    pub(crate) fn put_lists(&self, tree: Option<&Manifest>, archives: Sums) -> Result<(), Error> {
        self.list(|listing| {
            archives.into_iter().for_each(|(name, sha)| listing.file(&name, 0o644, sha));
            tree.into_iter().for_each(|manifest| listing.tree(manifest));
            listing.itself(modes::FILE_NAME);
            listing.itself(sums::FILE_NAME);
        });
        let bytes = self.list(|listing| modes::bytes(&listing.modes));
        self.put(modes::FILE_NAME, &bytes, 0o644)?;
        let bytes = self.list(|listing| sums::bytes(&listing.sums));
        self.put(sums::FILE_NAME, &bytes, 0o644)
    }

    fn list<T>(&self, list: impl FnOnce(&mut Listing) -> T) -> T {
        list(&mut self.listing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the empty directory `name` of mode 0755.
    pub(crate) fn put_directory(&self, name: &str) -> Result<(), Error> {
        let place = self.directory.join(name);
        let made =
            fs::create_dir(&place).and_then(|()| fs::set_permissions(&place, Permissions::from_mode(0o755)));
        self.list(|listing| listing.directory(name));
        made.map_err(|error| Error::write(&place, error))
    }

    /// Flushes everything to the disk, then renames the directory to the target.
    pub(crate) fn commit(self) -> Result<(), Error> {
        let write = |error: io::Error| Error::write(&self.target, error);
        fs::set_permissions(&self.directory, Permissions::from_mode(0o755)).map_err(write)?;
        // syncfs(2) flushes all files at once; fsync(2) for each would wait for the journal once a file.
        rustix::fs::syncfs(&self._lock).map_err(|error| write(error.into()))?;
        let flags =
            if self.target.symlink_metadata().is_ok() { self.exchange()? } else { RenameFlags::NOREPLACE };
        rustix::fs::renameat_with(CWD, &self.directory, CWD, &self.target, flags).map_err(|errno| {
            match errno {
                // It did not exist a moment ago.
                Errno::EXIST => Error::OutputBusy { path: self.target.clone() },
                errno => write(errno.into()),
            }
        })?;
        File::open(parent_of(&self.target)).and_then(|parent| parent.sync_all()).map_err(write)
        // Drop removes what has the hidden name now: nothing, or the bundle that was replaced, unless a run uses it.
    }

    fn exchange(&self) -> Result<RenameFlags, Error> {
        check_target(&self.target, self.existing).map(|()| RenameFlags::EXCHANGE)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The build's own error matters more than one from here, and the next build removes what is left.
        let _removed_later = is_in_use(&self.directory) || fs::remove_dir_all(&self.directory).is_err();
    }
}

fn check_target(target: &Path, existing: Existing) -> Result<(), Error> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    let path = target.to_path_buf();
    match existing {
        Existing::Keep => Err(Error::OutputExists { path }),
        Existing::Replace if target.join(manifest::FILE_NAME).is_file() => Ok(()),
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

/// Removes the directories of killed builds for the same target, and of replaced bundles that no run uses. False if another build still runs: it holds a lock on its
/// own.
fn remove_stale(parent: &Path, prefix: &str) -> bool {
    let Ok(entries) = fs::read_dir(parent) else { return true };
    let mut is_free = true;
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        let Some(Ok(directory)) = ours.then(|| File::open(entry.path())) else { continue };
        if lock(&directory).is_ok() {
            // This build does not depend on it: it has a name of its own.
            let _stays = is_in_use(&entry.path()) || fs::remove_dir_all(entry.path()).is_err();
        } else {
            is_free = false;
        }
    }
    is_free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_not_committed_is_removed() {
        let place = tempfile::tempdir().expect("a directory");
        let staging = Staging::new(&place.path().join("b"), Existing::Keep).expect("started");
        staging.put("x", b"1", 0o644).expect("written");
        drop(staging);
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 0);
    }

    #[test]
    fn the_directory_of_a_killed_build_is_removed() {
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
    fn a_second_build_for_the_same_target_is_refused() {
        let place = tempfile::tempdir().expect("a directory");
        let target = place.path().join("b");
        let first = Staging::new(&target, Existing::Keep).expect("started");
        for existing in [Existing::Keep, Existing::Replace] {
            let error = Staging::new(&target, existing).expect_err("busy").to_string();
            assert!(
                error.starts_with(&format!("another build is writing `{}`", target.display())),
                "{error}"
            );
        }
        Staging::new(&place.path().join("c"), Existing::Keep).expect("another target");
        drop(first);
        Staging::new(&target, Existing::Keep).expect("free again");
    }

    #[test]
    fn only_a_bundle_is_replaced() {
        let place = tempfile::tempdir().expect("a directory");
        let target = place.path().join("b");
        fs::create_dir(&target).expect("made");
        assert!(matches!(Staging::new(&target, Existing::Replace), Err(Error::ReplacesForeign { .. })));
        fs::write(target.join(manifest::FILE_NAME), "{}").expect("made");
        let staging = Staging::new(&target, Existing::Replace).expect("started");
        staging.put("new", b"", 0o644).expect("written");
        staging.commit().expect("committed");
        assert!(target.join("new").is_file() && !target.join(manifest::FILE_NAME).exists());
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 1);
    }
}
