//! The box: a tmpfs in a mount namespace of our own, with a size, that holds one submission from its text to its end.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::layout::WORKSPACE;
use init::contract::DEFAULT_ID;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use rustix::thread::CapabilitySet;

use crate::error::Error;

/// The mounted box. It is given back when this value ends.
#[derive(Debug)]
pub struct Workspace {
    place: PathBuf,
    /// Whether the directory was made for it.
    is_new: bool,
}

/// One inode for this many bytes, as tmpfs has by default, and some for small boxes.
const BYTES_PER_INODE: u64 = 4096;
const FEWEST_INODES: u64 = 256;

impl Workspace {
    /// Bytes in it unless the compile step's limit of /tmp is another.
    pub const SIZE: u64 = 64 << 20;

    /// Mounts it on a new directory of the shelf.
    pub(super) fn mount_new(place: PathBuf, size: u64) -> Result<Workspace, Error> {
        fs::create_dir(&place).map_err(|error| Error::Workspace { path: place.clone(), error })?;
        let mut workspace = Workspace::mount_at(place, size)?;
        workspace.is_new = true;
        Ok(workspace)
    }

    /// Mounts it on a directory, after [`separate`]. Its mode lets the compile step write, whatever uid the submission has.
    pub fn mount_at(place: PathBuf, size: u64) -> Result<Workspace, Error> {
        let inodes = (size / BYTES_PER_INODE).max(FEWEST_INODES);
        let options = format!("size={size},nr_inodes={inodes},mode=0777,uid={DEFAULT_ID},gid={DEFAULT_ID}");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("capsule-box"), &place, Some("tmpfs"), flags, Some(options.as_str()))
            .map_err(|errno| Error::Workspace { path: place.clone(), error: errno.into() })?;
        Ok(Workspace { place, is_new: false })
    }

    /// Where it is mounted.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Writes a file of the submission, in new directories where its path has some. Nothing untrusted has started yet.
    ///
    /// The caller's umask does not count: the submission reads the file, and the compile step writes next to it.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.put_file(name, content, 0o644)
    }

    /// Writes one with this mode.
    pub(super) fn put_file(&self, name: &str, content: &[u8], mode: u32) -> Result<(), Error> {
        let path = self.place.join(name);
        for (end, _) in name.match_indices('/') {
            let directory = self.place.join(&name[..end]);
            let made = create_directory(&directory);
            made.map_err(|error| Error::write(&directory, error))?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(content)
        });
        written.map_err(|error| Error::write(&path, error))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be given back now ends with the process, as the namespace does.
        let unmounted = umount2(&self.place, MntFlags::MNT_DETACH);
        if self.is_new && unmounted.is_ok() {
            let _empty = fs::remove_dir(&self.place);
        }
    }
}

/// A directory that every user may write to, as the box itself.
fn create_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o777)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Mounts what holds the workspaces of this process, each on a directory of its own, on the bundle's place for them.
pub(super) fn mount_shelf(bundle: &Path) -> Result<(), Error> {
    let place = bundle.join(WORKSPACE);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("capsule-boxes"), &place, Some("tmpfs"), flags, Some("size=1M,mode=0755"))
        .map_err(|errno| Error::Workspace { path: place.clone(), error: errno.into() })
}

/// Leaves the host's mount namespace.
///
/// For an ordinary user this process must have one thread: only that can make a user namespace (user_namespaces(7)).
pub fn separate(bundle: &Path) -> Result<(), Error> {
    let place = bundle.join(WORKSPACE);
    if !place.is_dir() {
        return Err(bundle::Error::NotABundle { path: bundle.to_path_buf(), missing: WORKSPACE }.into());
    }
    leave_namespaces().map_err(|error| Error::Workspace { path: place, error })
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
