//! The box: a tmpfs in a mount namespace of our own, with a size, that holds one submission from its text to its end.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use init::options::DEFAULT_ID;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use rustix::thread::CapabilitySet;

use super::BOX;
use crate::error::Error;

/// The mounted box.
pub struct Workbox {
    place: PathBuf,
}

/// One inode for this many bytes, as tmpfs has by default, and some for small boxes.
const BYTES_PER_INODE: u64 = 4096;
const FEWEST_INODES: u64 = 256;

impl Workbox {
    /// Bytes in it when nobody says otherwise.
    pub const SIZE: u64 = 64 << 20;

    /// Mounts it on the bundle's place for it, after [`separate`].
    pub fn mount(bundle: &Path, size: u64) -> Result<Workbox, Error> {
        Workbox::mount_at(bundle.join(BOX), size)
    }

    /// Mounts it on another place. Whoever the submission is, it may make files here in the compile step.
    pub fn mount_at(place: PathBuf, size: u64) -> Result<Workbox, Error> {
        let inodes = (size / BYTES_PER_INODE).max(FEWEST_INODES);
        let options = format!("size={size},nr_inodes={inodes},mode=0777,uid={DEFAULT_ID},gid={DEFAULT_ID}");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("capsule-box"), &place, Some("tmpfs"), flags, Some(options.as_str()))
            .map_err(|errno| Error::Box { path: place.clone(), error: errno.into() })?;
        Ok(Workbox { place })
    }

    /// Writes the submission's file. Nothing untrusted has started yet.
    pub fn put(&self, name: &str, text: &[u8]) -> Result<(), Error> {
        let path = self.place.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
        file.and_then(|mut file| file.write_all(text)).map_err(|error| Error::write(&path, error))
    }

    /// Gives its place back, for another one. Otherwise the end of the process does.
    pub fn close(self) -> Result<(), Error> {
        umount2(&self.place, MntFlags::MNT_DETACH)
            .map_err(|errno| Error::Box { path: self.place.clone(), error: errno.into() })
    }
}

/// Leaves the host's mount namespace.
///
/// For an ordinary user this process must have one thread: only that can make a user namespace (user_namespaces(7)).
pub fn separate(bundle: &Path) -> Result<(), Error> {
    let place = bundle.join(BOX);
    if !place.is_dir() {
        return Err(Error::NotABundle { path: bundle.to_path_buf(), missing: BOX });
    }
    leave_namespaces().map_err(|error| Error::Box { path: place, error })
}

/// A mount namespace in which no mount reaches the host; an ordinary user gets it together with a user namespace.
fn leave_namespaces() -> io::Result<()> {
    let privileged = rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID));
    if privileged {
        unshare(CloneFlags::CLONE_NEWNS)?;
    } else {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUSER)?;
        // In here we are the submission's user. init then has no more rights than outside, and does as it does there.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{DEFAULT_ID} {uid} 1"))?;
        fs::write("/proc/self/gid_map", format!("{DEFAULT_ID} {gid} 1"))?;
    }
    let none: Option<&str> = None;
    Ok(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?)
}
