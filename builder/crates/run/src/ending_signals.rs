//! Signals that ask a process to end, for one that waits for an init: init answers them, by a report.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::process;

use crate::error::Error;

/// Those that init answers.
const ENDING: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// These signals as a descriptor, while this lives. A child that starts meanwhile has them blocked: init wants that, and
/// one that was ignored stays so.
pub(crate) struct EndingSignals {
    descriptor: SignalFd,
    before: SigSet,
}

impl EndingSignals {
    /// Blocks them in this thread, which must be the only one so far, and in those that it starts.
    ///
    /// # Errors
    /// signalfd(2) fails.
    pub(crate) fn hold() -> Result<EndingSignals, Error> {
        let held = || -> nix::Result<EndingSignals> {
            let set: SigSet = ENDING.into_iter().collect();
            let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
            let mut before = SigSet::empty();
            sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before))?;
            Ok(EndingSignals { descriptor, before })
        };
        held().map_err(|errno| Error::read("signals".as_ref(), errno.into()))
    }

    /// Passes each signal on to a child until there is something to read from it, or its end.
    fn pass_on_until(&self, readable: &PipeReader, pass_on: &dyn Fn(process::Signal)) -> io::Result<()> {
        loop {
            let mut ends = [self.descriptor.as_fd(), readable.as_fd()]
                .map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
            retry_on_intr(|| poll(&mut ends, None))?;
            let is_ready = !ends[1].revents().is_empty();
            while let Some(signal) = self.descriptor.read_signal()? {
                let signal = i32::try_from(signal.ssi_signo).ok().and_then(process::Signal::from_named_raw);
                signal.into_iter().for_each(pass_on);
            }
            if is_ready {
                return Ok(());
            }
        }
    }
}

/// What an init writes. Signals that come while it is waited for go on to that init; without any held, each has its usual
/// effect.
pub(crate) struct Heeding<'a> {
    pub(crate) signals: Option<&'a EndingSignals>,
    pub(crate) from: &'a mut PipeReader,
    /// Sends a signal to that init.
    pub(crate) pass_on: &'a dyn Fn(process::Signal),
}

impl Read for Heeding<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(signals) = self.signals {
            signals.pass_on_until(self.from, self.pass_on)?;
        }
        self.from.read(buffer)
    }
}

impl Drop for EndingSignals {
    fn drop(&mut self) {
        // Those that came too late for the child were about it.
        while let Ok(Some(_)) = self.descriptor.read_signal() {}
        let _it_was_valid = self.before.thread_set_mask();
    }
}
