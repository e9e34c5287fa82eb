//! KRN: calls that widen the kernel's surface, and what the kernel tells about itself.
//!
//! Each call has arguments with which root outside of a sandbox succeeds, or gets further than the refusal: an error
//! about bad arguments would prove nothing.

use std::fs;
use std::path::Path;

use super::sys::{self, Arg};
use super::{Attack, Finding, Target, trial};

/// The family.
pub const ATTACKS: &[Attack] = &[
    Attack::new("kernel/unshare-user", &["KRN-01"], |_| unshare("user", libc::CLONE_NEWUSER)).escapes_bare(),
    Attack::new("kernel/unshare-mount", &["KRN-01"], |_| unshare("mount", libc::CLONE_NEWNS)).escapes_bare(),
    Attack::new("kernel/unshare-net", &["KRN-01"], |_| unshare("net", libc::CLONE_NEWNET)).escapes_bare(),
    Attack::new("kernel/unshare-pid", &["KRN-01"], |_| unshare("pid", libc::CLONE_NEWPID)).escapes_bare(),
    Attack::new("kernel/unshare-ipc", &["KRN-01"], |_| unshare("ipc", libc::CLONE_NEWIPC)).escapes_bare(),
    Attack::new("kernel/unshare-uts", &["KRN-01"], |_| unshare("uts", libc::CLONE_NEWUTS)).escapes_bare(),
    Attack::new("kernel/unshare-cgroup", &["KRN-01"], |_| unshare("cgroup", libc::CLONE_NEWCGROUP))
        .escapes_bare(),
    Attack::new("kernel/unshare-time", &["KRN-01"], |_| unshare("time", libc::CLONE_NEWTIME)).escapes_bare(),
    Attack::new("kernel/clone-user", &["KRN-01"], clone_user).escapes_bare(),
    Attack::new("kernel/clone3", &["KRN-02"], clone3).escapes_bare(),
    Attack::new("kernel/setns", &["KRN-03"], setns).escapes_bare(),
    Attack::new("kernel/bpf", &["KRN-04"], bpf).escapes_bare(),
    Attack::new("kernel/perf-event", &["KRN-05"], perf_event).escapes_bare(),
    Attack::new("kernel/userfaultfd", &["KRN-06"], userfaultfd).escapes_bare(),
    Attack::new("kernel/add-key", &["KRN-07"], add_key).escapes_bare(),
    Attack::new("kernel/keyctl", &["KRN-07"], keyctl).escapes_bare(),
    Attack::new("kernel/io-uring", &["KRN-08"], io_uring).escapes_bare(),
    Attack::new("kernel/kexec", &["KRN-09"], kexec).escapes_bare(),
    Attack::new("kernel/load-module", &["KRN-10"], load_module).escapes_bare(),
    Attack::new("kernel/reboot", &["KRN-11"], reboot).escapes_bare(),
    Attack::new("kernel/personality", &["KRN-12"], personality).escapes_bare(),
    Attack::new("kernel/modify-ldt", &["KRN-13"], modify_ldt).escapes_bare(),
    Attack::new("kernel/io-ports", &["KRN-13", "JDG-25"], io_ports).escapes_bare(),
    Attack::new("kernel/x32-numbers", &["KRN-14"], x32_numbers)
        .escapes_nowhere("Debian's kernels have x32 switched off"),
    Attack::new("kernel/i386-entry", &["KRN-15"], i386_entry).escapes_bare(),
    Attack::new("kernel/upper-half", &["KRN-16"], upper_half).escapes_bare(),
    Attack::new("kernel/type-into-terminal", &["KRN-17"], type_into_terminal)
        .escapes_nowhere("the harness has no terminal to type into"),
    Attack::new("kernel/looser-filter", &["KRN-18"], looser_filter).escapes_bare(),
    Attack::new("kernel/unknown-numbers", &["KRN-19"], unknown_numbers)
        .escapes_nowhere("no kernel knows them"),
    Attack::new("kernel/map-page-zero", &["KRN-23"], map_page_zero).escapes_bare(),
    Attack::new("kernel/devices", &["KRN-24", "KRN-31", "JDG-24"], devices).escapes_bare(),
    Attack::new("kernel/set-clock", &["KRN-25"], set_clock).escapes_bare(),
    Attack::new("kernel/adjust-clock", &["KRN-25"], adjust_clock).escapes_bare(),
    Attack::new("kernel/set-hostname", &["KRN-26"], set_hostname).escapes_bare(),
    Attack::new("kernel/read-messages", &["KRN-27"], read_messages).escapes_bare(),
    Attack::new("kernel/swap", &["KRN-27"], swap).escapes_bare(),
    Attack::new("kernel/accounting", &["KRN-27"], accounting).escapes_bare(),
    Attack::new("kernel/quota", &["KRN-27"], quota).escapes_bare(),
    Attack::new("kernel/fanotify", &["KRN-33"], fanotify).escapes_bare(),
    Attack::new("kernel/mount-names", &["KRN-34"], mount_names)
        .escapes_nowhere("outside, the directory is no mount of its own"),
    Attack::new("kernel/become-root", &["KRN-36"], become_root).escapes_bare(),
    Attack::new("kernel/change-groups", &["KRN-36"], change_groups).escapes_bare(),
    Attack::new("kernel/kernel-file-systems", &["KRN-38"], kernel_file_systems).escapes_bare(),
    Attack::new("kernel/merge-pages", &["KRN-28"], merge_pages).escapes_bare(),
    Attack::new("kernel/random-calls", &["KRN-39"], random_calls)
        .escapes_nowhere("outside of a sandbox it would do harm"),
    Attack::new("kernel/environment", &["KRN-35"], environment).escapes_bare(),
];

