//! Who the submission is, inside and on the host; and a uid that no other run on this machine has at that moment.
//!
//! Byte N of one file stands for uid N: a run locks the byte of its uid, and the lock holds as long as one process of
//! ours has the file open (fcntl(2), F_OFD_SETLK): the supervisor and PID 1. Nothing has to be cleaned up, whoever of
//! them is killed; the file is empty and stays.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::options::{DEFAULT_ID, Options};
use crate::sys;
use crate::sys::fd::Fd;

/// The file whose bytes are the uids. Root's alone, in a directory that is root's alone.
pub const FILE: &CStr = c"/run/capsule.uids";

/// User ids from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The lowest.
    pub first: u32,
    /// The highest; never below the lowest.
    pub last: u32,
}

impl Range {
    /// Whether an id is one of them.
    pub fn contains(self, id: u32) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

/// A user and a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// The submission's user and group: what it sees, and what the host sees. They differ in a user namespace only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids {
    /// Inside.
    pub inside: Owner,
    /// On the host.
    pub outside: Owner,
}

impl Ids {
    /// Of a run that asks for nothing.
    pub const DEFAULT: Ids = {
        let judge = Owner { uid: DEFAULT_ID, gid: DEFAULT_ID };
        Ids { inside: judge, outside: judge }
    };
}

/// Settles `options.ids`. What is returned keeps the uid from other runs as long as anybody has it open.
///
/// # Errors
/// EBUSY: another run has the uid, or other runs have all of the range.
pub fn settle(options: &mut Options<'_>, identity: Identity) -> Result<Option<Fd>, Error> {
    let asked = Owner { uid: options.uid.unwrap_or(DEFAULT_ID), gid: options.gid.unwrap_or(DEFAULT_ID) };
    if !identity.privileged {
        let own = Owner { uid: identity.uid, gid: identity.gid };
        options.ids = Ids { inside: asked, outside: own };
        return Ok(None);
    }
    let range = options.uid_range.unwrap_or(Range { first: asked.uid, last: asked.uid });
    let (uid, claim) = match options.guards.has(Guard::UniqueUid) {
        true => claim(range).map(|(uid, claim)| (uid, Some(claim)))?,
        false => (range.first, None),
    };
    // A range gives the group as well.
    let gid = options.gid.unwrap_or(if options.uid_range.is_some() { uid } else { DEFAULT_ID });
    let outside = Owner { uid, gid };
    let inside = if options.guards.has(Guard::UserNamespace) { asked } else { outside };
    options.ids = Ids { inside, outside };
    Ok(claim)
}

/// The first uid of the range that is free, from a place on that differs from run to run: a uid rests a while before
/// it is used again.
fn claim(range: Range) -> Result<(u32, Fd), Error> {
    let fail = |call, subject| at(Step::Credentials, call, subject);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let file =
        sys::fd::open(FILE, flags, Mode::from_raw_mode(0o600)).map_err(fail(Call::Open, Subject::Uids))?;
    let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
    let start = pid.checked_rem(range.last - range.first + 1).unwrap_or(0) + range.first;
    for uid in (start..=range.last).chain(range.first..start) {
        match sys::lock_byte(file.as_fd(), uid.into()) {
            Err(Errno::AGAIN | Errno::ACCESS) => {}
            locked => return locked.map(|()| (uid, file)).map_err(fail(Call::Lock, Subject::Uids)),
        }
    }
    Err(fail(Call::Lock, Subject::Uid)(Errno::BUSY))
}
