//! The mount tree of the sandbox: built by descriptor from detached mounts, then entered, with the old root gone.
//!
//! Runs as PID 1 of the sandbox, before any untrusted process exists. No path is resolved twice: each source is
//! opened once (and so cannot be swapped under us, CVE-2021-30465), each target is looked up inside the new root
//! only, with no symbolic link followed (CVE-2023-27561, CVE-2025-31133).

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, StatxFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string,
    move_mount, unmount,
};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::ids::Owner;
use crate::options::{Bind, Options};
use crate::path::PathBuffer;
use crate::sys::fd::Fd;
use crate::sys::{self, MountAttributes, Propagation, mount_setattr};
use crate::text::{Text, before};

/// The places inside that we mount on. All but those below /dev must be real directories of the root.
pub const TARGETS: &[&CStr] = &[
    c"/",
    c"/proc",
    c"/dev",
    c"/tmp",
    c"/home/judge",
    c"/dev/shm",
    c"/dev/pts",
    c"/proc (masked file)",
    c"/dev/null",
    c"/dev/zero",
    c"/dev/full",
    c"/dev/random",
    c"/dev/urandom",
    c"/dev/tty",
];

const ROOT: Subject = Subject::Target(0);
const PROC: Subject = Subject::Target(1);
const DEV: Subject = Subject::Target(2);
const TMP: Subject = Subject::Target(3);
const WORK: Subject = Subject::Target(4);
const SHM: Subject = Subject::Target(5);
const PTS: Subject = Subject::Target(6);
const MASKED: Subject = Subject::Target(7);
const FIRST_DEVICE: u8 = 8;

/// The work directory: where a submission starts, and its only place beside /tmp that it can write.
pub const WORK_DIRECTORY: &CStr = c"/home/judge";

/// Files of /proc that any user could read and that tell of the machine, not of the sandbox (the list of
/// ATTACKS FS-29 less those that only root can open; how the kernel was configured), and `locks`, which shows open-file locks of every pid
/// namespace. An absent one needs no mask.
const MASKED_PROC_FILES: &[&CStr] =
    &[c"keys", c"key-users", c"kallsyms", c"interrupts", c"locks", c"modules", c"sched_debug", c"config.gz"];

/// The device nodes below /dev, with the numbers that prove each is what its name says
/// (`Documentation/admin-guide/devices.txt`).
const DEVICES: &[(&CStr, u32, u32)] = &[
    (c"null", 1, 3),
    (c"zero", 1, 5),
    (c"full", 1, 7),
    (c"random", 1, 8),
    (c"urandom", 1, 9),
    (c"tty", 5, 0),
];

/// The links that udev(7) and shells expect beside them.
const DEVICE_LINKS: &[(&CStr, &CStr)] = &[
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"ptmx", c"pts/ptmx"),
];

/// What stands in the scratch space before the submission starts: open to all what is shown as /tmp and /dev/shm.
const SCRATCH_DIRECTORIES: &[(&CStr, u32, Subject)] = &[
    (c"tmp", 0o1777, TMP),
    (c"shm", 0o1777, SHM),
    (c"work", 0o755, WORK),
    (c"dev", 0o755, DEV),
    (c"dev/shm", 0o755, SHM),
    (c"dev/pts", 0o755, PTS),
];

/// A file system for the scratch space holds at most one inode per this many bytes, as tmpfs does by default.
const BYTES_PER_INODE: u64 = 4096;
/// Inodes for what we make in it ourselves.
const OWN_INODES: u64 = 64;

/// What has to be made before a user namespace is entered: only a file system of the host's own can hold device nodes
/// (mknod(2), user_namespaces(7)). It has no place yet, and goes with its last descriptor.
pub fn prepare(options: &Options<'_>, identity: Identity) -> Result<Option<Scratch>, Error> {
    if !identity.privileged || !options.guards.has(Guard::UserNamespace) {
        return Ok(None);
    }
    let mask = rustix::process::umask(Mode::empty());
    let scratch = Scratch::make(options, options.ids.outside);
    rustix::process::umask(mask);
    scratch.map(Some)
}

/// Whose the device nodes in /dev are. The host's are one file for all runs, and one that can be opened for writing: what
/// is done to the file itself, a record lock (fcntl(2)) or new times (utimensat(2)), would be seen by every other run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Devices {
    /// The run's.
    Own,
    /// The host's.
    Host,
}

