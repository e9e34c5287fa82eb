//! The change of the root directory, after which the old one is gone.

use core::ffi::CStr;

use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use crate::error::{Call, Error, Step, Subject, at};
use crate::sys;
use crate::sys::fd::Fd;

/// Makes the tree at `root` the root directory, and detaches the old one.
pub(super) fn switch_root(root: &Fd) -> Result<(), Error> {
    // The new root is named as `.` below: it has no path of its own.
    rustix::process::fchdir(root).map_err(at(Step::Root, Call::Chdir, Subject::Root))?;
    // Old and new root in one place (pivot_root(2), "pivot_root(".", ".")"): the new one becomes `/`, the old one is
    // stacked on top of it …
    rustix::process::pivot_root(c".", c".").map_err(at(Step::Root, Call::PivotRoot, Subject::Root))?;
    // … and is detached, and with it every mount of the host.
    unmount(c".", UnmountFlags::DETACH).map_err(at(Step::Root, Call::Umount, Subject::Root))?;
    if !is_on_top(root)? {
        // `--root /`: the scratch space was attached on top of the old root, and was detached instead of it.
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
