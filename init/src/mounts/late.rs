//! What a sandbox gets that was built before its run was known: the run's binds, and its user.

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};

use super::WORK_DIRECTORY;
use super::bind::place_bind;
use super::targets::{ROOT, WORK};
use crate::error::{Call, Error, Step, at};
use crate::options::Bind;
use crate::sys;
use crate::sys::fd::Fd;
use crate::user::Owner;

/// Gives the work directory to the run's user, and each bind its place. To be called by PID 1 in the finished tree.
pub(crate) fn give(
    owner: Owner,
    binds: &[Bind<'_>],
    mut tree: impl FnMut() -> Option<Fd>,
) -> Result<(), Error> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    // By its path, in a tree that no submission has seen: no link can be on the way.
    rustix::fs::chownat(CWD, WORK_DIRECTORY, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(at(
        Step::Mounts,
        Call::Chown,
        WORK,
    ))?;
    if binds.is_empty() {
        return Ok(());
    }
    let root = sys::fd::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let root = root.map_err(at(Step::Mounts, Call::Open, ROOT))?;
    // Targets are made with the modes as written, as when the tree is built.
    let mask = rustix::process::umask(Mode::empty());
    for (index, bind) in binds.iter().enumerate() {
        let Some(tree) = tree() else { break };
        place_bind(&root, &tree, bind, index as u8)?;
    }
    rustix::process::umask(mask);
    Ok(())
}
