//! The ids of a submission, inside and on the host; with a uid that no other run on this machine has at that moment.
//!
//! Byte N of one file stands for uid N. A run that must have its uid alone locks the byte for writing, one that shares it
//! for reading, and the lock holds as long as one of our processes has the file open (fcntl(2), F_OFD_SETLK): the
//! supervisor and PID 1. Nothing has to be cleaned up, whichever of them is killed; the file is empty and stays.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, Reason};
use crate::setup::Setup;
use crate::sys;
use crate::sys::fd::{Fd, Lock};
use crate::user::{DEFAULT_ID, DEFAULT_RANGE, Ids, Owner, Range};

/// The file whose bytes are the uids. Only root can write it, in a directory that only root can write.
pub const FILE: &CStr = c"/run/capsule.uids";

/// Finds the submission's ids. The descriptor that it returns keeps the uid from other runs while any process has it
/// open.
///
/// # Errors
/// EBUSY: another run has the uid, or other runs have all of the range.
pub(crate) fn allocate(setup: &mut Setup<'_>) -> Result<Option<Fd>, Error> {
    let options = setup.options;
    let requested = Owner { uid: options.uid.unwrap_or(DEFAULT_ID), gid: options.gid.unwrap_or(DEFAULT_ID) };
    if !setup.identity.privileged {
        setup.ids = Ids { inside: requested, outside: setup.identity.owner };
        return Ok(None);
    }
    let is_unique = setup.has(Guard::UniqueUid);
    let range = options.uid_range.unwrap_or(match is_unique {
        true => DEFAULT_RANGE,
        false => Range { first: requested.uid, last: requested.uid },
    });
    let (uid, lock) = match open(options.uid_lock) {
        Ok(file) if is_unique => lock_one(file, range, Lock::Write)?,
        // Nobody may have it alone meanwhile.
        Ok(file) if options.uid_range.is_none() => lock_one(file, range, Lock::Read)?,
        _ => {
            setup.guards.mark_unavailable(Guard::UniqueUid, Reason::NoLock);
            (options.uid_range.map_or(requested.uid, |range| range.first), None)
        }
    };
    // A range of the caller's gives the group as well.
    let gid = options.gid.unwrap_or(if options.uid_range.is_some() { uid } else { DEFAULT_ID });
    let outside = Owner { uid, gid };
    let inside = if setup.has(Guard::UserNamespace) { requested } else { outside };
    setup.ids = Ids { inside, outside };
    Ok(lock)
}

/// The file, or the caller's descriptor of it: a lock belongs to what one open(2) has opened, so both have it then.
fn open(lock: Option<i32>) -> Result<Fd, Errno> {
    if let Some(number) = lock {
        return sys::fd::inherited(number);
    }
    // A write lock needs a descriptor that can write (fcntl(2)). NOFOLLOW: /run may hold a link of another program's.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    sys::fd::open(FILE, flags, Mode::from_raw_mode(0o600))
}

/// Locks the first uid of the range that is free. The search starts at a place that differs from run to run, so that a
/// uid rests for a while before it is used again.
fn lock_one(file: Fd, range: Range, lock: Lock) -> Result<(u32, Option<Fd>), Error> {
    let fail = |subject| at(Step::Credentials, Call::Lock, subject);
    let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
    // Pids count up, and are a cheap number that differs from run to run.
    let start = pid.checked_rem(range.last - range.first + 1).unwrap_or(0) + range.first;
    for uid in (start..=range.last).chain(range.first..start) {
        match sys::fd::lock_byte(file.as_fd(), uid.into(), lock) {
            // POSIX lets a system answer with either when another process has the lock (fcntl(2), F_SETLK).
            Err(Errno::AGAIN | Errno::ACCESS) => {}
            locked => return locked.map(|()| (uid, Some(file))).map_err(fail(Subject::Uids)),
        }
    }
    Err(fail(Subject::Uid)(Errno::BUSY))
}
