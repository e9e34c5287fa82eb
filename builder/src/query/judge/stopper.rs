//! After a signal, ends the runs that are under way, so that the judge comes to its end at once.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use image::write::interrupt::Interrupt;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How often the signal is looked for.
const PERIOD: Duration = Duration::from_millis(50);
/// init ends a run by itself when it is asked to, and removes its cgroup; after this time it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// The thread ends with this.
pub(super) struct Stopper {
    end: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Watches for a signal from now on.
pub(super) fn start(interrupt: &Interrupt) -> Stopper {
    let (interrupt, (end, ended)) = (interrupt.clone(), mpsc::channel());
    let watch = move || {
        let mut since = None;
        while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            if interrupt.signal().is_none() {
                continue;
            }
            let since = since.get_or_insert_with(Instant::now);
            signal_children(if since.elapsed() < GRACE { Signal::TERM } else { Signal::KILL });
        }
    };
    Stopper { end: Some(end), thread: Some(thread::spawn(watch)) }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.end.take();
        let _it_does_not_panic = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Every child of this process is an init.
fn signal_children(signal: Signal) {
    for child in children() {
        let Ok(handle) = pidfd_open(child, PidfdFlags::empty()) else { continue };
        // Still our child after that: so the handle is not that of another process which got its pid.
        if children().contains(&child) {
            let _ended_already = pidfd_send_signal(handle, signal);
        }
    }
}

/// The children of all threads (proc_pid_task_tid_children(5)).
fn children() -> Vec<Pid> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = |list: String| -> Vec<Pid> {
        list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    };
    lists.flat_map(pids).collect()
}
