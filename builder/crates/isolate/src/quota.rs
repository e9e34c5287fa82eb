//! `--quota`: what the user of a box may hold on the file system of the box.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::quota::{Dqblk, QuotaType, QuotaValidFlags, quotactl_set};

use crate::fault::Fault;
use crate::options::Quota;

/// Sets it for a user.
pub(crate) fn set(directory: &Path, uid: u32, quota: Quota) -> Result<(), Fault> {
    set_on(&device_of(directory)?, uid, quota).map_err(|errno| Fault::because("Cannot set disk quota", errno))
}

/// Takes away one that the user has, if the file system knows of any.
pub(crate) fn clear(directory: &Path, uid: u32) -> Result<(), Fault> {
    // A file system without a device has no quotas.
    let Ok(device) = device_of(directory) else { return Ok(()) };
    match set_on(&device, uid, Quota { blocks: 0, inodes: 0 }) {
        Err(errno) if !cannot_have_one(errno) => Err(Fault::because("Cannot clear disk quota", errno)),
        _ => Ok(()),
    }
}

/// Whether a user cannot have a quota, if setting one says this (quotactl(2)): quotas are off, the kernel or the file system
/// does not have them, the device is none here, or this container may not set them, and so never did.
fn cannot_have_one(errno: Errno) -> bool {
    use Errno::{EACCES, ENODEV, ENOENT, ENOSYS, ENOTBLK, EOPNOTSUPP, EPERM, ESRCH};
    [ESRCH, ENOSYS, EOPNOTSUPP, ENOTBLK, ENOENT, ENODEV, EPERM, EACCES].contains(&errno)
}

/// quotactl(2); 0 is no limit.
fn set_on(device: &Path, uid: u32, quota: Quota) -> Result<(), Errno> {
    let mut limits = Dqblk::default();
    limits.set_blocks_hard_limit(quota.blocks);
    limits.set_blocks_soft_limit(quota.blocks);
    limits.set_inodes_hard_limit(quota.inodes);
    limits.set_inodes_soft_limit(quota.inodes);
    // nix and the kernel take the id as a number with a sign.
    let id = uid.cast_signed();
    quotactl_set(QuotaType::USRQUOTA, device, id, &limits, QuotaValidFlags::QIF_LIMITS)
}

/// The block device of a file system, by its number in /proc/self/mountinfo.
fn device_of(directory: &Path) -> Result<PathBuf, Fault> {
    let fail = || Fault(format!("Cannot identify filesystem which contains {}", directory.display()));
    let device = fs::metadata(directory).map_err(|_| fail())?.dev();
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(|_| fail())?;
    let lines = table.lines().filter(|line| line.split(' ').nth(2) == Some(number.as_str()));
    let sources = lines.filter_map(|line| line.split_once(" - ")?.1.split(' ').nth(1));
    sources.map(PathBuf::from).find(|source| source.is_absolute()).ok_or_else(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_stays_is_not_passed_over() {
        assert!(
            [Errno::ESRCH, Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::ENOTBLK].into_iter().all(cannot_have_one)
        );
        assert!(!cannot_have_one(Errno::EIO) && !cannot_have_one(Errno::EINVAL));
    }
}
