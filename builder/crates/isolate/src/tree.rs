//! Directories in which a program has done as it liked: given to another user, and removed.
//!
//! Nothing here follows a link, is deeper than it has descriptors for, or believes that a name still means what it meant:
//! the box belongs to an ordinary user, who may move things while root is at work.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, chownat, fstat, openat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

/// What is done to each file.
pub(crate) struct Handover<'a> {
    /// The new user and group.
    pub(crate) to: (u32, u32),
    /// Whose files change: a file of another user's can only be here because somebody has moved or linked it here.
    pub(crate) of: &'a [u32],
    /// The user of the box's programs. Only this one's files change where they have more than one name: another's may have
    /// been linked here by who may not even read them (link(2)).
    pub(crate) user: u32,
    /// Whether what is neither file nor directory is removed.
    pub(crate) remove_special: bool,
}

/// A directory on the way down: what is left to do in it.
struct Level {
    identity: (u64, u64),
    names: Vec<CString>,
}

/// Gives a directory and all in it to a user.
pub(crate) fn hand_over(path: &Path, handover: &Handover<'_>) -> io::Result<()> {
    let mut directory = openat(CWD, path, DIRECTORY, Mode::empty())?;
    give(&directory, &fstat(&directory)?, handover)?;
    let mut levels = vec![Level::read(&directory)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            let Some(above) = levels.last() else { break };
            directory = openat(&directory, c"..", DIRECTORY, Mode::empty())?;
            if identity(&fstat(&directory)?) != above.identity {
                return Err(io::Error::other("it was moved meanwhile"));
            }
            continue;
        };
        if let Some(below) = hand_over_one(&directory, &name, handover)? {
            directory = below;
            levels.push(Level::read(&directory)?);
        }
    }
    Ok(())
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Returns what is to be entered: a directory.
fn hand_over_one(directory: &OwnedFd, name: &CStr, handover: &Handover<'_>) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        file => file?,
    };
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            give(&file, &stat, handover)?;
            Ok(Some(openat(&file, c".", DIRECTORY, Mode::empty())?))
        }
        FileType::RegularFile => give(&file, &stat, handover).map(|()| None),
        _ if handover.remove_special => match unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        },
        _ => give(&file, &stat, handover).map(|()| None),
    }
}

fn give(file: &OwnedFd, stat: &Stat, handover: &Handover<'_>) -> io::Result<()> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let is_shared = is_file && stat.st_nlink > 1 && stat.st_uid != handover.user;
    if handover.of.contains(&stat.st_uid) && !is_shared {
        let (uid, gid) = (Uid::from_raw(handover.to.0), Gid::from_raw(handover.to.1));
        // The file that was looked at, whatever its name means now.
        chownat(file, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    }
    Ok(())
}

impl Level {
    fn read(directory: &OwnedFd) -> io::Result<Level> {
        Ok(Level { identity: identity(&fstat(directory)?), names: names(directory)? })
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a directory and all in it; there need not be one.
///
/// A directory in it is emptied by moving its own ones up, so that no depth is too deep.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let top = match openat(CWD, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        top => top?,
    };
    let mut number = 0;
    // What comes anew meanwhile is removed as well, but not for ever.
    for _ in 0..1000 {
        let mut directories = remove_files(&top, names(&top)?)?;
        while let Some(name) = directories.pop() {
            let directory = match openat(&top, &name, DIRECTORY, Mode::empty()) {
                Err(Errno::NOENT) => continue,
                directory => directory?,
            };
            for below in remove_files(&directory, names(&directory)?)? {
                directories.push(move_up(&directory, &below, &top, &mut number)?);
            }
            match unlinkat(&top, &name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        match rustix::fs::rmdir(path) {
            Err(Errno::NOTEMPTY) => {}
            removed => return Ok(removed?),
        }
    }
    Err(Errno::NOTEMPTY.into())
}

/// Removes all but directories, and returns their names.
fn remove_files(directory: &OwnedFd, names: Vec<CString>) -> io::Result<Vec<CString>> {
    let mut directories = Vec::new();
    for name in names {
        match unlinkat(directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            // EISDIR is Linux's, EPERM is POSIX's (unlink(2)).
            Err(Errno::ISDIR | Errno::PERM) => directories.push(name),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(directories)
}

fn move_up(from: &OwnedFd, name: &CStr, top: &OwnedFd, number: &mut u64) -> io::Result<CString> {
    loop {
        *number += 1;
        let new = CString::new(OsString::from(format!(".old-{number}")).into_vec())?;
        match renameat_with(from.as_fd(), name, top.as_fd(), &new, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            moved => return Ok(moved.map(|()| new)?),
        }
    }
}
