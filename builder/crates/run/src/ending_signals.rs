//! What ends an init that is waited for: signals that ask this process to end, which init answers by a report, and a
//! [`Cancel`].

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process;

use crate::cancel::Cancel;
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

    /// Holds them as long as this process lives.
    pub(crate) fn hold_to_the_end(self) {
        std::mem::forget(self);
    }

    /// Passes those on that have come.
    fn pass_on(&self, pass_on: &dyn Fn(process::Signal)) -> io::Result<()> {
        while let Some(signal) = self.descriptor.read_signal()? {
            let signal = i32::try_from(signal.ssi_signo).ok().and_then(process::Signal::from_named_raw);
            signal.into_iter().for_each(pass_on);
        }
        Ok(())
    }
}

/// What a wait for an init heeds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heeded<'a> {
    /// Signals that are held. Without any, each has its usual effect.
    pub(crate) signals: Option<&'a EndingSignals>,
    pub(crate) cancel: Option<&'a Arc<Cancel>>,
}

impl<'a> Heeded<'a> {
    pub(crate) fn signals(signals: &'a EndingSignals) -> Heeded<'a> {
        Heeded { signals: Some(signals), cancel: None }
    }

    fn is_empty(self) -> bool {
        self.signals.is_none() && self.cancel.is_none()
    }
}

/// Sleeps until one of these can be read or is at its end. Held signals that come meanwhile are passed on; a call to end is
/// passed on as SIGTERM.
pub(crate) fn until_ready(
    heeded: Heeded<'_>,
    ends: &[BorrowedFd<'_>],
    pass_on: &dyn Fn(process::Signal),
) -> io::Result<()> {
    let mut cancel = heeded.cancel.map(|cancel| cancel.descriptor()).transpose()?;
    loop {
        let held = heeded.signals.map(|signals| signals.descriptor.as_fd());
        let polled = ends.iter().copied().chain(held).chain(cancel);
        let mut polled: Vec<_> = polled.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN)).collect();
        retry_on_intr(|| poll(&mut polled, None))?;
        let is_ready = polled.iter().take(ends.len()).any(|end| !end.revents().is_empty());
        heeded.signals.map_or(Ok(()), |signals| signals.pass_on(pass_on))?;
        if heeded.cancel.is_some_and(|cancel| cancel.is_set()) && cancel.take().is_some() {
            pass_on(process::Signal::TERM);
        }
        if is_ready {
            return Ok(());
        }
    }
}

fn is_ready(end: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(end, PollFlags::IN)];
    Ok(retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))? > 0)
}

/// What an init writes. Signals and a call to end that come while this process reads it go on to that init.
pub(crate) struct Heeding<'a> {
    pub(crate) heeded: Heeded<'a>,
    pub(crate) from: &'a mut PipeReader,
    /// Ready when nothing more is written, for an init that may keep its end of the pipe for longer.
    pub(crate) end: Option<BorrowedFd<'a>>,
    /// Sends a signal to that init.
    pub(crate) pass_on: &'a dyn Fn(process::Signal),
}

impl Read for Heeding<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.heeded.is_empty() || self.end.is_some() {
            let ends: Vec<_> = [self.from.as_fd()].into_iter().chain(self.end).collect();
            until_ready(self.heeded, &ends, self.pass_on)?;
            // Asked again: what was written just before the end may not have been there yet when the pipe was looked at.
            if self.end.is_some() && !is_ready(self.from.as_fd())? {
                return Ok(0);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::io::Write;

    #[test]
    fn all_that_was_written_before_the_end_is_read_while_the_pipe_stays_open() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let (over, ends) = io::pipe().unwrap();
        writer.write_all(b"text").unwrap();
        drop(ends);
        let (heeded, end) = (Heeded::default(), Some(over.as_fd()));
        let mut from = Heeding { heeded, from: &mut reader, end, pass_on: &|_| () };
        let mut said = String::new();
        from.read_to_string(&mut said).unwrap();
        assert_eq!(said, "text");
    }

    #[test]
    fn a_call_to_end_is_passed_on_once_and_the_end_is_waited_for() {
        let cancel = Arc::new(Cancel::default());
        cancel.set();
        let (over, ends) = io::pipe().unwrap();
        let (ends, passed_on) = (RefCell::new(Some(ends)), RefCell::new(Vec::new()));
        let pass_on = |signal| {
            passed_on.borrow_mut().push(signal);
            ends.take();
        };
        until_ready(Heeded { signals: None, cancel: Some(&cancel) }, &[over.as_fd()], &pass_on).unwrap();
        assert_eq!(passed_on.into_inner(), [process::Signal::TERM]);
    }
}