/// A call without consequences for this process, in a child.
fn refused(what: &str, number: i64, mut args: Vec<Arg<'_>>) -> Finding {
    trial(what, || sys::call(number, &mut args).map(drop))
}

/// The same, where an error about the arguments means that the call was let through as far as it goes without harm.
fn reached(what: &str, number: i64, mut args: Vec<Arg<'_>>, through: &[i32]) -> Finding {
    trial(what, || match sys::call(number, &mut args) {
        Err(errno) if !through.contains(&errno.0) => Err(errno),
        _ => Ok(()),
    })
}

fn unshare(what: &str, flag: i32) -> Finding {
    refused(&format!("unshare {what}"), libc::SYS_unshare, vec![Arg::N(flag.into())])
}

/// clone(2) with a flag for a namespace; the child of it leaves at once.
fn clone_user(_: &Target) -> Finding {
    let flags = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    trial("clone user", || match sys::call(libc::SYS_clone, &mut [Arg::N(flags), Arg::N(0)])? {
        0 => sys::leave(0),
        _ => Ok(()),
    })
}

/// A filter cannot see clone3's flags, so it has to refuse the call.
fn clone3(_: &Target) -> Finding {
    let mut arguments = [0u8; 64];
    arguments[..8].copy_from_slice(&(libc::CLONE_NEWUSER as u64).to_ne_bytes());
    arguments[32..40].copy_from_slice(&(libc::SIGCHLD as u64).to_ne_bytes());
    trial("clone3 user", || match sys::call(libc::SYS_clone3, &mut [Arg::R(&arguments), Arg::N(64)])? {
        0 => sys::leave(0),
        _ => Ok(()),
    })
}

fn setns(_: &Target) -> Finding {
    let Ok(namespace) = fs::File::open("/proc/self/ns/uts") else {
        return Finding::blocked("no namespace file");
    };
    use std::os::fd::AsRawFd;
    refused("setns", libc::SYS_setns, vec![Arg::N(namespace.as_raw_fd().into()), Arg::N(0)])
}

/// BPF_MAP_CREATE of a small array.
fn bpf(_: &Target) -> Finding {
    let mut attributes = [0u8; 128];
    for (index, value) in [2u32, 4, 8, 1].into_iter().enumerate() {
        attributes[index * 4..][..4].copy_from_slice(&value.to_ne_bytes());
    }
    refused("bpf map", libc::SYS_bpf, vec![Arg::N(0), Arg::R(&attributes), Arg::N(128)])
}

/// PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, on this process.
fn perf_event(_: &Target) -> Finding {
    let mut attributes = [0u8; 128];
    attributes[..4].copy_from_slice(&1u32.to_ne_bytes());
    attributes[4..8].copy_from_slice(&128u32.to_ne_bytes());
    refused(
        "perf_event_open",
        libc::SYS_perf_event_open,
        vec![Arg::R(&attributes), Arg::N(0), Arg::N(-1), Arg::N(-1), Arg::N(0)],
    )
}

