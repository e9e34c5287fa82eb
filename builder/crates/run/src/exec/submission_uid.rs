//! One uid for all runs of one submission, which no other run on this machine has meanwhile.
//!
//! init locks the uid of a run (init/src/uids.rs), and a second run cannot lock it again. So the lock is taken here, by the
//! rules of init, and each run gets the descriptor: a lock belongs to what one open(2) has opened (fcntl(2), F_OFD_SETLK).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use init::contract::{DEFAULT_ID, DEFAULT_RANGE, Range, uids};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::io::FdFlags;

use super::request::StepOption;
use crate::init_command::InitCommand;

/// A uid that is locked as long as this value and the runs that have got it live.
#[derive(Debug)]
pub struct SubmissionUid {
    uid: u32,
    lock: File,
}

impl SubmissionUid {
    /// Locks a uid of the default range. `None` where init takes none of its own: for an ordinary user, and on a host that
    /// has no place for the lock or no free uid. There each run says so itself.
    pub fn allocate() -> Option<SubmissionUid> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let Range { first, last } = DEFAULT_RANGE;
        let flags = libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NOCTTY;
        let path = Path::new(OsStr::from_bytes(uids::FILE.to_bytes()));
        let lock =
            OpenOptions::new().read(true).write(true).custom_flags(flags).mode(0o600).open(path).ok()?;
        // The runs have it, too.
        rustix::io::fcntl_setfd(&lock, FdFlags::empty()).ok()?;
        let start = first + std::process::id() % (last - first + 1);
        let uid = (start..=last).chain(first..start).find(|uid| lock_byte(&lock, *uid))?;
        Some(SubmissionUid { uid, lock })
    }

    /// Gives it to a run, unless the options of the submission's runs are about its user.
    pub fn add_to(&self, init: &mut InitCommand) {
        init.option("uid-range", format!("{0}-{0}", self.uid));
        // As for a run that takes a uid by itself.
        init.option("gid", DEFAULT_ID.to_string());
        init.option("uid-lock", format!("fd:{}", self.lock.as_raw_fd()));
    }
}

/// Whether options name the user, so that no uid is to be chosen.
pub(crate) fn names_user(options: &[StepOption]) -> bool {
    options.iter().any(|(name, _)| ["uid", "uid-range", "uid-lock"].contains(&name.as_str()))
}

fn lock_byte(file: &File, at: u32) -> bool {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: at.into(),
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&lock)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uid_that_a_run_takes_has_a_name_in_the_image() {
        let Range { first, last } = DEFAULT_RANGE;
        assert_eq!(first..=last, bundle::layout::DEFAULT_UIDS);
    }

    #[test]
    fn options_that_name_the_user_are_found() {
        let options = |name: &str| vec![("memory".to_owned(), "1G".into()), (name.to_owned(), "1".into())];
        assert!(names_user(&options("uid")) && names_user(&options("uid-range")));
        assert!(!names_user(&options("userns")) && !names_user(&[]));
    }
}
