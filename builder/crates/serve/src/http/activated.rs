//! A socket that systemd has opened (sd_listen_fds(3)).

use std::env;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The first descriptor that it passes on.
const FIRST: i32 = 3;

/// The first socket, if there is one for this process.
///
/// A copy of the descriptor is asked of the kernel by its number (pidfd_getfd(2)), so that a number that is not open is an
/// error, and no other part of this program can have it already.
pub(super) fn socket() -> io::Result<OwnedFd> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    let own = getpid();
    if number("LISTEN_PID") != Some(own.as_raw_nonzero().get()) || number("LISTEN_FDS").unwrap_or(0) < 1 {
        return Err(io::Error::other("systemd has passed no socket on (LISTEN_PID, LISTEN_FDS)"));
    }
    let this = pidfd_open(own, PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, FIRST, PidfdGetfdFlags::empty())?)
}
