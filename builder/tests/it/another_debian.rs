//! A tree of another Debian release than the build host's, made by debootstrap(8) and kept between runs.
//!
//! `CAPSULE_TEST_SYSROOT` names a tree that exists already. The test below makes the tree before `sysroot` needs it: tests
//! start in the order of their names, and this one runs next to many others.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::FlockOperation;

use crate::have::have;

/// Other glibc, other libraries than Debian 12 has.
const SUITE: &str = "trixie";
const MIRROR: &str = "http://deb.debian.org/debian";
const DEBOOTSTRAP: &str = "/usr/sbin/debootstrap";

#[test]
fn another_debian_has_another_glibc() {
    let Some(root) = root() else { return };
    let libc = Path::new("usr/lib/x86_64-linux-gnu/libc.so.6");
    assert!(fs::read(root.join(libc)).unwrap() != fs::read(Path::new("/").join(libc)).unwrap());
}

/// The tree; `None` without root or debootstrap(8).
pub fn root() -> Option<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    ROOT.get_or_init(find_or_make).as_deref()
}

fn find_or_make() -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("CAPSULE_TEST_SYSROOT") {
        return Some(root.into());
    }
    if !rustix::process::geteuid().is_root() || !have(Path::new(DEBOOTSTRAP), "debootstrap") {
        return None;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Another test program may be making it at this moment.
    let lock = File::create(directory.join(format!("{SUITE}.lock"))).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
    let root = directory.join(SUITE);
    if !root.join("etc/debian_version").exists() || root.join("debootstrap").exists() {
        let _may_not_exist = fs::remove_dir_all(&root);
        make(&root);
    }
    Some(root)
}

fn make(root: &Path) {
    let mut command = Command::new(DEBOOTSTRAP);
    command.args(["--variant=minbase", "--include=python3-minimal,vim-tiny,zlib1g", SUITE]);
    // dpkg would flush every file to the disk, which takes most of the time. The tree can be made again.
    command.env("DPKG_FORCE", "unsafe-io");
    let status = command.arg(root).arg(MIRROR).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "debootstrap failed: see {}/debootstrap/debootstrap.log", root.display());
}
