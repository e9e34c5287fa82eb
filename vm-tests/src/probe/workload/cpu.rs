//! Workloads that use CPU time, until a limit ends them.

use std::fs::File;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use rustix::process::setsid;

use super::{Program, UNREACHED, sleep_for_ever, spin, spin_for_ever, wait_for_child};
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("busy-sync", busy_sync),
    ("busy", |_| spin_for_ever()),
    ("busy-child", |_| wait_for_child(spin_for_ever)),
    ("busy-session", |_| wait_for_child(busy_session)),
    ("busy-thread", busy_thread),
    ("busy-short-children", busy_short_children),
    ("busy-deaf", busy_deaf),
    ("busy-system", busy_system),
    ("busy-yield", busy_yield),
    ("busy-signals", busy_signals),
    ("busy-timers", busy_timers),
];

fn busy_session() -> u8 {
    // Fails only for a leader of a process group, which a fresh child is not.
    setsid().ok();
    spin_for_ever()
}

fn busy_thread(_: &[&str]) -> u8 {
    thread::spawn(spin_for_ever);
    sleep_for_ever()
}

/// Each child lives for less than a scheduler tick.
fn busy_short_children(_: &[&str]) -> u8 {
    loop {
        let ended = sys::in_child(|| {
            spin(Duration::from_millis(2));
            0
        });
        if ended.is_err() {
            return UNREACHED;
        }
    }
}

/// Deaf to every signal that announces a limit.
fn busy_deaf(_: &[&str]) -> u8 {
    for signal in [libc::SIGXCPU, libc::SIGTERM, libc::SIGALRM, libc::SIGINT, libc::SIGHUP, libc::SIGVTALRM] {
        sys::ignore(signal);
    }
    spin_for_ever()
}

/// Burns its time inside the kernel.
fn busy_system(_: &[&str]) -> u8 {
    let mut buffer = vec![0; 1 << 20];
    loop {
        if File::open("/dev/zero").and_then(|mut zero| zero.read_exact(&mut buffer)).is_err() {
            return UNREACHED;
        }
    }
}

fn busy_yield(_: &[&str]) -> u8 {
    loop {
        thread::yield_now();
    }
}

fn busy_signals(_: &[&str]) -> u8 {
    sys::ignore(libc::SIGUSR1);
    loop {
        sys::raise(libc::SIGUSR1);
    }
}

/// A timer that is due every nanosecond.
fn busy_timers(_: &[&str]) -> u8 {
    const NONBLOCK: i64 = 0o4000;
    let Ok(timer) = sys::call(libc::SYS_timerfd_create, &mut [Arg::N(1), Arg::N(NONBLOCK)]) else {
        return UNREACHED;
    };
    let every: Vec<u8> = [0i64, 1, 0, 1].iter().flat_map(|field| field.to_ne_bytes()).collect();
    loop {
        let mut set = [Arg::N(timer), Arg::N(0), Arg::R(&every), Arg::N(0)];
        if sys::call(libc::SYS_timerfd_settime, &mut set).is_err() {
            return UNREACHED;
        }
        // EAGAIN when it has not expired yet.
        sys::call(libc::SYS_read, &mut [Arg::N(timer), Arg::W(&mut [0; 8]), Arg::N(8)]).ok();
    }
}

fn busy_sync(_: &[&str]) -> u8 {
    let Ok(mut file) = File::create("/tmp/sync") else { return UNREACHED };
    loop {
        sys::call(libc::SYS_sync, &mut []).ok();
        if file.write_all(b"x").and_then(|()| file.sync_all()).is_err() {
            return UNREACHED;
        }
    }
}