/// Builds the tree and makes it this process's root. Afterwards nothing of the host's tree is reachable, but for the
/// device nodes, if they are its.
pub fn enter(options: &Options<'_>, prepared: Option<Scratch>) -> Result<Devices, Error> {
    make_private(options)?;
    // The modes below are meant as written; the submission starts with the usual mask, whatever our caller's is.
    rustix::process::umask(Mode::empty());
    let (place, root) = open_root(options)?;
    let scratch = match prepared {
        Some(scratch) => scratch,
        None => Scratch::make(options, options.ids.inside)?,
    };
    // Only a mount that has a place in the namespace can be cloned from (before Linux 6.15). This place, on the
    // directory of `--root` in the old tree, goes with the old tree.
    mount_on(&scratch.mount, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, TMP))?;
    // Stacked onto `/`; entered later, by `switch_root`.
    mount_on(&root, CWD, c"/").map_err(at(Step::Mounts, Call::MoveMount, Subject::Root))?;
    attach_proc(options, &root, &scratch)?;
    attach_dev(options, &root, &scratch)?;
    let exec_allowed = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV);
    attach(&scratch.tree(c"tmp", exec_allowed, options, TMP)?, &root, c"tmp", TMP)?;
    attach(&scratch.tree(c"work", exec_allowed, options, WORK)?, &root, c"home/judge", WORK)?;
    for (index, bind) in options.binds.as_slice().iter().enumerate() {
        attach_bind(&root, bind, index as u8)?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    switch_root(&root)?;
    Ok(scratch.devices)
}

/// No mount made from here on reaches the host, and none of the host's reaches us.
fn make_private(options: &Options<'_>) -> Result<(), Error> {
    if !options.guards.has(Guard::PrivateMounts) || cfg!(capsule_mutation = "shared-mounts") {
        return Ok(());
    }
    let root = sys::fd::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(at(
        Step::Mounts,
        Call::Open,
        ROOT,
    ))?;
    mount_setattr(root.as_fd(), MountAttributes::default(), Propagation::Private, true).map_err(at(
        Step::Mounts,
        Call::MountSetattr,
        ROOT,
    ))
}

/// The directory of `--root`, and a detached mount of it.
fn open_root(options: &Options<'_>) -> Result<(Fd, Fd), Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let place = sys::fd::open(options.root, flags, Mode::empty());
    let place = place.map_err(at(Step::Mounts, Call::Open, Subject::Root))?;
    let root = clone_tree(place.as_fd(), c"").map_err(at(Step::Mounts, Call::OpenTree, Subject::Root))?;
    let wanted = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV).and(MountAttributes::READ_ONLY);
    restrict(&root, wanted, options, Subject::Root)?;
    Ok((place, root))
}

/// A fresh procfs: it shows the pid namespace of this process.
fn attach_proc(options: &Options<'_>, root: &Fd, scratch: &Scratch) -> Result<(), Error> {
    let context = new_filesystem(c"proc", PROC)?;
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    if options.guards.has(Guard::ProcReadOnly) {
        attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    let proc = if cfg!(capsule_mutation = "outer-proc") {
        clone_tree(CWD, c"/proc").map_err(at(Step::Mounts, Call::OpenTree, PROC))?
    } else {
        create(&context, attributes, PROC)?
    };
    attach(&proc, root, c"proc", PROC)?;
    if !options.guards.has(Guard::ProcMasks) {
        return Ok(());
    }
    for file in MASKED_PROC_FILES {
        // Looked for first: a mask that finds no place would cost a grace period of the kernel's to take back.
        let place = match open_inside(&proc, file, OFlags::PATH) {
            Err(Errno::NOENT) => continue,
            place => place.map_err(at(Step::Mounts, Call::Open, MASKED))?,
        };
        let mask = scratch.tree(c"void", MountAttributes::READ_ONLY, options, MASKED)?;
        mount_on(&mask, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, MASKED))?;
    }
    Ok(())
}

