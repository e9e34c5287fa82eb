//! New namespaces, and those of others.

use std::fs;
use std::os::fd::AsRawFd;

use super::refused;
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, Target, trial};

pub(super) fn unshare(what: &str, flag: i32) -> Finding {
    refused(&format!("unshare {what}"), libc::SYS_unshare, vec![Arg::N(flag.into())])
}

/// clone(2) with a flag for a namespace; the child of it leaves at once.
pub(super) fn clone_user(_: &Target) -> Finding {
    let flags = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    trial("clone user", || match sys::call(libc::SYS_clone, &mut [Arg::N(flags), Arg::N(0)])? {
        0 => sys::leave(0),
        _ => Ok(()),
    })
}

/// A filter cannot see clone3's flags, so it has to refuse the call.
pub(super) fn clone3(_: &Target) -> Finding {
    let mut arguments = [0u8; 64];
    arguments[..8].copy_from_slice(&(libc::CLONE_NEWUSER as u64).to_ne_bytes());
    arguments[32..40].copy_from_slice(&(libc::SIGCHLD as u64).to_ne_bytes());
    trial("clone3 user", || match sys::call(libc::SYS_clone3, &mut [Arg::R(&arguments), Arg::N(64)])? {
        0 => sys::leave(0),
        _ => Ok(()),
    })
}

pub(super) fn setns(_: &Target) -> Finding {
    let Ok(namespace) = fs::File::open("/proc/self/ns/uts") else {
        return Finding::blocked("no namespace file");
    };
    refused("setns", libc::SYS_setns, vec![Arg::N(namespace.as_raw_fd().into()), Arg::N(0)])
}
