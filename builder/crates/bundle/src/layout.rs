//! The layout of a bundle and of its image: names that several stages write, read or refuse.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use recipe::image_path::ImagePath;

use crate::bounded::{self, LARGEST_LIST};
use crate::error::Error;

/// The image as a directory, in a bundle.
pub const ROOTFS: &str = "rootfs";
/// The runner, in a bundle.
pub const INIT: &str = "init";
/// The empty directory of a bundle on which `capsule exec` mounts a submission's files.
pub const WORKSPACE: &str = "box";

/// The numbers of user and group of a submission, unless `--uid` sets others.
pub const JUDGE_ID: u32 = 60_000;
/// The users of runs whose caller sets none: each run of root's takes one that no other run has.
pub const DEFAULT_UIDS: RangeInclusive<u32> = 60_706..=61_183;
/// The home directory of a submission: the sandbox mounts a tmpfs there.
pub const HOME: &str = "/home/judge";

/// Directories that the sandbox mounts over, with their modes. The image must have them, because its root is read-only at
/// that time, and no entry may lie below them, because the mount would hide it.
pub const MOUNTPOINTS: [(&str, u32); 4] =
    [("/proc", 0o755), ("/dev", 0o755), ("/tmp", 0o1777), (HOME, 0o755)];

/// The path in a bundle of a path of the image; characters may stand for bytes.
pub fn in_tree(path: &ImagePath) -> String {
    if path.is_root() { ROOTFS.to_owned() } else { format!("{ROOTFS}{}", path.as_str()) }
}

/// The bundle that a link leads to now; another path stays as it is.
///
/// An upgrade exchanges the link `current` of an installation (`install.sh`). Who opens several parts of a bundle by its
/// path resolves the link once, or the parts could be of two versions.
pub fn resolved(bundle: &Path) -> PathBuf {
    let target = if bundle.is_symlink() { fs::canonicalize(bundle).ok() } else { None };
    // A link that leads nowhere is reported by who opens the bundle.
    target.unwrap_or_else(|| bundle.to_path_buf())
}

/// The bytes of a file that not every bundle has.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match bounded::read(path, LARGEST_LIST) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(failure) if failure.error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The nsswitch.conf(5) of an image whose recipe brings none: files only, so no module of libc is needed.
pub const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\n";
