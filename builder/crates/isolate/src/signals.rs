//! Signals to isolate while a program runs, from the kernel or, for an ordinary user's process, from its connection.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

/// They end a run, which is a verdict.
const ENDING: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
/// They end a run, and mean that isolate failed.
const FATAL: [Signal; 5] = [Signal::SIGABRT, Signal::SIGILL, Signal::SIGFPE, Signal::SIGSEGV, Signal::SIGBUS];
/// They change nothing.
const IGNORED: [Signal; 4] = [Signal::SIGPIPE, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGTTOU];

/// Whether a run that this signal has ended is a failure of the sandbox.
pub(crate) fn is_fatal(signal: i32) -> bool {
    FATAL.iter().any(|fatal| *fatal as i32 == signal)
}

/// The signals that are waited for. From here on they do nothing else, in this thread and in all that it starts.
pub(crate) fn block() -> io::Result<SigSet> {
    let mut all = SigSet::empty();
    ENDING.iter().chain(&FATAL).for_each(|signal| all.add(*signal));
    let mut blocked = all;
    IGNORED.iter().for_each(|signal| blocked.add(*signal));
    blocked.thread_block()?;
    Ok(all)
}

/// Waits for the next of them.
pub(crate) fn wait(signals: &SigSet) -> Option<i32> {
    signals.wait().ok().map(|signal| signal as i32)
}

/// The first signal that came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received(Arc<AtomicI32>);

impl Received {
    pub(crate) fn get(&self) -> Option<i32> {
        Some(self.0.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    fn set(&self, signal: i32) {
        let _not_the_first = self.0.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// Ends init when a signal comes, until this process ends. init cleans up, and reports.
pub(crate) fn end_at_signal(signals: SigSet, connection: Option<OwnedFd>, init: i32) -> io::Result<Received> {
    let received = Received::default();
    // Unlike its number it never comes to mean another process.
    let pid = Pid::from_raw(init).ok_or(io::ErrorKind::InvalidInput)?;
    let init = Arc::new(pidfd_open(pid, PidfdFlags::empty())?);
    let end = |received: Received, init: Arc<OwnedFd>| {
        move |signal: i32| {
            received.set(signal);
            let _ended_already = pidfd_send_signal(init.as_fd(), rustix::process::Signal::TERM);
        }
    };
    let at_signal = end(received.clone(), init.clone());
    thread::spawn(move || {
        while let Some(signal) = wait(&signals) {
            at_signal(signal);
        }
    });
    if let Some(connection) = connection {
        let at_signal = end(received.clone(), init);
        thread::spawn(move || {
            let mut signal = [0];
            let mut connection = File::from(connection);
            while connection.read_exact(&mut signal).is_ok() {
                at_signal(signal[0].into());
            }
            // The caller's process is gone.
            at_signal(Signal::SIGHUP as i32);
        });
    }
    Ok(received)
}
