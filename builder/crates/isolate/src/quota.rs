//! `--quota`: what the user of a box may hold on the file system of the box.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::quota::{Dqblk, QuotaType, QuotaValidFlags, quotactl_set};

use crate::fault::Fault;
use crate::options::Quota;

/// Sets it for a user, quotactl(2).
pub(crate) fn set(directory: &Path, uid: u32, quota: Quota) -> Result<(), Fault> {
    let device = device_of(directory)?;
    let mut limits = Dqblk::default();
    limits.set_blocks_hard_limit(quota.blocks);
    limits.set_blocks_soft_limit(quota.blocks);
    limits.set_inodes_hard_limit(quota.inodes);
    limits.set_inodes_soft_limit(quota.inodes);
    // nix and the kernel take the id as a number with a sign.
    let id = uid.cast_signed();
    quotactl_set(QuotaType::USRQUOTA, &device, id, &limits, QuotaValidFlags::QIF_LIMITS)
        .map_err(|errno| Fault::because("Cannot set disk quota", errno))
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
