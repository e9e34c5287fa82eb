//! A cgroup that root gives to an ordinary user, as a service manager does with `Delegate=yes`
//! (Documentation/admin-guide/cgroup-v2.rst, "Delegation").

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

/// The user's from here down.
const SUBTREE: &str = "/sys/fs/cgroup/delegated";
/// Where the user's own processes are: a cgroup that has processes cannot enable controllers for its children
/// (cgroup-v2.rst, "No Internal Process Constraint").
const HOME: &str = "/sys/fs/cgroup/delegated/home";
const ROOT: &str = "/sys/fs/cgroup";
/// What becomes the user's: the directory, and the files that the kernel lists in /sys/kernel/cgroup/delegate and that
/// move processes and hand on controllers. The limits of the subtree itself stay root's.
const GIVEN: [&str; 4] = ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// The subtree; dropped, it is removed.
pub(crate) struct Delegated;

impl Delegated {
    /// Makes the subtree and moves this process into it, for a child to be born there.
    ///
    /// # Errors
    /// /sys/fs/cgroup is not a version 2 hierarchy with these controllers.
    pub(crate) fn enter(user: u32) -> io::Result<Delegated> {
        write(ROOT, "cgroup.subtree_control", "+memory +pids")?;
        fs::create_dir(SUBTREE)?;
        let subtree = Delegated;
        write(SUBTREE, "cgroup.subtree_control", "+memory +pids")?;
        fs::create_dir(HOME)?;
        for directory in [SUBTREE, HOME] {
            for file in GIVEN {
                chown(Path::new(directory).join(file), Some(user), Some(user))?;
            }
        }
        write(HOME, "cgroup.procs", "0")?;
        Ok(subtree)
    }

    /// Moves this process back; its children stay.
    pub(crate) fn leave(&self) -> io::Result<()> {
        write(ROOT, "cgroup.procs", "0")
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        // What cannot be removed is in use: the census sees it.
        fs::remove_dir(HOME).and_then(|()| fs::remove_dir(SUBTREE)).ok();
    }
}

fn write(directory: &str, file: &str, text: &str) -> io::Result<()> {
    fs::write(Path::new(directory).join(file), text)
}
