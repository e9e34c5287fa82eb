//! The root of a run: an empty tmpfs with a mount point for each rule, in a mount namespace of our own.
//!
//! init takes each mount from here by `--bind` and adds read-only, nosuid and nodev; what it lacks, noexec, is set here.
//! Nothing of it is seen outside, and all of it ends with this process.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::init::BOX_EXEC;
use bundle::layout;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use crate::access;
use crate::boxes::LockedBox;
use crate::call::Call;
use crate::config::Config;
use crate::fault::{Fault, reason};
use crate::mount_table;
use crate::rules::{Flags, Outside, Rule};

/// What init gets.
#[derive(Debug)]
pub(crate) struct Stage {
    /// For `--root`.
    pub(crate) root: PathBuf,
    /// For `--bind`: source, target, and whether it may be written.
    pub(crate) binds: Vec<(PathBuf, PathBuf, bool)>,
}

/// The program that init starts, in the root.
pub(crate) const STEP: &str = "/.box-exec";

/// Makes it.
pub(crate) fn build(call: &Call, config: &Config, taken: &LockedBox) -> Result<Stage, Fault> {
    leave_mounts().map_err(|error| Fault::because("Cannot privatize mounts", error))?;
    let stage = taken.directory.join("root");
    // Next to each other: while init works, what lies below its root is hidden by its own scratch space.
    let (root, shown_in) = (stage.join("root"), stage.join("shown"));
    make_root(&stage, &root).map_err(|error| Fault::because("Cannot mount root ramdisk", error))?;
    let mut shown = Vec::new();
    for rule in call.options.rules.iter() {
        if let Some(source) = source(rule, call, config, taken)? {
            // All of them before anything is mounted, so that nothing is made in what is shown.
            let place = root.join(&rule.inside);
            fs::create_dir_all(&place)
                .map_err(|error| Fault::because(format!("Cannot make {}", place.display()), error))?;
            shown.push((rule, source));
        }
    }
    let mut binds = Vec::new();
    for (number, (rule, source)) in shown.into_iter().enumerate() {
        let target = Path::new("/").join(&rule.inside);
        let place = shown_in.join(number.to_string());
        let fail = |error| {
            Fault::because(format!("Cannot mount {} on {}", source.name.display(), target.display()), error)
        };
        call.mention(|| format!("Binding {} on {}", source.name.display(), target.display()));
        fs::create_dir_all(&place).map_err(fail)?;
        show(&source, &place, rule.flags).map_err(fail)?;
        for mounted in mount_table::below(&place).map_err(fail)? {
            // A path with nothing after it would end with a slash.
            let below = mounted.strip_prefix(&place).ok().filter(|below| !below.as_os_str().is_empty());
            let target = below.map_or(target.clone(), |below| target.join(below));
            binds.push((mounted, target, rule.flags.writable));
        }
    }
    Ok(Stage { root, binds })
}

fn leave_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none: Option<&str> = None;
    Ok(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?)
}

/// A file system for all of it, and in it the root with what init expects of one.
fn make_root(stage: &Path, root: &Path) -> io::Result<()> {
    match fs::create_dir(stage) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    mount(
        Some("capsule-isolate"),
        stage,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some("mode=755,size=1M"),
    )?;
    for (place, mode) in layout::MOUNTPOINTS {
        let path = root.join(place.trim_start_matches('/'));
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    let step = root.join(STEP.trim_start_matches('/'));
    fs::write(&step, BOX_EXEC)?;
    fs::set_permissions(&step, Permissions::from_mode(0o555))
}

/// What a rule shows.
struct Source {
    /// For messages.
    name: PathBuf,
    kind: SourceKind,
}

enum SourceKind {
    Directory(OwnedFd),
    Tmpfs,
}

/// Finds it. `None`: init has it already, or it need not exist and does not.
fn source(rule: &Rule, call: &Call, config: &Config, taken: &LockedBox) -> Result<Option<Source>, Fault> {
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
            open_ours(&path).map(|directory| (path, directory))
        }
        Outside::InBox(path) => in_box(path, taken, call),
        Outside::Path(path) if !is_same => host(path, call, config),
        Outside::Path(_) | Outside::Same => same(&place, call, config),
    };
    match found {
        Ok((name, directory)) => Ok(Some(Source { name, kind: SourceKind::Directory(directory) })),
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
        ("tmpfs", _) => Ok(Some(Source { name: "tmpfs".into(), kind: SourceKind::Tmpfs })),
        ("proc", _) => Err("the file system proc is shown in /proc only".into()),
        _ => Err(format!("the file system {kind} is not shown")),
    }
}

type Found = (PathBuf, OwnedFd);

/// A directory of the host's, if the caller may enter it and the operator shows it.
fn host(path: &Path, call: &Call, config: &Config) -> io::Result<Found> {
    let directory = access::open_directory(path, call.caller)?;
    let real = real_path(&directory)?;
    if config.shows(&real) {
        return Ok((real, directory));
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
    Ok((real_path(&directory)?, directory))
}

/// A directory of the box's, which must be one whatever links a program has left there.
fn in_box(path: &Path, taken: &LockedBox, call: &Call) -> io::Result<Found> {
    let top = open_ours(&taken.directory)?;
    // /box itself belongs to its user now.
    if path == Path::new(crate::boxes::BOX) {
        let inner = taken.inner();
        return open_ours(&inner).map(|directory| (inner, directory));
    }
    let real = real_path(&access::open_directory(&taken.directory.join(path), call.caller)?)?;
    let below =
        real.strip_prefix(real_path(&top)?).map_err(|_| io::Error::other("it leads out of the box"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        openat2(&top, below, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?;
    Ok((real, directory))
}

fn open_ours(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn real_path(directory: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(link_to(directory))
}

/// The path that is an open directory, whatever its name means now (proc_pid_fd(5)).
fn link_to(directory: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", directory.as_raw_fd()).into()
}

fn show(source: &Source, place: &Path, flags: Flags) -> io::Result<()> {
    let none: Option<&str> = None;
    let mut attributes = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    attributes.set(MsFlags::MS_NOEXEC, flags.no_exec);
    match &source.kind {
        SourceKind::Tmpfs => {
            mount(Some("capsule-isolate"), place, Some("tmpfs"), attributes, Some("mode=1777,size=64M"))?;
        }
        SourceKind::Directory(directory) => {
            let recursive = if flags.flat { MsFlags::empty() } else { MsFlags::MS_REC };
            mount(Some(&link_to(directory)), place, none, MsFlags::MS_BIND | recursive, none)?;
            attributes.set(MsFlags::MS_RDONLY, !flags.writable);
            // A remount is about one mount, and what is mounted below is shown too.
            for mounted in mount_table::below(place)? {
                mount(none, &mounted, none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | attributes, none)?;
            }
        }
    }
    Ok(())
}
