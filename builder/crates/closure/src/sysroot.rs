//! The tree that is read: the build host itself, or another root. No path leads out of it.
//!
//! Every open goes through openat2(2) with `RESOLVE_IN_ROOT`: absolute symlinks and `..` mean the same as after a
//! chroot(2) into the tree, whatever the tree contains. No code here looks at what a file contains.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::shards::Shards;
use crate::symlink::{self, ResolvedPath};

/// The kernel's limit for a path, with the NUL at its end (PATH_MAX; path_resolution(7)). The path at the end of a
/// lookup may be longer.
const MAX_PATH: usize = 4096;

/// How often a lookup is tried that races with a rename.
const RACES: usize = 128;

/// A directory that is treated as `/`.
#[derive(Debug)]
pub struct Sysroot {
    fd: OwnedFd,
    path: PathBuf,
    /// The text of the link at a path, `None` for anything else; by the path's text.
    links: Shards<OsString, Option<OsString>>,
    /// Where the directory parts of paths lead, by their text.
    directories: Shards<OsString, Result<Arc<ResolvedPath>, Errno>>,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: OsString,
    /// Its type, links not followed; DT_UNKNOWN on file systems that do not record it (getdents64(2)).
    pub kind: FileType,
}

impl Sysroot {
    /// Takes `path` as the root; fails when it is not a directory.
    pub fn new(path: &Path) -> io::Result<Self> {
        let fd = fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned(), links: Shards::default(), directories: Shards::default() })
    }

    /// The root's own path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the root directory of this process, by device and inode: `/..` is too.
    pub(crate) fn is_whole_machine(&self) -> bool {
        let id = |stat: fs::Stat| (stat.st_dev, stat.st_ino);
        let own = fs::stat("/").map(id);
        own.is_ok() && own == fs::fstat(&self.fd).map(id)
    }

    /// A descriptor of the root itself, for chroot(2).
    pub(crate) fn root(&self) -> io::Result<OwnedFd> {
        Ok(self.openat(Path::new("/"), OFlags::PATH | OFlags::DIRECTORY)?)
    }

    /// Opens a file for reading, with all links followed inside the root. A FIFO does not block.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        Ok(self.openat(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?.into())
    }

    /// Opens a file for reading, and records how the path leads to it.
    pub(crate) fn open_resolved(&self, path: &Path) -> io::Result<(File, ResolvedPath)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        if path.as_os_str().len() >= MAX_PATH {
            return Err(Errno::NAMETOOLONG.into());
        }
        // Most paths share their directory with others, and most files are not links: then the remembered directory and
        // one call are enough. RESOLVE_NO_SYMLINKS proves that no component is a link (openat2(2)).
        if let Some((directory, name)) = split(path) {
            let above = self.directory(directory)?;
            let file = above.file.join(name);
            match self.openat_with(&file, flags, ResolveFlags::NO_SYMLINKS) {
                Ok(fd) => return Ok((fd.into(), ResolvedPath { links: above.links.clone(), file })),
                Err(Errno::LOOP) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let resolved = self.resolve_path(path)?;
        Ok((self.openat(&resolved.file, flags)?.into(), resolved))
    }

    /// Where the directory part of a path leads. Remembered.
    fn directory(&self, path: &OsStr) -> Result<Arc<ResolvedPath>, Errno> {
        self.directories.get(path).unwrap_or_else(|| {
            let mut resolved = self.resolve_path(Path::new(path)).map_err(|error| errno(&error));
            if let Ok(resolved) = &mut resolved {
                resolved.links.iter_mut().for_each(|link| link.is_last = false);
            }
            self.directories.get_or_insert(path.to_owned(), || resolved.map(Arc::new))
        })
    }

    /// fstat(2) of the file at `path`, with all links followed inside the root.
    pub fn stat(&self, path: &Path) -> io::Result<fs::Stat> {
        Ok(fs::fstat(self.openat(path, OFlags::PATH)?)?)
    }

    /// Whether `path` leads to a directory.
    pub fn is_dir(&self, path: &Path) -> bool {
        self.openat(path, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// Whether `path` leads to a regular file with an execute permission for any user.
    pub(crate) fn is_executable(&self, path: &Path) -> bool {
        self.stat(path).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0
        })
    }

    /// The entries of a directory, sorted by name, without `.` and `..`.
    pub fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let fd = self.openat(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(&fd)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                entries.push(DirEntry { name, kind: entry.file_type() });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Follows `path` as the kernel does and records every link. The last component must exist.
    pub fn resolve_path(&self, path: &Path) -> io::Result<ResolvedPath> {
        symlink::resolve_path(path, |link| self.link_at(link))
    }

    /// The text of the link at `path`, or `None` for anything else. Remembered.
    fn link_at(&self, path: &Path) -> io::Result<Option<OsString>> {
        if let Some(known) = self.links.get(path.as_os_str()) {
            return Ok(known);
        }
        let fd = self.openat(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let is_link = FileType::from_raw_mode(fs::fstat(&fd)?.st_mode) == FileType::Symlink;
        let target = if is_link {
            let text = fs::readlinkat(&fd, "", Vec::new())?;
            Some(OsStr::from_bytes(text.to_bytes()).to_owned())
        } else {
            None
        };
        Ok(self.links.get_or_insert(path.into(), || target))
    }

    fn openat(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.openat_with(path, flags, ResolveFlags::empty())
    }

    fn openat_with(&self, path: &Path, flags: OFlags, more: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
        // EAGAIN: a rename anywhere on the machine raced with a `..` in this path (openat2(2)). Try again, but not
        // for ever.
        for _ in 0..RACES {
            match fs::openat2(&self.fd, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }
}

/// A path's directory part and its last component, if that is a name.
fn split(path: &Path) -> Option<(&OsStr, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    let slash = memchr::memrchr(b'/', bytes)?;
    let (directory, name) = (&bytes[..slash], &bytes[slash + 1..]);
    let is_name = !name.is_empty() && name != b"." && name != b"..";
    is_name.then(|| (OsStr::from_bytes(directory), OsStr::from_bytes(name)))
}

/// The errno of a failed system call.
pub(crate) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
