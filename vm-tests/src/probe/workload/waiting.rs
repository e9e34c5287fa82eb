//! Workloads that wait: for the wall limit, for the idle limit, or for a timer of their own.

use std::fs::File;
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use super::streams::flood;
use super::{Program, UNREACHED, print_text, sleep_for_ever, spin, spin_for_ever, wait_for_child};
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("alternate", alternate),
    ("sleep", |_| sleep_for_ever()),
    ("sleep-child", |_| wait_for_child(sleep_for_ever)),
    ("read-stdin", read_stdin),
    ("wait", wait),
    ("block-on-own-pipe", block_on_own_pipe),
    ("stop-self", stop_self),
    ("timer", timer),
    ("vfork-sleep", vfork_sleep),
];

/// Never idle for long, never busy for long.
fn alternate(_: &[&str]) -> u8 {
    loop {
        spin(Duration::from_millis(20));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Prints that it has started, and waits until its standard input ends.
fn wait(_: &[&str]) -> u8 {
    print_text("started\n") | u8::from(io::copy(&mut io::stdin(), &mut io::sink()).is_err())
}

fn read_stdin(_: &[&str]) -> u8 {
    u8::from(io::stdin().read(&mut [0; 1]).is_err())
}

/// Fills a pipe that no process reads.
fn block_on_own_pipe(_: &[&str]) -> u8 {
    let Ok((_reader, writer)) = rustix::pipe::pipe() else { return UNREACHED };
    flood(File::from(writer))
}

fn stop_self(_: &[&str]) -> u8 {
    sys::raise(libc::SIGSTOP);
    UNREACHED
}

/// One of the timers after 50 ms, its signal's default action being the end.
fn timer(args: &[&str]) -> u8 {
    let interval: Vec<u8> = [0i64, 0, 0, 50_000].iter().flat_map(|field| field.to_ne_bytes()).collect();
    let interval_timer =
        |which: i64| sys::call(libc::SYS_setitimer, &mut [Arg::N(which), Arg::R(&interval), Arg::N(0)]);
    let armed = match args {
        ["real"] => interval_timer(0),
        ["virtual"] => interval_timer(1),
        ["prof"] => interval_timer(2),
        _ => posix_timer(),
    };
    if armed.is_err() { UNREACHED } else { spin_for_ever() }
}

/// timer_create(2) on the monotonic clock, with SIGALRM, as without a sigevent.
fn posix_timer() -> Result<i64, sys::Errno> {
    let mut id = [0; 4];
    sys::call(libc::SYS_timer_create, &mut [Arg::N(1), Arg::N(0), Arg::W(&mut id)])?;
    let time: Vec<u8> = [0i64, 0, 0, 50_000_000].iter().flat_map(|field| field.to_ne_bytes()).collect();
    let id = i64::from(i32::from_ne_bytes(id));
    sys::call(libc::SYS_timer_settime, &mut [Arg::N(id), Arg::N(0), Arg::R(&time), Arg::N(0)])
}

/// A parent that cannot even be woken until its child execs or ends (CLONE_VFORK).
fn vfork_sleep(_: &[&str]) -> u8 {
    let flags = i64::from(libc::CLONE_VFORK | libc::SIGCHLD);
    match sys::call(libc::SYS_clone, &mut [Arg::N(flags), Arg::N(0)]) {
        Ok(0) => sleep_for_ever(),
        _ => UNREACHED,
    }
}
