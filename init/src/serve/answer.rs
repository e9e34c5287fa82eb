//! Answers to the caller.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use crate::inherited::ENDING;
use crate::report::{MAX_LEN, render_refused};
use crate::sys;
use crate::sys::rights::send_all;
use crate::text::Text;

/// The longest name of a request, in bytes.
pub(super) const LONGEST_NAME: usize = 31;

/// Room for all of an answer but its report.
const HEAD: usize = LONGEST_NAME + 32;

/// A request was taken by the process `pid`, for which `pidfd` stands.
pub(super) fn taken(
    caller: BorrowedFd<'_>,
    name: &[u8],
    pid: u32,
    pidfd: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let mut head = [0; HEAD];
    let mut head = Text::new(&mut head);
    head.push(name).push(b"\0taken\0").number(pid.into());
    send(caller, [head.as_bytes(), b""], Some(pidfd))
}

/// A request is done.
pub(super) fn done(caller: BorrowedFd<'_>, name: &[u8], code: u8, report: &[u8]) -> Result<(), Errno> {
    let mut head = [0; HEAD];
    let mut head = Text::new(&mut head);
    head.push(name).push(b"\0done\0").number(code.into()).push(b"\0");
    send(caller, [head.as_bytes(), report], None)
}

/// A request cannot be done; `message` says why.
pub(super) fn refused(caller: BorrowedFd<'_>, name: &[u8], code: u8, message: &[u8]) -> Result<(), Errno> {
    let mut report = [0; MAX_LEN];
    let mut report = Text::new(&mut report);
    render_refused(message, &mut report);
    done(caller, name, code, report.as_bytes())
}

/// Waits for room, as long as no signal asks to end.
fn send(caller: BorrowedFd<'_>, parts: [&[u8]; 2], descriptor: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    loop {
        match send_all(caller, parts, descriptor.into_iter(), false) {
            Err(Errno::AGAIN) => {}
            result => return result,
        }
        let signals = sys::signalfd(ENDING)?;
        let mut fds = [
            PollFd::from_borrowed_fd(caller, PollFlags::OUT),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) if fds[1].revents().is_empty() => {}
            Ok(_) => return Err(Errno::CANCELED),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
