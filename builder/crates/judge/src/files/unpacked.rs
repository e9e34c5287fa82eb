//! Where an archive is unpacked. A process that is killed leaves its directory; the next one that unpacks something removes it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use tempfile::TempDir;

const PREFIX: &str = "capsule-problem-";
/// A directory that is younger may not be locked yet.
const YOUNGEST: Duration = Duration::from_secs(60);

/// A directory that is locked as long as this lives, and is removed with it.
#[derive(Debug)]
pub(super) struct Unpacked {
    directory: TempDir,
    /// The lock is the open directory's.
    _lock: File,
}

impl Unpacked {
    /// Makes one in `parent`.
    pub(super) fn new(parent: &Path) -> io::Result<Unpacked> {
        remove_abandoned(parent, YOUNGEST);
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = lock(directory.path())?;
        Ok(Unpacked { directory, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes our user's directories that no process has locked.
fn remove_abandoned(parent: &Path, youngest: Duration) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let Some(facts) = entry.metadata().ok().filter(|facts| is_ours && facts.is_dir()) else { continue };
        let is_old = facts.modified().is_ok_and(|made| made.elapsed().is_ok_and(|age| age >= youngest));
        if facts.uid() != rustix::process::geteuid().as_raw() || !is_old {
            continue;
        }
        if let Ok(_lock) = lock(&entry.path()) {
            let _another_process_may_do_the_same = fs::remove_dir_all(entry.path());
        }
    }
}

/// Locks a directory, unless another process has.
fn lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    flock(directory.as_fd(), FlockOperation::NonBlockingLockExclusive)?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_nobody_has_locked_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let used = Unpacked::new(parent.path()).unwrap();
        let left = parent.path().join("capsule-problem-x");
        let foreign = parent.path().join("other");
        for directory in [&left, &foreign] {
            fs::create_dir(directory).unwrap();
        }
        remove_abandoned(parent.path(), YOUNGEST);
        assert!(left.exists(), "it is new");
        remove_abandoned(parent.path(), Duration::ZERO);
        assert!(used.path().exists() && !left.exists() && foreign.exists());
    }
}
