//! Detached mounts: made, restricted, and given their place inside the root.

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, move_mount};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::sys::{self, MountAttributes, mount_setattr};
use crate::text::Text;

pub(super) fn new_filesystem(name: &CStr, subject: Subject) -> Result<Fd, Error> {
    sys::fd::fsopen(name).map_err(at(Step::Mounts, Call::Fsopen, subject))
}

pub(super) fn create(context: &Fd, attributes: MountAttrFlags, subject: Subject) -> Result<Fd, Error> {
    fsconfig_create(context.as_fd()).map_err(at(Step::Mounts, Call::Fsconfig, subject))?;
    sys::fd::fsmount(context.as_fd(), attributes).map_err(at(Step::Mounts, Call::Fsmount, subject))
}

/// A detached mount of what is at `path`, without what is mounted below it.
pub(super) fn clone_tree(directory: BorrowedFd<'_>, path: &CStr) -> Result<Fd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    sys::fd::open_tree(directory, path, flags)
}

/// Sets the attributes whose guards are up.
pub(super) fn restrict(
    tree: &Fd,
    wanted: MountAttributes,
    setup: &Setup<'_>,
    subject: Subject,
) -> Result<(), Error> {
    const REMOVABLE: &[(Guard, MountAttributes)] = &[
        (Guard::ReadOnlyRoot, MountAttributes::READ_ONLY),
        (Guard::NoSuid, MountAttributes::NO_SUID),
        (Guard::NoDev, MountAttributes::NO_DEV),
    ];
    let is_forgotten = |guard| cfg!(capsule_mutation = "writable-root") && guard == Guard::ReadOnlyRoot;
    let taken_away = REMOVABLE.iter().filter(|(guard, _)| !setup.has(*guard) || is_forgotten(*guard));
    let kept = taken_away.fold(wanted, |kept, (_, attribute)| kept.less(*attribute));
    mount_setattr(tree.as_fd(), kept, false).map_err(at(Step::Mounts, Call::MountSetattr, subject))
}

/// Gives `tree` its place inside the root.
pub(super) fn attach(tree: &Fd, root: &Fd, place: &CStr, subject: Subject) -> Result<(), Error> {
    let place = open_inside(root, place, OFlags::PATH | OFlags::DIRECTORY).map_err(at(
        Step::Mounts,
        Call::Open,
        subject,
    ))?;
    mount_on(tree, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, subject))
}

/// Mounts `tree` at `name` below the directory; at the directory (or file) itself if the name is empty.
pub(super) fn mount_on(tree: &Fd, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    // Both ends by descriptor: no path is looked up a second time (move_mount(2)).
    let both_empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    let flags = if name.is_empty() { both_empty } else { MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH };
    move_mount(tree.as_fd(), c"", directory, name, flags)
}

/// Opens a path inside the root: no symbolic link on the way, nothing above.
pub(super) fn open_inside(root: &Fd, path: &CStr, flags: OFlags) -> Result<Fd, Errno> {
    // A link in the root could lead to another place than its name, and a magic link out of the root (openat2(2)).
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    sys::fd::open_resolved(root.as_fd(), path, flags | OFlags::CLOEXEC, resolve)
}

/// A number as a C string: what takes bytes would have to look for a NUL, and could fail.
pub(super) fn decimal(number: u64, digits: &mut [u8; 21]) -> &CStr {
    Text::new(digits).number(number).push(b"\0");
    CStr::from_bytes_until_nul(digits).unwrap_or_default()
}