fn userfaultfd(_: &Target) -> Finding {
    const USER_MODE_ONLY: i64 = 1;
    refused("userfaultfd", libc::SYS_userfaultfd, vec![Arg::N(USER_MODE_ONLY)])
}

fn add_key(_: &Target) -> Finding {
    const PROCESS_KEYRING: i64 = -2;
    let args =
        vec![Arg::S(c"user"), Arg::S(c"left-behind"), Arg::R(b"x"), Arg::N(1), Arg::N(PROCESS_KEYRING)];
    refused("add_key", libc::SYS_add_key, args)
}

fn keyctl(_: &Target) -> Finding {
    const GET_KEYRING_ID: i64 = 0;
    const SESSION_KEYRING: i64 = -3;
    refused("keyctl", libc::SYS_keyctl, vec![Arg::N(GET_KEYRING_ID), Arg::N(SESSION_KEYRING), Arg::N(1)])
}

/// Refused, and not by a kill: libraries try it at their start.
fn io_uring(_: &Target) -> Finding {
    let mut parameters = [0u8; 120];
    let finding =
        refused("io_uring_setup", libc::SYS_io_uring_setup, vec![Arg::N(4), Arg::W(&mut parameters)]);
    if finding.saw.contains("killed") {
        Finding::escaped(format!("{} instead of an error", finding.saw))
    } else {
        finding
    }
}

/// Without segments: unloads whatever is loaded, which is nothing.
fn kexec(_: &Target) -> Finding {
    refused("kexec_load", libc::SYS_kexec_load, vec![Arg::N(0), Arg::N(0), Arg::N(0), Arg::N(0)])
}

/// An empty module: with the right to load one it is the format that is wrong.
fn load_module(_: &Target) -> Finding {
    let args = vec![Arg::R(b""), Arg::N(0), Arg::S(c"")];
    reached("init_module", libc::SYS_init_module, args, &[libc::ENOEXEC])
}

/// Ctrl-Alt-Del off: a command of reboot(2) that does no harm where it succeeds.
fn reboot(_: &Target) -> Finding {
    let (magic, magic2) = (0xfee1_dead_u32 as i32, 672_274_793);
    refused("reboot", libc::SYS_reboot, vec![Arg::N(magic.into()), Arg::N(magic2), Arg::N(0), Arg::N(0)])
}

fn personality(_: &Target) -> Finding {
    const READ_IMPLIES_EXEC: i64 = 0x040_0000;
    const ADDR_COMPAT_LAYOUT: i64 = 0x020_0000;
    Finding::all([
        refused("READ_IMPLIES_EXEC", libc::SYS_personality, vec![Arg::N(READ_IMPLIES_EXEC)]),
        refused("ADDR_COMPAT_LAYOUT", libc::SYS_personality, vec![Arg::N(ADDR_COMPAT_LAYOUT)]),
    ])
}

/// Reads the (empty) table.
fn modify_ldt(_: &Target) -> Finding {
    let mut table = [0u8; 16];
    refused("modify_ldt", libc::SYS_modify_ldt, vec![Arg::N(0), Arg::W(&mut table), Arg::N(16)])
}

/// The VM's exit port, and every port.
fn io_ports(_: &Target) -> Finding {
    Finding::all([
        refused("ioperm", libc::SYS_ioperm, vec![Arg::N(0xf4), Arg::N(1), Arg::N(1)]),
        refused("iopl", libc::SYS_iopl, vec![Arg::N(3)]),
    ])
}

fn x32_numbers(_: &Target) -> Finding {
    const X32: i64 = 0x4000_0000;
    Finding::all([
        refused("x32 getpid", X32 + libc::SYS_getpid, vec![]),
        refused("x32 unshare", X32 + libc::SYS_unshare, vec![Arg::N(libc::CLONE_NEWUSER.into())]),
    ])
}

/// getpid by the 32-bit entry.
fn i386_entry(_: &Target) -> Finding {
    const GETPID: u32 = 20;
    trial("int 0x80", || match sys::call_i386(GETPID) {
        negative @ ..0 => Err(sys::Errno(-(negative as i32))),
        _ => Ok(()),
    })
}

