//! The mount tree of the sandbox: built by descriptor from detached mounts, then entered, with the old root gone.
//!
//! Runs as PID 1 of the sandbox, before any untrusted process exists. No path is resolved twice: each source is
//! opened once (and so cannot be swapped under us, CVE-2021-30465), each target is looked up inside the new root
//! only, with no symbolic link followed (CVE-2023-27561, CVE-2025-31133).

mod bind;
mod late;
mod root;
mod scratch;
mod targets;
mod tree;

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, fsconfig_set_string};

use self::bind::attach_bind;
pub(crate) use self::bind::take_bind;
pub(crate) use self::late::give;
use self::root::switch_root;
use self::scratch::DEVICES;
pub(crate) use self::scratch::{Devices, Scratch};
pub(crate) use self::targets::TARGETS;
use self::targets::{DEV, FIRST_DEVICE, MASKED, PROC, PTS, ROOT, SHM, TMP, WORK};
use self::tree::{attach, clone_tree, create, mount_on, new_filesystem, open_inside, restrict};
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::path::PathBuffer;
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::sys::{self, MountAttributes, mount_setattr};
use crate::text::Strings;

/// The work directory: where a submission starts, and with /tmp and /dev/shm all that it can write.
pub(crate) const WORK_DIRECTORY: &CStr = c"/home/judge";

/// Files of /proc that any user can read and that describe the machine, not the sandbox (docs/attacks.md, FS-29,
/// without those that only root can open), and `locks`, which shows open-file locks of every pid namespace
/// (proc_locks(5)). An absent one needs no mask.
const MASKED_PROC_FILES: &[u8] =
    b"keys\0key-users\0kallsyms\0interrupts\0locks\0modules\0sched_debug\0config.gz\0";

/// Makes what must exist before a user namespace is entered: only a file system that belongs to the host's user
/// namespace can hold device nodes (mknod(2), user_namespaces(7)). It is mounted nowhere yet, and ends with its last
/// descriptor.
pub(crate) fn prepare(setup: &Setup<'_>) -> Result<Option<Scratch>, Error> {
    if !setup.identity.privileged || !setup.has(Guard::UserNamespace) {
        return Ok(None);
    }
    let mask = rustix::process::umask(Mode::empty());
    let scratch = Scratch::make(setup, setup.ids.outside);
    rustix::process::umask(mask);
    scratch.map(Some)
}

/// Builds the tree and makes it this process's root. Afterwards nothing of the host's tree is reachable but the device
/// nodes, where those are the host's.
pub(crate) fn enter(setup: &Setup<'_>, prepared: Option<Scratch>) -> Result<Devices, Error> {
    make_private(setup)?;
    // The modes below are meant as written. The submission starts with the usual mask, not with our caller's
    // (umask(2)).
    rustix::process::umask(Mode::empty());
    let (place, root) = open_root(setup)?;
    let scratch = match prepared {
        Some(scratch) => scratch,
        None => Scratch::make(setup, setup.ids.inside)?,
    };
    // Before Linux 6.15 open_tree(2) clones only from a mount that is attached in this namespace. Here it is attached
    // to the directory of `--root` in the old tree, and is detached with that tree.
    mount_on(&scratch.mount, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, TMP))?;
    // pivot_root(2) wants a mount point as the new root. Stacked onto `/` it is one, and is entered later
    // (`switch_root`).
    mount_on(&root, CWD, c"/").map_err(at(Step::Mounts, Call::MoveMount, Subject::Root))?;
    attach_proc(setup, &root, &scratch)?;
    attach_dev(setup, &root, &scratch)?;
    let exec_allowed = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV);
    attach(&scratch.tree(c"tmp", exec_allowed, setup, TMP)?, &root, c"tmp", TMP)?;
    attach(&scratch.tree(c"work", exec_allowed, setup, WORK)?, &root, c"home/judge", WORK)?;
    // After our own mounts, and in their order: one may lie in another.
    for (index, bind) in setup.options.binds.as_slice().iter().enumerate() {
        attach_bind(&root, bind, index as u8)?;
    }
    // All is made; the mask is inherited by the submission.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    switch_root(&root)?;
    Ok(scratch.devices)
}

/// A mount of one file that has no place in any tree: nothing leads from it to the host's, and it cannot be written.
pub(crate) fn read_only_file(path: &CStr) -> Result<Fd, Errno> {
    let tree = clone_tree(CWD, path)?;
    let shut = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV).and(MountAttributes::NO_EXEC);
    mount_setattr(tree.as_fd(), shut.and(MountAttributes::READ_ONLY), false)?;
    Ok(tree)
}

/// No mount made from here on reaches the host, and none of the host's reaches us.
fn make_private(setup: &Setup<'_>) -> Result<(), Error> {
    // A shared mount passes on what is mounted below it, in both directions, and on systemd hosts every mount is shared
    // (mount_namespaces(7)).
    if !setup.has(Guard::PrivateMounts) || cfg!(capsule_mutation = "shared-mounts") {
        return Ok(());
    }
    let root = sys::fd::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(at(
        Step::Mounts,
        Call::Open,
        ROOT,
    ))?;
    mount_setattr(root.as_fd(), MountAttributes::default(), true).map_err(at(
        Step::Mounts,
        Call::MountSetattr,
        ROOT,
    ))
}