/// /dev, in a directory that cannot be written: device nodes of our own, or else the host's, each checked.
fn attach_dev(options: &Options<'_>, root: &Fd, scratch: &Scratch) -> Result<(), Error> {
    let shut = MountAttributes::NO_SUID.and(MountAttributes::NO_EXEC).and(MountAttributes::READ_ONLY);
    let dev = scratch.tree(c"dev", shut, options, DEV)?;
    attach(&dev, root, c"dev", DEV)?;
    for (subject, (name, major, minor)) in (FIRST_DEVICE..).map(Subject::Target).zip(DEVICES) {
        if scratch.devices == Devices::Own {
            break;
        }
        let node = open_device(name, *major, *minor).map_err(at(Step::Devices, Call::Open, subject))?;
        let node = clone_tree(node.as_fd(), c"").map_err(at(Step::Devices, Call::OpenTree, subject))?;
        // The device can be written to all the same, the file's times cannot.
        restrict(&node, shut, options, subject)?;
        mount_on(&node, dev.as_fd(), name).map_err(at(Step::Devices, Call::MoveMount, subject))?;
    }
    let no_exec = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV).and(MountAttributes::NO_EXEC);
    attach(&scratch.tree(c"shm", no_exec, options, SHM)?, root, c"dev/shm", SHM)?;
    if options.tty { attach_pts(options, root) } else { Ok(()) }
}

/// A devpts of the sandbox's own, so that a terminal inside has a name inside.
fn attach_pts(options: &Options<'_>, root: &Fd) -> Result<(), Error> {
    let context = new_filesystem(c"devpts", PTS)?;
    let mut digits = [0; 21];
    let set = |key: &CStr, value: &CStr| {
        fsconfig_set_string(context.as_fd(), key, value).map_err(at(Step::Terminal, Call::Fsconfig, PTS))
    };
    set(c"mode", c"620")?;
    set(c"ptmxmode", c"666")?;
    set(c"uid", decimal(options.ids.inside.uid.into(), &mut digits))?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    attach(&create(&context, attributes, PTS)?, root, c"dev/pts", PTS)
}

/// Shows a host path inside. A target below a writable place is made; anywhere else it must exist.
fn attach_bind(root: &Fd, bind: &Bind<'_>, index: u8) -> Result<(), Error> {
    let (source, target) = (Subject::BindSource(index), Subject::BindTarget(index));
    let tree = {
        let mut path = PathBuffer::new();
        let path = path.join(&[bind.source]).map_err(at(Step::Mounts, Call::OpenTree, source))?;
        clone_tree(CWD, path).map_err(at(Step::Mounts, Call::OpenTree, source))?
    };
    let mut attributes = MountAttributes::NO_SUID.and(MountAttributes::NO_DEV);
    if !bind.writable {
        attributes = attributes.and(MountAttributes::READ_ONLY);
    }
    mount_setattr(tree.as_fd(), attributes, Propagation::Private, false).map_err(at(
        Step::Mounts,
        Call::MountSetattr,
        source,
    ))?;
    let kind = rustix::fs::fstat(tree.as_fd())
        .map(|stat| FileType::from_raw_mode(stat.st_mode))
        .map_err(at(Step::Mounts, Call::Fstat, source))?;
    let place = open_or_make(root, bind.target, kind).map_err(at(Step::Mounts, Call::Open, target))?;
    mount_on(&tree, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, target))
}

/// Makes the tree at `root` the root directory, and lets go of the old one.
fn switch_root(root: &Fd) -> Result<(), Error> {
    rustix::process::fchdir(root).map_err(at(Step::Root, Call::Chdir, Subject::Root))?;
    // Old and new root in one place: the new one becomes `/`, the old one is stacked on top of it …
    rustix::process::pivot_root(c".", c".").map_err(at(Step::Root, Call::PivotRoot, Subject::Root))?;
    // … and goes, and with it every mount of the host.
    unmount(c".", UnmountFlags::DETACH).map_err(at(Step::Root, Call::Umount, Subject::Root))?;
    if !is_on_top(root)? {
        // `--root /`: the scratch space's first place was on top of the old root, and went in its stead.
        unmount(c".", UnmountFlags::DETACH).map_err(at(Step::Root, Call::Umount, Subject::Root))?;
    }
    // pivot_root(2) leaves open whether the caller's root moves along; chroot(2) does not.
    rustix::process::chroot(c".").map_err(at(Step::Root, Call::Chroot, Subject::Root))?;
    check_root(root)
}

/// Trusts nothing of the above: the working directory must be `/` (CVE-2024-21626), and nothing on top of the root.
fn check_root(root: &Fd) -> Result<(), Error> {
    let fail = at(Step::Root, Call::Getcwd, Subject::Root);
    let mut path = [0; 64];
    let is_root = sys::working_directory(&mut path).map_err(&fail)? == b"/";
    if is_root && is_on_top(root)? { Ok(()) } else { Err(fail(Errno::XDEV)) }
}

