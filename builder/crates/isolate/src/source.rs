//! What a rule shows: a directory of the host's, of the bundle's or of the box's, or a fresh file system.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use bundle::layout;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use crate::access;
use crate::boxes::{self, LockedBox};
use crate::call::Call;
use crate::config::Config;
use crate::fault::{Fault, reason};
use crate::rules::{Outside, Rule};

/// What a rule shows.
pub(crate) struct Source {
    /// For messages.
    pub(crate) name: PathBuf,
    pub(crate) kind: SourceKind,
    pub(crate) origin: Origin,
}

/// Whose a directory is, which says what may be done in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Some user's: root makes nothing in it for another one.
    Host,
    /// Shared by all boxes: no box may write there, whatever a rule says.
    Bundle,
    /// Of this box, or of this run.
    Box,
}

pub(crate) enum SourceKind {
    Directory(OwnedFd),
    Tmpfs,
}

/// Finds it. `None`: init has it already, or it need not exist and does not.
pub(crate) fn find(
    rule: &Rule,
    call: &Call,
    config: &Config,
    taken: &LockedBox,
) -> Result<Option<Source>, Fault> {
    let place = Path::new("/").join(&rule.inside);
    let refused = |why: &str| Fault(format!("Directory rule for {}: {why}", place.display()));
    let is_same = match &rule.outside {
        Outside::Path(path) => *path == place,
        outside => *outside == Outside::Same,
    };
    let found = match &rule.outside {
        Outside::Nothing => return Ok(None),
        _ if is_same && place == Path::new("/dev") => return Ok(None),
        _ if rule.flags.devices => return Err(refused("devices are shown in /dev only")),
        Outside::FileSystem(kind) => return file_system(kind, &place).map_err(|why| refused(&why)),
        Outside::Temporary(name) => {
            let path = taken.temporary(name)?;
            open_ours(&path).map(|directory| Found { path, directory, origin: Origin::Box })
        }
        Outside::InBox(path) => in_box(path, taken, call),
        Outside::Path(path) if !is_same => host(path, call, config),
        Outside::Path(_) | Outside::Same => same(&place, call, config),
    };
    match found {
        Ok(Found { path: name, directory, origin }) => {
            Ok(Some(Source { name, kind: SourceKind::Directory(directory), origin }))
        }
        // A bundle of static programs has no /lib.
        Err(error) if (rule.flags.maybe || rule.is_default) && is_absent(&error) => {
            call.mention(|| format!("Not binding anything on {} (does not exist)", place.display()));
            Ok(None)
        }
        Err(error) => Err(Fault::because(format!("Directory rule for {}", place.display()), error)),
    }
}

/// The same path inside and outside: of the host if the operator shows it, else of the bundle.
fn same(place: &Path, call: &Call, config: &Config) -> io::Result<Found> {
    let of_host = match host(place, call, config) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    match in_bundle(place, config) {
        // What the operator does not show is not there.
        Err(error) if is_absent(&error) => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("the bundle does not have it, and of the host: {}", reason(&of_host)),
        )),
        found => found,
    }
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// What init mounts is its own; everything else of the kernel's shows the machine.
fn file_system(kind: &str, place: &Path) -> Result<Option<Source>, String> {
    match (kind, place.to_str()) {
        ("proc", Some("/proc")) | ("tmpfs", Some("/dev/shm" | "/tmp")) => Ok(None),
        ("tmpfs", _) => {
            Ok(Some(Source { name: "tmpfs".into(), kind: SourceKind::Tmpfs, origin: Origin::Box }))
        }
        ("proc", _) => Err("the file system proc is shown in /proc only".into()),
        _ => Err(format!("the file system {kind} is not shown")),
    }
}

/// A directory that a rule names.
struct Found {
    path: PathBuf,
    directory: OwnedFd,
    origin: Origin,
}

/// A directory of the host's, if the caller may enter it and the operator shows it.
fn host(path: &Path, call: &Call, config: &Config) -> io::Result<Found> {
    let directory = access::open_directory(path, call.caller)?;
    let real = real_path(&directory)?;
    if config.shows(&real) {
        return Ok(Found { path: real, directory, origin: Origin::Host });
    }
    Err(io::Error::other(format!("{} is in none of the directories that the operator shows", real.display())))
}

fn in_bundle(place: &Path, config: &Config) -> io::Result<Found> {
    let root = open_ours(&config.bundle.join(layout::ROOTFS))?;
    // Links of the image lead to the image.
    let directory = openat2(
        &root,
        place,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT,
    )?;
    Ok(Found { path: real_path(&directory)?, directory, origin: Origin::Bundle })
}

/// A directory of the box's, which must be one whatever links a program has left there.
fn in_box(path: &Path, taken: &LockedBox, call: &Call) -> io::Result<Found> {
    let top = open_ours(&taken.directory)?;
    // /box itself belongs to its user now.
    if path == Path::new(boxes::BOX) {
        let inner = taken.inner();
        return open_ours(&inner).map(|directory| Found { path: inner, directory, origin: Origin::Box });
    }
    let real = real_path(&access::open_directory(&taken.directory.join(path), call.caller)?)?;
    let below =
        real.strip_prefix(real_path(&top)?).map_err(|_| io::Error::other("it leads out of the box"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        openat2(&top, below, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?;
    Ok(Found { path: real, directory, origin: Origin::Box })
}

fn open_ours(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn real_path(directory: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(link_to(directory))
}

/// The path that is an open directory, whatever its name means now (proc_pid_fd(5)).
pub(crate) fn link_to(directory: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", directory.as_raw_fd()).into()
}