/// Flags that the kernel cuts to 32 bits, with rubbish in the upper half.
fn upper_half(_: &Target) -> Finding {
    const RUBBISH: i64 = 0x1_0000_0000;
    let netlink = i64::from(libc::AF_PACKET) | RUBBISH;
    Finding::all([
        refused(
            "AF_PACKET",
            libc::SYS_socket,
            vec![Arg::N(netlink), Arg::N(libc::SOCK_RAW.into()), Arg::N(0)],
        ),
        refused("personality", libc::SYS_personality, vec![Arg::N(0x040_0000 | RUBBISH)]),
    ])
}

/// TIOCSTI and TIOCLINUX on whatever terminal there is; with rubbish in the upper half too.
fn type_into_terminal(_: &Target) -> Finding {
    const RUBBISH: i64 = 0x1_0000_0000;
    let requests = [libc::TIOCSTI as i64, libc::TIOCSTI as i64 | RUBBISH, libc::TIOCLINUX as i64];
    let tries = (0..3).flat_map(|descriptor| requests.map(|request| (descriptor, request)));
    Finding::all(tries.map(|(descriptor, request)| {
        refused("ioctl", libc::SYS_ioctl, vec![Arg::N(descriptor), Arg::N(request), Arg::R(b"x")])
    }))
}

/// A second filter that allows everything must not allow what the first refused.
fn looser_filter(_: &Target) -> Finding {
    trial("unshare behind a filter that allows all", || {
        sys::allow_everything()?;
        sys::call(libc::SYS_unshare, &mut [Arg::N(libc::CLONE_NEWUSER.into())]).map(drop)
    })
}

/// Numbers that no kernel of today knows: ENOSYS, so that programs fall back.
fn unknown_numbers(_: &Target) -> Finding {
    Finding::all([600, 700, 1000, 0x3fff_ffff].map(|number| refused(&number.to_string(), number, vec![])))
}

fn map_page_zero(_: &Target) -> Finding {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let args = vec![Arg::N(0), Arg::N(4096), Arg::N(1), Arg::N(flags.into()), Arg::N(-1), Arg::N(0)];
    refused("mmap 0", libc::SYS_mmap, args)
}

