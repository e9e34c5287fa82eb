//! Signals to isolate while a program runs, from the kernel or, for an ordinary user's process, from its connection.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What has come, and whom it ends.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    received: Option<i32>,
    /// Unlike a pid it never comes to mean another process.
    init: Option<OwnedFd>,
}

impl Watch {
    /// Waits for signals, from the kernel and from a connection, until this process ends.
    pub(crate) fn start(signals: SigSet, connection: Option<OwnedFd>) -> Watch {
        let watch = Watch(Arc::default());
        let at_signal = watch.clone();
        thread::spawn(move || {
            while let Some(signal) = wait(&signals) {
                at_signal.end(signal);
            }
        });
        if let Some(connection) = connection {
            let at_signal = watch.clone();
            thread::spawn(move || {
                let mut signal = [0];
                let mut connection = File::from(connection);
                while connection.read_exact(&mut signal).is_ok() {
                    at_signal.end(signal[0].into());
                }
                // The caller's process is gone.
                at_signal.end(Signal::SIGHUP as i32);
            });
        }
        watch
    }

    /// Names the init that a signal ends; one that has come already ends it now. init cleans up, and reports.
    pub(crate) fn guard(&self, init: i32) -> io::Result<()> {
        let pid = Pid::from_raw(init).ok_or(io::ErrorKind::InvalidInput)?;
        let mut watched = self.lock();
        watched.init = Some(pidfd_open(pid, PidfdFlags::empty())?);
        if watched.received.is_some() {
            watched.end();
        }
        Ok(())
    }

    /// The first signal.
    pub(crate) fn received(&self) -> Option<i32> {
        self.lock().received
    }

    fn end(&self, signal: i32) {
        let mut watched = self.lock();
        watched.received.get_or_insert(signal);
        watched.end();
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        // What it holds is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn end(&self) {
        if let Some(init) = &self.init {
            let _ended_already = pidfd_send_signal(init, rustix::process::Signal::TERM);
        }
    }
}
