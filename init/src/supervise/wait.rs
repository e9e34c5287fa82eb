//! One sleep of the supervisor: what it waits for, and what woke it up.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use crate::clock;
use crate::error::{Call, Error, Step, Subject, at};
use crate::streams::Wanted;

/// What to wait for. `None` where nothing can come, or nothing that matters.
pub(super) struct Sources<'a> {
    pub(super) signals: BorrowedFd<'a>,
    /// Readable when PID 1 has ended.
    pub(super) sandbox: Option<BorrowedFd<'a>>,
    pub(super) channel: Option<BorrowedFd<'a>>,
    pub(super) oom_notice: Option<BorrowedFd<'a>>,
    pub(super) pumps: [Wanted<'a>; 3],
    pub(super) start_on: Option<BorrowedFd<'a>>,
}

/// What there is to do.
pub(super) struct Ready {
    /// Whether there is anything.
    pub(super) any: bool,
    pub(super) ended: bool,
    pub(super) signal: bool,
    /// Every process in the sandbox that held the channel has closed it.
    pub(super) hung_up: bool,
    pub(super) oom: bool,
    /// What each pump wanted.
    pub(super) pumps: [[bool; 2]; 3],
    pub(super) start: bool,
}

impl<'a> Sources<'a> {
    /// The signals, and nothing else yet.
    pub(super) fn of(signals: BorrowedFd<'a>) -> Sources<'a> {
        Sources {
            signals,
            sandbox: None,
            channel: None,
            oom_notice: None,
            pumps: [const { [None, None] }; 3],
            start_on: None,
        }
    }

    /// Sleeps until something happens or the time (in nanoseconds) is over.
    pub(super) fn wait(self, sleep: Option<u64>) -> Result<Ready, Error> {
        let signals = self.signals;
        // A place with nothing to wait for: a signalfd has none of the events that poll(2) reports unasked.
        let idle = || PollFd::from_borrowed_fd(signals, PollFlags::empty());
        let readable = |fd: BorrowedFd<'a>| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let optional = |fd: Option<BorrowedFd<'a>>| fd.map_or_else(idle, readable);
        let [[a, b], [c, d], [e, f]] = self.pumps.map(|wanted| wanted.map(|one| one.unwrap_or_else(idle)));
        let mut fds = [
            readable(signals),
            optional(self.sandbox),
            optional(self.channel),
            optional(self.oom_notice),
            optional(self.start_on),
            a,
            b,
            c,
            d,
            e,
            f,
        ];
        let any = match poll(&mut fds, sleep.map(clock::timespec).as_ref()) {
            Ok(count) => count > 0,
            Err(Errno::INTR) => false,
            Err(errno) => return Err(at(Step::Supervise, Call::Poll, Subject::None)(errno)),
        };
        let [_, _, channel, ..] = &fds;
        let hung_up = channel.revents().contains(PollFlags::HUP);
        let [signal, ended, _, oom, start, a, b, c, d, e, f] = fds.map(|fd| !fd.revents().is_empty());
        Ok(Ready { any, ended, signal, hung_up, oom, pumps: [[a, b], [c, d], [e, f]], start })
    }
}