/// Whether `/..`, which leads to what is mounted on top of the root, is the root itself.
fn is_on_top(root: &Fd) -> Result<bool, Error> {
    let mount_and_inode = |path: &CStr, flags| {
        let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
        rustix::fs::statx(root, path, flags, wanted)
            .map(|statx| (statx.stx_mnt_id, statx.stx_ino))
            .map_err(at(Step::Root, Call::Statx, Subject::Root))
    };
    Ok(mount_and_inode(c"", AtFlags::EMPTY_PATH)? == mount_and_inode(c"/..", AtFlags::empty())?)
}

/// One tmpfs for all that a submission can write, so that one size holds for it all. It is memory, and counts as such.
pub struct Scratch {
    mount: Fd,
    /// Whose the nodes in its `dev` are, or will be.
    devices: Devices,
}

impl Scratch {
    fn make(options: &Options<'_>, judge: Owner) -> Result<Scratch, Error> {
        let context = new_filesystem(c"tmpfs", TMP)?;
        let inodes = options.limits.tmp / BYTES_PER_INODE + OWN_INODES;
        let mut digits = [0; 21];
        let fail = at(Step::Mounts, Call::Fsconfig, TMP);
        let size = decimal(options.limits.tmp, &mut digits);
        fsconfig_set_string(context.as_fd(), c"size", size).map_err(&fail)?;
        let inodes = decimal(inodes, &mut digits);
        fsconfig_set_string(context.as_fd(), c"nr_inodes", inodes).map_err(&fail)?;
        let mount = create(&context, MountAttrFlags::MOUNT_ATTR_NOSUID, TMP)?;
        let mut scratch = Scratch { mount, devices: Devices::Own };
        scratch.furnish(judge)?;
        Ok(scratch)
    }

