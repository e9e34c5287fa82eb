//! Opening what a rule names, with the rights of the caller: root must not show what the caller may not enter.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::call::Caller;

/// A directory, to be mounted from.
pub(crate) fn open_directory(path: &Path, caller: Caller) -> io::Result<OwnedFd> {
    let open = || openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    if caller.uid == 0 {
        return Ok(open()?);
    }
    // Users belong to threads (credentials(7)): this one becomes the caller, opens, and ends.
    let opened = thread::scope(|scope| {
        let opener = scope.spawn(|| {
            let (uid, gid) = (Uid::from_raw(caller.uid), Gid::from_raw(caller.gid));
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
            open()
        });
        opener.join().unwrap_or(Err(rustix::io::Errno::CANCELED))
    });
    Ok(opened?)
}
