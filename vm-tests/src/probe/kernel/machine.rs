//! The machine: its devices, clock, name, log and mounts, and the identity of the submission on it.

use std::fs;
use std::path::Path;

use super::{reached, refused};
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, Target};

/// Devices that reach the machine, the host of the VM, or its console.
pub(super) fn devices(_: &Target) -> Finding {
    const DEVICES: [&str; 24] = [
        "mem",
        "port",
        "kmsg",
        "console",
        "ttyS0",
        "ttyS1",
        "ttyAMA0",
        "tty0",
        "tty1",
        "hvc0",
        "vport0p1",
        "sda",
        "vda",
        "loop0",
        "loop-control",
        "kvm",
        "fuse",
        "vsock",
        "vhost-vsock",
        "hwrng",
        "input/event0",
        "snd/timer",
        "net/tun",
        "userfaultfd",
    ];
    let found: Vec<Finding> = DEVICES
        .iter()
        .map(|name| Path::new("/dev").join(name))
        .filter(|path| path.exists())
        .map(|path| Finding::of_io(&path.to_string_lossy(), fs::OpenOptions::new().write(true).open(&path)))
        .collect();
    if found.is_empty() { Finding::blocked("none of them is there") } else { Finding::all(found) }
}

/// To the time that it is already.
pub(super) fn set_clock(_: &Target) -> Finding {
    let mut now = [0u8; 16];
    if let Err(errno) = sys::call(libc::SYS_clock_gettime, &mut [Arg::N(0), Arg::W(&mut now)]) {
        return Finding::of::<()>("clock_gettime", Err(errno));
    }
    Finding::all([
        refused("clock_settime", libc::SYS_clock_settime, vec![Arg::N(0), Arg::R(&now)]),
        refused("settimeofday", libc::SYS_settimeofday, vec![Arg::N(0), Arg::R(&[0; 8])]),
    ])
}

/// ADJ_TICK to what it is by default.
pub(super) fn adjust_clock(_: &Target) -> Finding {
    let mut timex = [0u8; 208];
    timex[..4].copy_from_slice(&0x4000u32.to_ne_bytes());
    timex[88..96].copy_from_slice(&10_000i64.to_ne_bytes());
    refused("adjtimex", libc::SYS_adjtimex, vec![Arg::W(&mut timex)])
}

/// To what it is already.
pub(super) fn set_hostname(_: &Target) -> Finding {
    let name = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    let length = name.len().saturating_sub(1);
    let args = vec![Arg::R(&name), Arg::N(length as i64)];
    Finding::all([refused("sethostname", libc::SYS_sethostname, args)])
}

/// The kernel's ring buffer.
pub(super) fn read_messages(_: &Target) -> Finding {
    const READ_ALL: i64 = 3;
    let mut buffer = vec![0; 4096];
    refused("syslog", libc::SYS_syslog, vec![Arg::N(READ_ALL), Arg::W(&mut buffer), Arg::N(4096)])
}

/// A file that does not exist: a caller with the right to swap gets an error about the file.
pub(super) fn swap(_: &Target) -> Finding {
    let through = [libc::EINVAL, libc::ENOENT];
    Finding::all([
        reached("swapon", libc::SYS_swapon, vec![Arg::S(c"/nowhere"), Arg::N(0)], &through),
        reached("swapoff", libc::SYS_swapoff, vec![Arg::S(c"/nowhere")], &through),
    ])
}

pub(super) fn accounting(_: &Target) -> Finding {
    reached("acct", libc::SYS_acct, vec![Arg::S(c"/nowhere")], &[libc::ENOENT])
}

/// Q_SYNC of user quotas on everything.
pub(super) fn quota(_: &Target) -> Finding {
    const SYNC: i64 = 0x8000_0100;
    let args = vec![Arg::N(SYNC), Arg::S(c"/nowhere"), Arg::N(0), Arg::N(0)];
    reached("quotactl", libc::SYS_quotactl, args, &[libc::ENOENT, libc::ENOTBLK])
}

/// Paths of the outside in the mount table.
pub(super) fn mount_names(target: &Target) -> Finding {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let outside = target.canary.parent().and_then(Path::to_str).unwrap_or("/vm-tests");
    // The bind of the probe itself names the directory that the harness binds.
    let leaks: Vec<&str> =
        table.lines().filter(|line| line.contains(outside) && !line.contains("probes")).collect();
    if leaks.is_empty() { Finding::blocked("no outside path") } else { Finding::escaped(leaks.join(", ")) }
}

/// File systems that are the kernel's own inside.
pub(super) fn kernel_file_systems(_: &Target) -> Finding {
    const KINDS: [&str; 9] =
        ["debugfs", "tracefs", "bpf", "configfs", "securityfs", "efivarfs", "cgroup", "cgroup2", "sysfs"];
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let kinds = table.lines().filter_map(|line| line.split(' ').nth(2));
    let found: Vec<&str> = kinds.filter(|kind| KINDS.contains(kind)).collect();
    if found.is_empty() { Finding::blocked("none is mounted") } else { Finding::escaped(found.join(", ")) }
}

/// Variables that the supervisor had and did not mean to give.
pub(super) fn environment(_: &Target) -> Finding {
    const GIVEN: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TMPDIR", "LC_ALL"];
    let others: Vec<String> =
        std::env::vars().map(|(name, _)| name).filter(|name| !GIVEN.contains(&name.as_str())).collect();
    if others.is_empty() { Finding::blocked("only the usual") } else { Finding::escaped(others.join(", ")) }
}

pub(super) fn become_root(_: &Target) -> Finding {
    Finding::all([
        refused("setuid", libc::SYS_setuid, vec![Arg::N(0)]),
        refused("setreuid", libc::SYS_setreuid, vec![Arg::N(0), Arg::N(0)]),
        refused("setresuid", libc::SYS_setresuid, vec![Arg::N(0), Arg::N(0), Arg::N(0)]),
    ])
}

pub(super) fn change_groups(_: &Target) -> Finding {
    Finding::all([
        refused("setgid", libc::SYS_setgid, vec![Arg::N(0)]),
        refused("setgroups", libc::SYS_setgroups, vec![Arg::N(1), Arg::R(&[0; 4])]),
    ])
}