    /// What stands in it before the submission starts.
    fn furnish(&mut self, judge: Owner) -> Result<(), Error> {
        for (name, mode, subject) in SCRATCH_DIRECTORIES {
            rustix::fs::mkdirat(&self.mount, *name, Mode::from_raw_mode(*mode)).map_err(at(
                Step::Mounts,
                Call::Mkdir,
                *subject,
            ))?;
        }
        let (uid, gid) = (Uid::from_raw(judge.uid), Gid::from_raw(judge.gid));
        rustix::fs::chownat(&self.mount, c"work", Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(at(Step::Mounts, Call::Chown, WORK))?;
        empty_file(self.mount.as_fd(), c"void").map_err(at(Step::Mounts, Call::Open, MASKED))?;
        let dev =
            open_inside(&self.mount, c"dev", OFlags::PATH).map_err(at(Step::Devices, Call::Open, DEV))?;
        for (name, to) in DEVICE_LINKS {
            rustix::fs::symlinkat(*to, &dev, *name).map_err(at(Step::Devices, Call::Symlink, DEV))?;
        }
        for (name, major, minor) in DEVICES {
            let (kind, mode) = (FileType::CharacterDevice, Mode::from_raw_mode(0o666));
            let number = rustix::fs::makedev(*major, *minor);
            if rustix::fs::mknodat(&dev, *name, kind, mode, number).is_err() {
                // EPERM in an ordinary user's namespace, or in a container: a place for the host's node.
                self.devices = Devices::Host;
                empty_file(dev.as_fd(), name).map_err(at(Step::Devices, Call::Open, DEV))?;
            }
        }
        Ok(())
    }

    /// Its directory `name` as a mount of its own.
    fn tree(
        &self,
        name: &CStr,
        attributes: MountAttributes,
        options: &Options<'_>,
        subject: Subject,
    ) -> Result<Fd, Error> {
        let tree = clone_tree(self.mount.as_fd(), name).map_err(at(Step::Mounts, Call::OpenTree, subject))?;
        restrict(&tree, attributes, options, subject)?;
        Ok(tree)
    }
}

/// Makes a file that nobody may open: a mask, or a place to mount a device node on.
fn empty_file(directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    sys::fd::open_at(directory, name, flags, Mode::empty()).map(drop)
}

fn new_filesystem(name: &CStr, subject: Subject) -> Result<Fd, Error> {
    sys::fd::fsopen(name).map_err(at(Step::Mounts, Call::Fsopen, subject))
}

fn create(context: &Fd, attributes: MountAttrFlags, subject: Subject) -> Result<Fd, Error> {
    fsconfig_create(context.as_fd()).map_err(at(Step::Mounts, Call::Fsconfig, subject))?;
    sys::fd::fsmount(context.as_fd(), attributes).map_err(at(Step::Mounts, Call::Fsmount, subject))
}

/// A detached mount of what stands at `path`, without what is mounted below it.
fn clone_tree(directory: BorrowedFd<'_>, path: &CStr) -> Result<Fd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    sys::fd::open_tree(directory, path, flags)
}

/// Sets the attributes whose guards are up.
fn restrict(
    tree: &Fd,
    wanted: MountAttributes,
    options: &Options<'_>,
    subject: Subject,
) -> Result<(), Error> {
    const REMOVABLE: &[(Guard, MountAttributes)] = &[
        (Guard::ReadOnlyRoot, MountAttributes::READ_ONLY),
        (Guard::NoSuid, MountAttributes::NO_SUID),
        (Guard::NoDev, MountAttributes::NO_DEV),
    ];
    let is_forgotten = |guard| cfg!(capsule_mutation = "writable-root") && guard == Guard::ReadOnlyRoot;
    let taken_away =
        REMOVABLE.iter().filter(|(guard, _)| !options.guards.has(*guard) || is_forgotten(*guard));
    let kept = taken_away.fold(wanted, |kept, (_, attribute)| kept.less(*attribute));
    mount_setattr(tree.as_fd(), kept, Propagation::Private, false).map_err(at(
        Step::Mounts,
        Call::MountSetattr,
        subject,
    ))
}

/// Gives `tree` its place inside the root.
fn attach(tree: &Fd, root: &Fd, place: &CStr, subject: Subject) -> Result<(), Error> {
    let place = open_inside(root, place, OFlags::PATH | OFlags::DIRECTORY).map_err(at(
        Step::Mounts,
        Call::Open,
        subject,
    ))?;
    mount_on(tree, place.as_fd(), c"").map_err(at(Step::Mounts, Call::MoveMount, subject))
}

/// Mounts `tree` at `name` below the directory; at the directory (or file) itself if the name is empty.
fn mount_on(tree: &Fd, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let both_empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    let flags = if name.is_empty() { both_empty } else { MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH };
    move_mount(tree.as_fd(), c"", directory, name, flags)
}

/// Opens a path inside the root: no symbolic link on the way, nothing above.
fn open_inside(root: &Fd, path: &CStr, flags: OFlags) -> Result<Fd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    sys::fd::open_resolved(root.as_fd(), path, flags | OFlags::CLOEXEC, resolve)
}

/// Opens a mount target; makes it, and the directories on the way, where the place is writable.
fn open_or_make(root: &Fd, target: &[u8], kind: FileType) -> Result<Fd, Errno> {
    let mut path = PathBuffer::new();
    for end in target.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end).skip(1) {
        let above = target.get(..end).unwrap_or_default();
        match open_inside(root, path.join(&[above])?, OFlags::PATH) {
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
    let name = target.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let above = before(target, name).unwrap_or_default();
    let mut path = PathBuffer::new();
    let parent = open_inside(root, path.join(&[above])?, OFlags::PATH | OFlags::DIRECTORY)?;
    let name = path.join(&[name])?;
    if kind == FileType::Directory {
        return rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755));
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    sys::fd::open_at(parent.as_fd(), name, flags, Mode::from_raw_mode(0o444)).map(drop)
}

/// Opens a device node without following a link, and checks that it is the device that its name says.
fn open_device(name: &CStr, major: u32, minor: u32) -> Result<Fd, Errno> {
    let mut path = PathBuffer::new();
    let path = path.join(&[b"/dev/", name.to_bytes()])?;
    let node = sys::fd::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&node)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && stat.st_rdev == rustix::fs::makedev(major, minor);
    if is_device { Ok(node) } else { Err(Errno::NODEV) }
}

/// With its NUL: what takes bytes would have to look for one, and check.
fn decimal(number: u64, digits: &mut [u8; 21]) -> &CStr {
    Text::new(digits).number(number).push(b"\0");
    CStr::from_bytes_until_nul(digits).unwrap_or_default()
}
