//! Workloads with an end of their own: an exit code, a signal, a call that kills.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use super::{Program, UNREACHED, number, print_text, sleep_for_ever};
use crate::arch;
use crate::probe::sys::{self, Arg};

/// Every workload of this kind, by name.
pub(super) const PROGRAMS: &[(&str, Program)] = &[
    ("exit", |args| number(args) as u8),
    ("forged-signal-frame", |_| fault(arch::forged_signal_frame)),
    ("raise", raise),
    ("abort", |_| std::process::abort()),
    ("null-pointer", |_| fault(arch::read_null)),
    ("divide-by-zero", |_| fault(arch::divide_by_zero)),
    ("undefined-instruction", |_| fault(arch::undefined_instruction)),
    ("raise-in-thread", raise_in_thread),
    ("exit-in-thread", exit_in_thread),
    ("print-then-abort", print_then_abort),
    ("i386-call", |_| i386_call()),
    ("x32-call", x32_call),
    ("storm", |_| storm()),
];

fn fault(instruction: fn()) -> u8 {
    instruction();
    UNREACHED
}

fn raise(args: &[&str]) -> u8 {
    let signal = number(args) as i32;
    sys::default_action(signal);
    sys::raise(signal);
    UNREACHED
}

fn raise_in_thread(_: &[&str]) -> u8 {
    thread::spawn(|| std::process::abort());
    sleep_for_ever()
}

fn exit_in_thread(_: &[&str]) -> u8 {
    thread::spawn(|| std::process::exit(3));
    sleep_for_ever()
}

fn print_then_abort(_: &[&str]) -> u8 {
    print_text("42\n");
    std::process::abort()
}

/// A call that kills, while signals come all the time that would interrupt it.
fn storm() -> u8 {
    sys::interrupt_by(libc::SIGUSR1);
    let this = i64::from(std::process::id());
    for _ in 0..2 {
        // The first thread has the process's number.
        thread::spawn(move || {
            loop {
                let signal = Arg::N(libc::SIGUSR1.into());
                sys::call(libc::SYS_tgkill, &mut [Arg::N(this), Arg::N(this), signal]).ok();
            }
        });
    }
    // A thread may take a while to get a CPU: until then no signal comes.
    thread::sleep(Duration::from_millis(1));
    sys::call(libc::SYS_reboot, &mut [Arg::N(0), Arg::N(0), Arg::N(0), Arg::N(0)]).ok();
    UNREACHED
}

/// getpid by its 32-bit number.
fn i386_call() -> u8 {
    black_box(arch::call_by_32_bits(20));
    UNREACHED
}

/// getpid by its x32 number.
fn x32_call(_: &[&str]) -> u8 {
    match sys::call(0x4000_0000 + libc::SYS_getpid, &mut []) {
        Ok(_) => UNREACHED,
        Err(errno) => errno.0 as u8,
    }
}
