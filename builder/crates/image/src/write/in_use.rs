//! Whether a run uses a bundle: processes of a sandbox have its init as their program, or its tree as their root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bundle::layout::{INIT, ROOTFS};

/// Whether a process that this user may look at runs from the bundle in `directory`.
///
/// By device and inode, not by name: the bundle may have got another name since the run began, and a process may see it
/// in a mount namespace of its own. init is the program of a run's supervisor from its first instruction on.
pub(crate) fn is_in_use(directory: &Path) -> bool {
    let [init, tree] = [INIT, ROOTFS].map(|name| identity(&directory.join(name)));
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let is_of_bundle = |process: &Path| {
        let [program, root] = ["exe", "root"].map(|link| identity(&process.join(link)));
        (program.is_some() && program == init) || (root.is_some() && root == tree)
    };
    processes.flatten().any(|process| is_of_bundle(&process.path()))
}

/// Device and inode; nothing for what is not there, or not to be looked at (proc_pid_exe(5)).
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