/// The directory of `--root`, and a detached mount of it.
fn open_root(setup: &Setup<'_>) -> Result<(Fd, Fd), Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let place = sys::fd::open(setup.options.root, flags, Mode::empty());
    let place = place.map_err(at(Step::Mounts, Call::Open, Subject::Root))?;
    let root = clone_tree(place.as_fd(), c"").map_err(at(Step::Mounts, Call::OpenTree, Subject::Root))?;
    // On the detached mount, before any process can reach it: there is no moment in which it is writable.
    let wanted = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV).and(MountAttributes::READ_ONLY);
    restrict(&root, wanted, setup, Subject::Root)?;
    Ok((place, root))
}

/// A fresh procfs: it shows the pid namespace of this process.
fn attach_proc(setup: &Setup<'_>, root: &Fd, scratch: &Scratch) -> Result<(), Error> {
    let context = new_filesystem(c"proc", PROC)?;
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    if setup.has(Guard::ProcReadOnly) {
        attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    let proc = if cfg!(capsule_mutation = "outer-proc") {
        clone_tree(CWD, c"/proc").map_err(at(Step::Mounts, Call::OpenTree, PROC))?
    } else {
        create(&context, attributes, PROC)?
    };
    attach(&proc, root, c"proc", PROC)?;
    if !setup.has(Guard::ProcMasks) {
        return Ok(());
    }
    for file in Strings(MASKED_PROC_FILES) {
        // Looked for first: to drop a mask that found no place would cost an RCU grace period, milliseconds.
        let place = match open_inside(&proc, file, OFlags::PATH) {
            Err(Errno::NOENT) => continue,
            place => place.map_err(at(Step::Mounts, Call::Open, MASKED))?,
        };
        let mask = scratch.tree(c"void", MountAttributes::READ_ONLY, setup, MASKED)?;
        mount_on(&mask, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, MASKED))?;
    }
    Ok(())
}

/// /dev, in a directory that cannot be written: device nodes of our own, or else the host's, each checked.
fn attach_dev(setup: &Setup<'_>, root: &Fd, scratch: &Scratch) -> Result<(), Error> {
    let shut = MountAttributes::NO_SUID.and(MountAttributes::NO_EXEC).and(MountAttributes::READ_ONLY);
    let dev = scratch.tree(c"dev", shut, setup, DEV)?;
    attach(&dev, root, c"dev", DEV)?;
    for (subject, (name, major, minor)) in (FIRST_DEVICE..).map(Subject::Target).zip(DEVICES) {
        if scratch.devices == Devices::Own {
            break;
        }
        let node = open_device(name, *major, *minor).map_err(at(Step::Devices, Call::Open, subject))?;
        let node = clone_tree(node.as_fd(), c"").map_err(at(Step::Devices, Call::OpenTree, subject))?;
        // Read-only is about the file, not the device: its times and mode cannot be changed (mount(2), MS_RDONLY), and
        // what is written to it arrives.
        restrict(&node, shut, setup, subject)?;
        mount_on(&node, dev.as_fd(), name).map_err(at(Step::Devices, Call::MoveMount, subject))?;
    }
    let no_exec = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV).and(MountAttributes::NO_EXEC);
    attach(&scratch.tree(c"shm", no_exec, setup, SHM)?, root, c"dev/shm", SHM)?;
    if setup.options.tty { attach_pts(root) } else { Ok(()) }
}

/// A devpts of the sandbox's own, so that a terminal inside has a name inside.
fn attach_pts(root: &Fd) -> Result<(), Error> {
    let context = new_filesystem(c"devpts", PTS)?;
    let set = |key: &CStr, value: &CStr| {
        fsconfig_set_string(context.as_fd(), key, value).map_err(at(Step::Terminal, Call::Fsconfig, PTS))
    };
    // As login programs have it: the owner reads and writes, the group only writes (`mesg`, wall(1)).
    set(c"mode", c"620")?;
    set(c"ptmxmode", c"666")?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    attach(&create(&context, attributes, PTS)?, root, c"dev/pts", PTS)
}

/// Opens a device node without following a link, and checks that its numbers are those of its name (CVE-2025-31133: a
/// /dev/null that was exchanged for a link).
#[inline(never)] // as `attach_bind`
fn open_device(name: &CStr, major: u32, minor: u32) -> Result<Fd, Errno> {
    let mut path = PathBuffer::new();
    let path = path.join(&[b"/dev/", name.to_bytes()])?;
    let node = sys::fd::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&node)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && stat.st_rdev == rustix::fs::makedev(major, minor);
    if is_device { Ok(node) } else { Err(Errno::NODEV) }
}
