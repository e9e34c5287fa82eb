//! The tree that is read: the build host itself, or another root. No path ever leads out of it.
//!
//! Every open goes through openat2(2) with `RESOLVE_IN_ROOT`: absolute symlinks and `..` mean the same as after a
//! chroot(2) into the tree, whatever the tree holds. Nothing here looks at what a file contains.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::shards::Shards;

/// The kernel's limit for symlinks in one lookup (path_resolution(7)); beyond it lookups fail with ELOOP.
const MAX_LINKS: usize = 40;

/// The kernel's limit for a path, with the NUL at its end (PATH_MAX). What a path leads to may be longer.
const MAX_PATH: usize = 4096;

/// How often a lookup that raced with a rename is tried.
const RACES: usize = 128;

/// A directory that is treated as `/`.
#[derive(Debug)]
pub struct Sysroot {
    fd: OwnedFd,
    path: PathBuf,
    /// What stands at a path, by the path's text: the text of a link, or `None` for anything else.
    links: Shards<OsString, Option<OsString>>,
    /// How the directory parts of paths lead to directories, by their text.
    directories: Shards<OsString, Result<Arc<Trail>, Errno>>,
}

/// One symbolic link that a lookup went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where the link stands; no parent of it is a link.
    pub path: PathBuf,
    /// The link's text.
    pub target: OsString,
    /// Whether it stands for the whole path asked for, not for a directory on the way.
    pub is_last: bool,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What it is, links not followed; some file systems do not tell (getdents64(2), DT_UNKNOWN).
    pub kind: FileType,
}

/// How a path leads to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// Every link on the way, in the order of the lookup.
    pub links: Vec<Link>,
    /// The file at the end; no component of this path is a link.
    pub file: PathBuf,
}

impl Sysroot {
    /// Takes `path` as the root; fails when it is not a directory.
    pub fn new(path: &Path) -> io::Result<Self> {
        let fd = fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned(), links: Shards::default(), directories: Shards::default() })
    }

    /// The root's own path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A descriptor of the root itself, for chroot(2).
    pub fn root(&self) -> io::Result<OwnedFd> {
        Ok(self.openat(Path::new("/"), OFlags::PATH | OFlags::DIRECTORY)?)
    }

    /// Opens a file for reading, with all links followed inside the root. A FIFO does not block.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        Ok(self.openat(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?.into())
    }

    /// Opens a file for reading and tells how the path led to it.
    pub fn open_with_trail(&self, path: &Path) -> io::Result<(File, Trail)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        if path.as_os_str().len() >= MAX_PATH {
            return Err(Errno::NAMETOOLONG.into());
        }
        // Most paths differ in their last component only, and most of these are no links: then what is known
        // of the directory and one call, which proves that there is no link, do.
        if let Some((directory, name)) = split(path) {
            let above = self.directory(directory)?;
            let file = above.file.join(name);
            match self.openat_with(&file, flags, ResolveFlags::NO_SYMLINKS) {
                Ok(fd) => return Ok((fd.into(), Trail { links: above.links.clone(), file })),
                Err(Errno::LOOP) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let trail = self.trail(path)?;
        Ok((self.openat(&trail.file, flags)?.into(), trail))
    }

    /// How the directory part of a path leads to a directory. Remembered.
    fn directory(&self, path: &OsStr) -> Result<Arc<Trail>, Errno> {
        self.directories.get(path).unwrap_or_else(|| {
            let mut trail = self.trail(Path::new(path)).map_err(|error| errno(&error));
            if let Ok(trail) = &mut trail {
                trail.links.iter_mut().for_each(|link| link.is_last = false);
            }
            self.directories.get_or_insert(path.to_owned(), || trail.map(Arc::new))
        })
    }

    /// What stands at `path`, with all links followed inside the root.
    pub fn stat(&self, path: &Path) -> io::Result<fs::Stat> {
        Ok(fs::fstat(self.openat(path, OFlags::PATH)?)?)
    }

    /// Whether a directory stands at `path`.
    pub fn is_dir(&self, path: &Path) -> bool {
        self.openat(path, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// Whether `path` is a regular file that somebody may execute.
    pub fn is_executable(&self, path: &Path) -> bool {
        self.stat(path).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0
        })
    }

    /// What is in a directory, sorted by name, without `.` and `..`.
    pub fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let fd = self.openat(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(&fd)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                entries.push(Entry { name, kind: entry.file_type() });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Follows `path` as the kernel does and records every link. The last component must exist.
    pub fn trail(&self, path: &Path) -> io::Result<Trail> {
        let mut links = Vec::new();
        let mut done = PathBuf::from("/");
        let mut ahead = reversed_components(path);
        while let Some(step) = ahead.pop() {
            match step {
                Step::Up => {
                    done.pop();
                }
                Step::Down(name) => {
                    let here = done.join(&name);
                    let Some(target) = self.link_at(&here)? else {
                        done = here;
                        continue;
                    };
                    let is_last = ahead.is_empty();
                    if Path::new(&target).is_absolute() {
                        done = PathBuf::from("/");
                    }
                    ahead.extend(reversed_components(Path::new(&target)));
                    links.push(Link { path: here, target, is_last });
                    if links.len() > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                }
            }
        }
        Ok(Trail { links, file: done })
    }

    /// The text of the link at `path`, or `None` when something else stands there. Remembered.
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
        // A rename elsewhere can race with a `..` of ours (openat2(2)): ask again, but not for ever.
        for _ in 0..RACES {
            match fs::openat2(&self.fd, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }
}

/// A path's directory part and its last component, where that is a name.
fn split(path: &Path) -> Option<(&OsStr, &OsStr)> {
    let bytes = path.as_os_str().as_bytes();
    let slash = memchr::memrchr(b'/', bytes)?;
    let (directory, name) = (&bytes[..slash], &bytes[slash + 1..]);
    let is_name = !name.is_empty() && name != b"." && name != b"..";
    is_name.then(|| (OsStr::from_bytes(directory), OsStr::from_bytes(name)))
}

/// The errno of an error that a system call gave.
pub(crate) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

enum Step {
    Up,
    Down(OsString),
}

/// The components as a stack: the first one is popped first.
fn reversed_components(path: &Path) -> Vec<Step> {
    let step = |component| match component {
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}
