//! How long a run's processes have waited for a CPU. On a busy machine a process that only computes waits too, and is not
//! idle for it.
//!
//! The kernel counts it for each thread, as the second number of /proc/TID/schedstat (`Documentation/scheduler/
//! sched-stats.rst`), and adds a wait when that ends; time in which a quota holds a thread back counts too. What waits at
//! this moment is runnable: state R in /proc/TID/stat.

use core::ffi::CStr;

use rustix::fd::AsFd;
use rustix::fs::{CWD, OFlags};
use rustix::process::Pid;

use crate::kernel_file;
use crate::sys::fd::Fd;
use crate::text::{Parts, Text, last_part, parse_number};

/// /proc: for the supervisor the host's, opened before the submission starts; for PID 1 the sandbox's.
pub(crate) struct Waiting {
    proc: Fd,
}

/// What the threads of a run have waited.
#[derive(Clone, Copy, Default)]
pub(crate) struct Waited {
    /// In nanoseconds, all of them together.
    pub(crate) time: u64,
    /// Whether one waits now, or runs.
    pub(crate) is_runnable: bool,
}

impl Waiting {
    /// `None` where the kernel does not count it (CONFIG_SCHED_INFO), or /proc is not mounted.
    pub(crate) fn open() -> Option<Waiting> {
        let proc = kernel_file::open(CWD, c"/proc", OFlags::DIRECTORY).ok()?;
        kernel_file::open(proc.as_fd(), c"self/schedstat", OFlags::RDONLY).ok().map(|_| Waiting { proc })
    }

    /// Of the threads with these ids, one a line, as a cgroup lists them. One that has just ended counts no more.
    pub(crate) fn of(&self, threads: &[u8]) -> Waited {
        let mut waited = Waited::default();
        let mut buffer = [0; ROOM];
        for thread in Parts::new(threads, b'\n') {
            waited.time += second_number(self.read(thread, b"/schedstat", &mut buffer));
            // `PID (NAME) STATE …`: the name may hold anything, and is the last thing in parentheses (proc_pid_stat(5)).
            let state = last_part(self.read(thread, b"/stat", &mut buffer), b')');
            waited.is_runnable |= state.get(1) == Some(&b'R');
        }
        waited
    }

    /// A file of a thread; empty for one that has ended.
    fn read<'b>(&self, thread: &[u8], file: &[u8], buffer: &'b mut [u8; ROOM]) -> &'b [u8] {
        let mut path = [0; 64];
        Text::new(&mut path).push(thread).push(file);
        let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
        kernel_file::read(self.proc.as_fd(), path, buffer).unwrap_or_default()
    }
}

/// The waiting time in the text of a schedstat; 0 if it has none.
fn second_number(schedstat: &[u8]) -> u64 {
    Parts::new(schedstat, b' ').nth(1).and_then(parse_number).unwrap_or(0)
}

/// How long the first thread of a process waited for a CPU, in nanoseconds; 0 if the kernel does not measure it. A process
/// that has ended keeps this file until it is reaped.
pub(crate) fn before_reaping(process: Pid) -> u64 {
    let mut digits = [0; 20];
    let mut process_id = Text::new(&mut digits);
    process_id.number(process.as_raw_nonzero().get() as u64);
    let mut buffer = [0; ROOM];
    Waiting::open()
        .map_or(0, |waiting| second_number(waiting.read(process_id.as_bytes(), b"/schedstat", &mut buffer)))
}

/// Bytes of a file that are read: numbers, and a name of 15 bytes.
const ROOM: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_runs_is_runnable_and_one_that_sleeps_is_not() {
        let waiting = Waiting::open().unwrap();
        let own = rustix::thread::gettid().as_raw_nonzero().to_string();
        assert!(waiting.of(own.as_bytes()).is_runnable);
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = sleeper.id().to_string();
        let mut tries = 0..1_000;
        let slept = tries.any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            !waiting.of(id.as_bytes()).is_runnable
        });
        sleeper.kill().and_then(|()| sleeper.wait()).unwrap();
        assert!(slept);
        assert_eq!(waiting.of(b"none\n").time, 0);
    }
}
