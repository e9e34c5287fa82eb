//! Processes: the neighbour's name in /proc, and what can be done to it.

use std::fs;

use super::{Channel, Token, nothing, seen};
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, trial};

/// The channels of this family. There is nothing to plant: the planter's own command line has the token.
pub(crate) const CHANNELS: &[Channel] = &[
    Channel { name: "proc", ids: &["PR-22", "JDG-21"], plant: |_| Ok(Box::new(|| ())), look: find_in_proc },
    Channel { name: "signal", ids: &["PR-01", "KRN-37"], plant: |_| Ok(Box::new(|| ())), look: signal },
    Channel { name: "ptrace", ids: &["PR-05", "KRN-37"], plant: |_| Ok(Box::new(|| ())), look: trace },
    Channel { name: "memory", ids: &["PR-06"], plant: |_| Ok(Box::new(|| ())), look: read_memory },
    Channel { name: "pidfd", ids: &["PR-07"], plant: |_| Ok(Box::new(|| ())), look: take_descriptor },
    Channel {
        name: "priority",
        ids: &["RES-22", "KRN-37"],
        plant: |_| Ok(Box::new(|| ())),
        look: look_at_priority,
    },
];

/// The planter's pid, as far as /proc shows it.
fn neighbour(token: &Token) -> Option<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.contains(&token.0) && words.contains("plant")
    })
}

fn find_in_proc(token: &Token) -> Finding {
    match neighbour(token) {
        Some(pid) => seen(format!("process {pid}")),
        None => nothing("no process has the token"),
    }
}

/// The neighbour's pid if it can be seen; else every number that is neither ours nor PID 1's.
fn candidates(token: &Token) -> Vec<u32> {
    let own = std::process::id();
    neighbour(token).map_or_else(|| (2..4096).filter(|pid| *pid != own).collect(), |pid| vec![pid])
}

fn each(token: &Token, what: &str, attempt: impl Fn(u32) -> Result<i64, sys::Errno>) -> Finding {
    let reached: Vec<String> = candidates(token)
        .into_iter()
        .filter(|pid| attempt(*pid).is_ok())
        .map(|pid| pid.to_string())
        .collect();
    if reached.is_empty() {
        nothing(format!("{what}: no process"))
    } else {
        seen(format!("{what}: {}", reached.join(" ")))
    }
}

fn signal(token: &Token) -> Finding {
    each(token, "kill", |pid| sys::call(libc::SYS_kill, &mut [Arg::N(pid.into()), Arg::N(0)]))
}

/// In a child, whose end detaches from the process that it seized. A few numbers are enough to see the refusal.
fn trace(token: &Token) -> Finding {
    const SEIZE: i64 = 0x4206;
    let findings = candidates(token).into_iter().take(16).map(|pid| {
        trial(&format!("ptrace {pid}"), || {
            sys::call(libc::SYS_ptrace, &mut [Arg::N(SEIZE), Arg::N(pid.into()), Arg::N(0), Arg::N(0)])
                .map(drop)
        })
    });
    Finding::all(findings)
}

/// One byte at the start of its first mapping, or at an address that static programs usually have.
fn read_memory(token: &Token) -> Finding {
    let mut byte = [0u8; 1];
    let pair = |address: u64, length: u64| [address.to_ne_bytes(), length.to_ne_bytes()].concat();
    let local = pair(byte.as_mut_ptr() as u64, 1);
    let findings = candidates(token).into_iter().take(16).map(|pid| {
        let address = first_mapping(pid).unwrap_or(0x40_0000);
        let remote = pair(address, 1);
        let mut args = [Arg::N(pid.into()), Arg::R(&local), Arg::N(1), Arg::R(&remote), Arg::N(1), Arg::N(0)];
        Finding::of(&format!("process_vm_readv {pid}"), sys::call(libc::SYS_process_vm_readv, &mut args))
    });
    Finding::all(findings)
}

fn first_mapping(pid: u32) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    u64::from_str_radix(maps.split('-').next()?, 16).ok()
}

fn take_descriptor(token: &Token) -> Finding {
    let findings = candidates(token).into_iter().take(16).map(|pid| {
        let taken = sys::call(libc::SYS_pidfd_open, &mut [Arg::N(pid.into()), Arg::N(0)])
            .and_then(|pidfd| sys::call(libc::SYS_pidfd_getfd, &mut [Arg::N(pidfd), Arg::N(0), Arg::N(0)]));
        Finding::of(&format!("pidfd {pid}"), taken)
    });
    Finding::all(findings)
}

/// The nice value of a process: PRIO_PROCESS with its pid.
fn look_at_priority(token: &Token) -> Finding {
    const PRIO_PROCESS: i64 = 0;
    each(token, "getpriority", |pid| {
        sys::call(libc::SYS_getpriority, &mut [Arg::N(PRIO_PROCESS), Arg::N(pid.into())])
    })
}
