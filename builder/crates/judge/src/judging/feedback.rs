//! A directory that programs of the problem write to: a tmpfs with a size, gone with its owner.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;

use run::exec::workspace::Workspace;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat2, unlinkat};

/// Bytes of feedback.
pub(super) const SIZE: u64 = 16 << 20;
/// As much of a message is kept, in bytes.
pub(super) const LONGEST_MESSAGE: u64 = 4 << 10;

/// The directory.
pub(super) struct Feedback {
    // First, as a directory with a mount on it cannot be removed.
    workspace: Workspace,
    place: tempfile::TempDir,
}

impl Feedback {
    /// An empty one. On the shelf no other process of the host sees it.
    pub(super) fn new(shelf: &Path) -> Result<Feedback, String> {
        Feedback::sized(shelf, SIZE)
    }

    /// One with room for so many bytes.
    pub(super) fn sized(shelf: &Path, size: u64) -> Result<Feedback, String> {
        let place = tempfile::Builder::new().prefix("check-").tempdir_in(shelf);
        let place = place.map_err(|error| format!("{}: {error}", shelf.display()))?;
        let workspace = Workspace::mount_at(place.path().to_path_buf(), size);
        Ok(Feedback { workspace: workspace.map_err(|error| error.to_string())?, place })
    }

    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes a file. No process of a sandbox has the directory yet.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> Result<(), String> {
        self.workspace.put(name, content).map_err(|error| error.to_string())
    }

    /// Makes a name for a path inside of the sandbox. No process of a sandbox has the directory yet.
    pub(super) fn link(&self, name: &str, target: &str) -> Result<(), String> {
        symlink(target, self.path().join(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// A file of it. The processes that wrote there have ended, and what they left may be anything: only a regular file
    /// is opened, and no link is followed.
    pub(super) fn file(&self, name: &str) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = openat2(self.root()?, name, flags, Mode::empty(), resolve).ok()?;
        let facts = rustix::fs::fstat(&file).ok()?;
        (FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile).then(|| file.into())
    }

    /// The start of a file's text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let mut bytes = Vec::new();
        self.file(name)?.take(LONGEST_MESSAGE).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Takes a file out of it.
    pub(super) fn take(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let Some(mut file) = self.file(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        let root = self.root().ok_or_else(|| format!("{name}: its directory cannot be opened"))?;
        unlinkat(root, name, AtFlags::empty()).map_err(|errno| format!("{name}: {errno}"))?;
        Ok(Some(bytes))
    }

    fn root(&self) -> Option<OwnedFd> {
        rustix::fs::open(self.path(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
    }
}
