//! The root of a run: an empty tmpfs with a mount point for each rule, in a mount namespace of our own.
//!
//! init takes each mount from here by `--bind` and adds read-only, nosuid and nodev; what it lacks, noexec, is set here.
//! Nothing of it is seen outside, and all of it ends with this process.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::init::BOX_EXEC;
use bundle::layout;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags, ResolveFlags, StatVfsMountFlags, fstatvfs, openat2, statvfs};
use rustix::io::Errno;

use crate::boxes::LockedBox;
use crate::call::{Call, Caller};
use crate::config::Config;
use crate::fault::{Fault, reason};
use crate::mount_table;
use crate::rules::{Flags, Rule};
use crate::source::{self, Origin, Source, SourceKind};

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
        if let Some(source) = source::find(rule, call, config, taken)? {
            let place = root.join(&rule.inside);
            fs::create_dir_all(&place)
                .map_err(|error| Fault::because(format!("Cannot make {}", place.display()), error))?;
            shown.push((rule, source));
        }
    }
    let mut binds = Vec::new();
    for (number, (rule, source)) in shown.iter().enumerate() {
        let target = Path::new("/").join(&rule.inside);
        let place = shown_in.join(number.to_string());
        call.mention(|| format!("Binding {} on {}", source.name.display(), target.display()));
        let below =
            shown[number..].iter().filter_map(|(other, _)| other.inside.strip_prefix(&rule.inside).ok());
        let flags = flags(rule, source, call.caller);
        let mounted = missing(source, flags, call.caller, &below.collect::<Vec<_>>())
            .and_then(|missing| show(source, &place, flags, &missing))
            .map_err(|error| {
                let (source, target) = (source.name.display(), target.display());
                Fault::because(format!("Cannot mount {source} on {target}"), error)
            })?;
        for mounted in mounted {
            // A path with nothing after it would end with a slash.
            let below = mounted.strip_prefix(&place).ok().filter(|below| !below.as_os_str().is_empty());
            let target = below.map_or(target.clone(), |below| target.join(below));
            binds.push((mounted, target, flags.writable));
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

/// What holds of a rule for this source and this caller.
fn flags(rule: &Rule, source: &Source, caller: Caller) -> Flags {
    Flags {
        writable: rule.flags.writable && source.origin != Origin::Bundle,
        // Root looks up each mount below by its path, while an ordinary user may move directories.
        flat: rule.flags.flat || caller.uid != 0,
        ..rule.flags
    }
}

/// The places of other rules, `below`, that have to be made in a source before it is shown.
fn missing<'a>(
    source: &Source,
    flags: Flags,
    caller: Caller,
    below: &[&'a Path],
) -> io::Result<Vec<&'a Path>> {
    let SourceKind::Directory(directory) = &source.kind else { return Ok(Vec::new()) };
    // init makes them, as root: in the directory itself, which is another user's.
    if flags.writable && (source.origin == Origin::Box || caller.uid == 0) {
        return Ok(Vec::new());
    }
    let mut missing = Vec::new();
    for place in below {
        if lacks(directory, place, flags)? {
            missing.push(*place);
        }
    }
    match missing.first().filter(|_| flags.writable) {
        Some(place) => Err(io::Error::other(format!(
            "it has no {} for another rule, and root makes nothing in a writable directory of the host",
            place.display()
        ))),
        None => Ok(missing),
    }
}

/// Mounts it on a new directory, with empty directories that it is missing, and returns the mounts there are then.
fn show(source: &Source, place: &Path, flags: Flags, missing: &[&Path]) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(place)?;
    let mut attributes = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    attributes.set(MsFlags::MS_NOEXEC, flags.no_exec);
    let directory = match &source.kind {
        SourceKind::Tmpfs => {
            mount(Some("capsule-isolate"), place, Some("tmpfs"), attributes, Some("mode=1777,size=64M"))?;
            return Ok(vec![place.to_path_buf()]);
        }
        SourceKind::Directory(directory) => directory,
    };
    attributes.set(MsFlags::MS_RDONLY, !flags.writable);
    if !missing.is_empty() {
        show_with(directory, missing, place, attributes | held(fstatvfs(directory)?.f_flag))?;
        return Ok(vec![place.to_path_buf()]);
    }
    let none: Option<&str> = None;
    let recursive = if flags.flat { MsFlags::empty() } else { MsFlags::MS_REC };
    mount(Some(&source::link_to(directory)), place, none, MsFlags::MS_BIND | recursive, none)?;
    // A remount is about one mount, and what is mounted below is shown too.
    let mounted = mount_table::below(place)?;
    for mounted in &mounted {
        let attributes = attributes | held(statvfs(mounted)?.f_flag);
        mount(none, mounted, none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | attributes, none)?;
    }
    Ok(mounted)
}

/// What a remount must not take away: it sets all attributes anew (mount(2), MS_REMOUNT).
fn held(flags: StatVfsMountFlags) -> MsFlags {
    let mut held = MsFlags::empty();
    held.set(MsFlags::MS_RDONLY, flags.contains(StatVfsMountFlags::RDONLY));
    held.set(MsFlags::MS_NOEXEC, flags.contains(StatVfsMountFlags::NOEXEC));
    held
}

/// Whether a directory has nothing at a path below it. A link there is an error: init does not follow it either.
fn lacks(directory: impl AsFd, below: &Path, flags: Flags) -> io::Result<bool> {
    if below.as_os_str().is_empty() {
        return Ok(false);
    }
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    // Without what is mounted below, it is about what is hidden there.
    resolve.set(ResolveFlags::NO_XDEV, flags.flat);
    match openat2(directory, below, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
        Ok(_) => Ok(false),
        Err(Errno::NOENT) => Ok(true),
        Err(errno) => {
            let why = reason(&errno.into());
            Err(io::Error::other(format!("its {} for another rule: {why}", below.display())))
        }
    }
}

/// Shows a directory together with empty directories that it lacks, for other rules to be mounted on.
fn show_with(directory: &OwnedFd, missing: &[&Path], place: &Path, attributes: MsFlags) -> io::Result<()> {
    let points = place.with_extension("points");
    for point in missing {
        fs::create_dir_all(points.join(point))?;
    }
    let points: OwnedFd = fs::File::open(&points)?.into();
    // By descriptor: in a path a colon would divide, and a comma end.
    let layers =
        format!("lowerdir={}:{}", source::link_to(&points).display(), source::link_to(directory).display());
    match mount(Some("capsule-isolate"), place, Some("overlay"), attributes, Some(layers.as_str())) {
        // mount(2): the kernel does not know this file system, which is a module of most.
        Err(nix::errno::Errno::ENODEV) => {
            Err(io::Error::other("this kernel has no overlayfs, or has not loaded it"))
        }
        mounted => Ok(mounted?),
    }
}
