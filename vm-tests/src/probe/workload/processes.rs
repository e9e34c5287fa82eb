//! Workloads that make processes, or ask for more than one of their processes may have.
//!
//! The "until refused" programs print how many there were, themselves included.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::thread;
use std::time::Duration;

use rustix::process::setsid;

use super::{Program, UNREACHED, number, print_text, sleep_for_ever, spin_for_ever};
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("ask", ask),
    ("fork-until-refused", fork_until_refused),
    ("fork-bomb", fork_bomb),
    ("threads-until-refused", threads_until_refused),
    ("zombies", zombies),
    ("daemon", daemon),
    ("children-then-exit", children_then_exit),
    ("many-short-children", many_short_children),
    ("litter", litter),
    ("kill-all", kill_all),
    ("kill-init", kill_init),
];

/// The argument, if there is one, is where it gives up.
fn fork_until_refused(args: &[&str]) -> u8 {
    let most = if args.is_empty() { 10_000 } else { number(args) };
    let mut processes = 1;
    loop {
        match sys::fork() {
            Ok(None) => sys::leave(i32::from(sleep_for_ever())),
            Ok(Some(_)) => processes += 1,
            Err(errno) => return print_text(&format!("{processes} {errno}\n")),
        }
        if processes > most {
            return print_text(&format!("{processes} and more\n"));
        }
    }
}

/// Every process forks for ever.
fn fork_bomb(_: &[&str]) -> u8 {
    loop {
        // Refused sooner or later; then the loop burns CPU.
        sys::fork().ok();
    }
}

fn threads_until_refused(_: &[&str]) -> u8 {
    let mut threads = 1;
    while thread::Builder::new().stack_size(16 << 10).spawn(sleep_for_ever).is_ok() {
        threads += 1;
        if threads > 10_000 {
            return UNREACHED;
        }
    }
    print_text(&format!("{threads}\n"))
}

fn zombies(_: &[&str]) -> u8 {
    let mut zombies = 0;
    loop {
        match sys::fork() {
            Ok(None) => sys::leave(0),
            Ok(Some(_)) => zombies += 1,
            Err(errno) => return print_text(&format!("{} {errno}\n", zombies + 1)),
        }
        if zombies > 10_000 {
            return UNREACHED;
        }
    }
}

/// Forks twice, takes a session of its own, keeps the streams, and outlives the program.
fn daemon(_: &[&str]) -> u8 {
    sys::in_child(|| {
        setsid().ok();
        if let Ok(None) = sys::fork() {
            sys::leave(i32::from(sleep_for_ever()));
        }
        0
    })
    .ok();
    print_text("done\n")
}

fn children_then_exit(_: &[&str]) -> u8 {
    for index in 0..5 {
        if let Ok(None) = sys::fork() {
            sys::leave(i32::from(if index % 2 == 0 { spin_for_ever() } else { sleep_for_ever() }));
        }
    }
    print_text("done\n")
}

fn many_short_children(args: &[&str]) -> u8 {
    for _ in 0..number(args) {
        if sys::in_child(|| 0).is_err() {
            return UNREACHED;
        }
    }
    print_text("done\n")
}

/// Leaves all that a program can leave, stays for the argument in milliseconds, and exits with 0.
fn litter(args: &[&str]) -> u8 {
    let written = [("/tmp/litter", 2 << 20), ("/dev/shm/litter", 64 << 10), ("/home/judge/litter", 4096)]
        .iter()
        .all(|(path, size)| fs::write(path, vec![1; *size]).is_ok());
    let make = |number, args: &mut [Arg<'_>]| sys::call(number, args).is_ok();
    const CREATE: i64 = libc::IPC_CREAT as i64 | 0o600;
    let made = make(libc::SYS_shmget, &mut [Arg::N(1), Arg::N(4096), Arg::N(CREATE)])
        && make(libc::SYS_semget, &mut [Arg::N(1), Arg::N(1), Arg::N(CREATE)])
        && make(libc::SYS_msgget, &mut [Arg::N(1), Arg::N(CREATE)]);
    let Ok(name) = SocketAddr::from_abstract_name("litter") else { return UNREACHED };
    let (Ok(_listener), Ok(_pipe)) = (UnixListener::bind_addr(&name), io::pipe()) else { return UNREACHED };
    // A zombie, and a daemon that keeps the socket and the pipe.
    let zombie = matches!(sys::fork(), Ok(None));
    if zombie {
        sys::leave(0);
    }
    daemon(&[]);
    thread::sleep(Duration::from_millis(number(args) as u64));
    u8::from(!(written && made))
}

/// Everything it may signal but itself.
fn kill_all(_: &[&str]) -> u8 {
    sys::call(libc::SYS_kill, &mut [Arg::N(-1), Arg::N(libc::SIGKILL.into())]).ok();
    print_text("alive\n")
}

/// Every signal there is, to PID 1.
fn kill_init(_: &[&str]) -> u8 {
    for signal in 1..=64 {
        sys::call(libc::SYS_kill, &mut [Arg::N(1), Arg::N(signal)]).ok();
    }
    print_text("alive\n")
}

/// Asks for more than its share, and prints the kernel's answer.
fn ask(args: &[&str]) -> u8 {
    let scheduler = |policy| {
        let priority = 1u32.to_ne_bytes();
        sys::call(libc::SYS_sched_setscheduler, &mut [Arg::N(0), Arg::N(policy), Arg::R(&priority)])
    };
    let answer = match args {
        ["nice"] => sys::call(libc::SYS_setpriority, &mut [Arg::N(0), Arg::N(0), Arg::N(-5)]),
        ["fifo"] => scheduler(1),
        ["round-robin"] => scheduler(2),
        ["deadline"] => {
            // sched_attr: size, policy, flags, nice, priority, then runtime, deadline and period in ns.
            let mut attributes = [48u32, 6, 0, 0, 0, 0].map(u32::to_ne_bytes).concat();
            attributes.extend([1_000_000u64, 10_000_000, 10_000_000].map(u64::to_ne_bytes).concat());
            sys::call(libc::SYS_sched_setattr, &mut [Arg::N(0), Arg::R(&attributes), Arg::N(0)])
        }
        ["stack"] => {
            let more = [1u64 << 40; 2].map(u64::to_ne_bytes).concat();
            let mut args = [Arg::N(0), Arg::N(libc::RLIMIT_STACK.into()), Arg::R(&more), Arg::N(0)];
            sys::call(libc::SYS_prlimit64, &mut args)
        }
        ["session"] => sys::call(libc::SYS_setsid, &mut []),
        _ => return UNREACHED,
    };
    print_text(&match answer {
        Ok(_) => "granted\n".to_string(),
        Err(errno) => format!("{errno}\n"),
    })
}
