//! The scratch space: one tmpfs for all that a submission can write, and for the device nodes.

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, fsconfig_set_string};

use super::targets::{DEV, MASKED, PTS, SHM, TMP, WORK};
use super::tree::{clone_tree, create, decimal, new_filesystem, open_inside, restrict};
use crate::error::{Call, Error, Step, Subject, at};
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::sys::{self, MountAttributes};
use crate::text::Strings;
use crate::user::Owner;

/// The device nodes below /dev, with the numbers by which each is recognised
/// (`Documentation/admin-guide/devices.txt`).
pub(super) const DEVICES: &[(&CStr, u32, u32)] = &[
    (c"null", 1, 3),
    (c"zero", 1, 5),
    (c"full", 1, 7),
    (c"random", 1, 8),
    (c"urandom", 1, 9),
    (c"tty", 5, 0),
];

/// The links that udev(7) and shells expect next to them: name and target.
const DEVICE_LINKS: &[u8] = b"fd\0/proc/self/fd\0\
    stdin\0/proc/self/fd/0\0\
    stdout\0/proc/self/fd/1\0\
    stderr\0/proc/self/fd/2\0\
    ptmx\0pts/ptmx\0";

/// The directories of the scratch space. Those that are shown as /tmp and /dev/shm are open to all, with the sticky
/// bit.
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

/// Whose the device nodes in /dev are. The host's are one file for all runs, which each of them can open for writing: a
/// record lock (fcntl(2)) or new times (utimensat(2)) are seen by every other run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Devices {
    /// The run's.
    Own,
    /// The host's.
    Host,
}

/// One tmpfs for all that a submission can write, so that one size holds for it all. It is memory, and counts as such.
pub(crate) struct Scratch {
    pub(super) mount: Fd,
    /// Whose the nodes in its `dev` are, or will be.
    pub(super) devices: Devices,
}

impl Scratch {
    pub(super) fn make(setup: &Setup<'_>, judge: Owner) -> Result<Scratch, Error> {
        let context = new_filesystem(c"tmpfs", TMP)?;
        // Inodes are memory too, and empty files have no size: without a limit they would be free (tmpfs(5),
        // nr_inodes).
        let inodes = setup.options.limits.tmp / BYTES_PER_INODE + OWN_INODES;
        let mut digits = [0; 21];
        let fail = at(Step::Mounts, Call::Fsconfig, TMP);
        let size = decimal(setup.options.limits.tmp, &mut digits);
        fsconfig_set_string(context.as_fd(), c"size", size).map_err(&fail)?;
        let inodes = decimal(inodes, &mut digits);
        fsconfig_set_string(context.as_fd(), c"nr_inodes", inodes).map_err(&fail)?;
        let mount = create(&context, MountAttrFlags::MOUNT_ATTR_NOSUID, TMP)?;
        let mut scratch = Scratch { mount, devices: Devices::Own };
        scratch.furnish(judge)?;
        Ok(scratch)
    }

    /// Makes what the submission finds in it.
    fn furnish(&mut self, judge: Owner) -> Result<(), Error> {
        for (name, mode, subject) in SCRATCH_DIRECTORIES {
            rustix::fs::mkdirat(&self.mount, *name, Mode::from_raw_mode(*mode)).map_err(at(
                Step::Mounts,
                Call::Mkdir,
                *subject,
            ))?;
        }
        let (uid, gid) = (Uid::from_raw(judge.uid), Gid::from_raw(judge.gid));
        // The other directories stay root's: /tmp and /dev/shm are sticky, /dev is not to be written.
        rustix::fs::chownat(&self.mount, c"work", Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(at(Step::Mounts, Call::Chown, WORK))?;
        empty_file(self.mount.as_fd(), c"void").map_err(at(Step::Mounts, Call::Open, MASKED))?;
        let dev =
            open_inside(&self.mount, c"dev", OFlags::PATH).map_err(at(Step::Devices, Call::Open, DEV))?;
        let mut links = Strings(DEVICE_LINKS);
        while let Some((name, to)) = links.next().zip(links.next()) {
            rustix::fs::symlinkat(to, &dev, name).map_err(at(Step::Devices, Call::Symlink, DEV))?;
        }
        for (name, major, minor) in DEVICES {
            let (kind, mode) = (FileType::CharacterDevice, Mode::from_raw_mode(0o666));
            let number = rustix::fs::makedev(*major, *minor);
            if rustix::fs::mknodat(&dev, *name, kind, mode, number).is_err() {
                // EPERM in an ordinary user's namespace, or in a container (mknod(2)): a place for the host's node.
                self.devices = Devices::Host;
                empty_file(dev.as_fd(), name).map_err(at(Step::Devices, Call::Open, DEV))?;
            }
        }
        Ok(())
    }

    /// Its directory `name` as a mount of its own, with its own attributes: one size limit then holds for all of them.
    pub(super) fn tree(
        &self,
        name: &CStr,
        attributes: MountAttributes,
        setup: &Setup<'_>,
        subject: Subject,
    ) -> Result<Fd, Error> {
        let tree = clone_tree(self.mount.as_fd(), name).map_err(at(Step::Mounts, Call::OpenTree, subject))?;
        restrict(&tree, attributes, setup, subject)?;
        Ok(tree)
    }
}

/// Makes a file that only root may open: a mask, or a place to mount a device node on.
fn empty_file(directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    sys::fd::open_at(directory, name, flags, Mode::empty()).map(drop)
}