/// Devices that reach the machine, the host of the VM, or its console.
fn devices(_: &Target) -> Finding {
    const DEVICES: [&str; 23] = [
        "mem",
        "port",
        "kmsg",
        "console",
        "ttyS0",
        "ttyS1",
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
fn set_clock(_: &Target) -> Finding {
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
fn adjust_clock(_: &Target) -> Finding {
    let mut timex = [0u8; 208];
    timex[..4].copy_from_slice(&0x4000u32.to_ne_bytes());
    timex[88..96].copy_from_slice(&10_000i64.to_ne_bytes());
    refused("adjtimex", libc::SYS_adjtimex, vec![Arg::W(&mut timex)])
}

/// To what it is already.
fn set_hostname(_: &Target) -> Finding {
    let name = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    let length = name.len().saturating_sub(1);
    let args = vec![Arg::R(&name), Arg::N(length as i64)];
    Finding::all([refused("sethostname", libc::SYS_sethostname, args)])
}

/// The kernel's ring buffer.
fn read_messages(_: &Target) -> Finding {
    const READ_ALL: i64 = 3;
    let mut buffer = vec![0; 4096];
    refused("syslog", libc::SYS_syslog, vec![Arg::N(READ_ALL), Arg::W(&mut buffer), Arg::N(4096)])
}

/// A file that is no swap: with the right to do it, it is the file that is wrong.
fn swap(_: &Target) -> Finding {
    let through = [libc::EINVAL, libc::ENOENT];
    Finding::all([
        reached("swapon", libc::SYS_swapon, vec![Arg::S(c"/nowhere"), Arg::N(0)], &through),
        reached("swapoff", libc::SYS_swapoff, vec![Arg::S(c"/nowhere")], &through),
    ])
}

fn accounting(_: &Target) -> Finding {
    reached("acct", libc::SYS_acct, vec![Arg::S(c"/nowhere")], &[libc::ENOENT])
}

/// Q_SYNC of user quotas on everything.
fn quota(_: &Target) -> Finding {
    const SYNC: i64 = 0x8000_0100;
    let args = vec![Arg::N(SYNC), Arg::S(c"/nowhere"), Arg::N(0), Arg::N(0)];
    reached("quotactl", libc::SYS_quotactl, args, &[libc::ENOENT, libc::ENOTBLK])
}

fn fanotify(_: &Target) -> Finding {
    refused("fanotify_init", libc::SYS_fanotify_init, vec![Arg::N(0), Arg::N(0)])
}

/// Paths of the outside in the mount table.
fn mount_names(target: &Target) -> Finding {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let outside = target.canary.parent().and_then(Path::to_str).unwrap_or("/vm-tests");
    // The bind of the probe itself names the directory that the harness was told to bind.
    let leaks: Vec<&str> =
        table.lines().filter(|line| line.contains(outside) && !line.contains("probes")).collect();
    if leaks.is_empty() { Finding::blocked("no outside path") } else { Finding::escaped(leaks.join(", ")) }
}

fn become_root(_: &Target) -> Finding {
    Finding::all([
        refused("setuid", libc::SYS_setuid, vec![Arg::N(0)]),
        refused("setreuid", libc::SYS_setreuid, vec![Arg::N(0), Arg::N(0)]),
        refused("setresuid", libc::SYS_setresuid, vec![Arg::N(0), Arg::N(0), Arg::N(0)]),
    ])
}

fn change_groups(_: &Target) -> Finding {
    Finding::all([
        refused("setgid", libc::SYS_setgid, vec![Arg::N(0)]),
        refused("setgroups", libc::SYS_setgroups, vec![Arg::N(1), Arg::R(&[0; 4])]),
    ])
}

/// File systems that are the kernel's own inside.
fn kernel_file_systems(_: &Target) -> Finding {
    const KINDS: [&str; 9] =
        ["debugfs", "tracefs", "bpf", "configfs", "securityfs", "efivarfs", "cgroup", "cgroup2", "sysfs"];
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let kinds = table.lines().filter_map(|line| line.split(' ').nth(2));
    let found: Vec<&str> = kinds.filter(|kind| KINDS.contains(kind)).collect();
    if found.is_empty() { Finding::blocked("none is mounted") } else { Finding::escaped(found.join(", ")) }
}

/// KSM shares equal pages with other programs, and the time of a write tells.
fn merge_pages(_: &Target) -> Finding {
    let Some(memory) = sys::map_anonymous(1 << 16, libc::MAP_PRIVATE) else {
        return Finding::blocked("no memory");
    };
    let mergeable = Arg::N(libc::MADV_MERGEABLE.into());
    refused("MADV_MERGEABLE", libc::SYS_madvise, vec![Arg::W(memory), Arg::N(1 << 16), mergeable])
}

/// Every number with arguments of no sense, each in a child that an alarm ends: whoever is still here to tell has done
/// no harm to init. There is no control: outside of a sandbox it would do some.
fn random_calls(_: &Target) -> Finding {
    // A fixed sequence (a linear congruential generator, Knuth's numbers), so that a finding can be had again.
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 16) as i64
    };
    // What ends, stops or multiplies the one who calls; and those after which the filter ends the run.
    const LEFT_OUT: [i64; 28] = [
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_pidfd_send_signal,
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_rt_sigreturn,
        libc::SYS_open_by_handle_at,
        libc::SYS_pivot_root,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_kexec_file_load,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_acct,
        libc::SYS_iopl,
        libc::SYS_ioperm,
        libc::SYS_modify_ldt,
        libc::SYS_pause,
    ];
    // A tenth of a second for each: ITIMER_REAL's interval and first time, in seconds and microseconds.
    let patience = [0i64, 0, 0, 100_000].map(i64::to_ne_bytes).concat();
    let mut made = 0;
    for number in (0..470).filter(|number| !LEFT_OUT.contains(number)) {
        let arguments: [i64; 6] = std::array::from_fn(|_| random() >> (random() & 63));
        let ended = sys::in_child(|| {
            sys::call(libc::SYS_setitimer, &mut [Arg::N(0), Arg::R(&patience), Arg::N(0)]).ok();
            sys::call(number, &mut arguments.map(Arg::N)).ok();
            0
        });
        made += u32::from(ended.is_ok());
    }
    match made {
        0 => Finding::not_applicable("no child could be made"),
        _ => Finding::blocked(format!("{made} calls, and still here")),
    }
}

/// Variables that the supervisor had and did not mean to give.
fn environment(_: &Target) -> Finding {
    const GIVEN: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TMPDIR", "LC_ALL"];
    let others: Vec<String> =
        std::env::vars().map(|(name, _)| name).filter(|name| !GIVEN.contains(&name.as_str())).collect();
    if others.is_empty() { Finding::blocked("only the usual") } else { Finding::escaped(others.join(", ")) }
}
