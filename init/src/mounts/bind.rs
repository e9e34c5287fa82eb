//! `--bind`: host files and directories shown inside.

use rustix::fd::AsFd;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::tree::{clone_tree, mount_on, open_inside};
use crate::error::{Call, Error, Step, Subject, at};
use crate::options::Bind;
use crate::path::PathBuffer;
use crate::sys::fd::Fd;
use crate::sys::{self, MountAttributes, mount_setattr};
use crate::text::{last_part, strip_suffix};

/// Shows a host path inside. A target below a writable place is made; anywhere else it must exist.
// Not inlined: its paths would be room on the stack of every run.
#[inline(never)]
pub(super) fn attach_bind(root: &Fd, bind: &Bind<'_>, index: u8) -> Result<(), Error> {
    place_bind(root, &take_bind(bind, index)?, bind, index)
}

/// A detached mount of a host path. To be called where the host's tree is.
pub(crate) fn take_bind(bind: &Bind<'_>, index: u8) -> Result<Fd, Error> {
    let source = Subject::BindSource(index);
    let tree = {
        let mut path = PathBuffer::new();
        let path = path.join(&[bind.source]).map_err(at(Step::Mounts, Call::OpenTree, source))?;
        clone_tree(CWD, path).map_err(at(Step::Mounts, Call::OpenTree, source))?
    };
    // Not to be taken away by `--without`: what the caller shows need not be trusted.
    let mut attributes = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV);
    if !bind.writable {
        attributes = attributes.and(MountAttributes::READ_ONLY);
    }
    mount_setattr(tree.as_fd(), attributes, false).map_err(at(Step::Mounts, Call::MountSetattr, source))?;
    Ok(tree)
}

/// Gives it its place inside.
pub(super) fn place_bind(root: &Fd, tree: &Fd, bind: &Bind<'_>, index: u8) -> Result<(), Error> {
    let (source, target) = (Subject::BindSource(index), Subject::BindTarget(index));
    let kind = rustix::fs::fstat(tree.as_fd())
        .map(|stat| FileType::from_raw_mode(stat.st_mode))
        .map_err(at(Step::Mounts, Call::Fstat, source))?;
    let place = open_or_make(root, bind.target, kind).map_err(at(Step::Mounts, Call::Open, target))?;
    mount_on(tree, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, target))
}

/// Opens a mount target; makes it, and the directories on the way, where the place is writable.
fn open_or_make(root: &Fd, target: &[u8], kind: FileType) -> Result<Fd, Errno> {
    let mut path = PathBuffer::new();
    for end in target.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end).skip(1) {
        let above = target.get(..end).unwrap_or_default();
        match open_inside(root, path.join(&[above])?, OFlags::PATH) {
            // EROFS comes back where the place is read-only, as most of the root is: there a target has to exist.
            Err(Errno::NOENT) => make(root, above, FileType::Directory)?,
            Err(errno) => return Err(errno),
            Ok(_) => {}
        }
    }
    match open_inside(root, path.join(&[target])?, OFlags::PATH) {
        Err(Errno::NOENT) => {
            make(root, target, kind)?;
            open_inside(root, path.join(&[target])?, OFlags::PATH)
        }
        found => found,
    }
}

/// Makes one directory or empty file inside the root. Its parent exists.
fn make(root: &Fd, target: &[u8], kind: FileType) -> Result<(), Errno> {
    let name = last_part(target, b'/');
    let above = strip_suffix(target, name).unwrap_or_default();
    let mut path = PathBuffer::new();
    let parent = open_inside(root, path.join(&[above])?, OFlags::PATH | OFlags::DIRECTORY)?;
    let name = path.join(&[name])?;
    if kind == FileType::Directory {
        return rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755));
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    sys::fd::open_at(parent.as_fd(), name, flags, Mode::from_raw_mode(0o444)).map(drop)
}
