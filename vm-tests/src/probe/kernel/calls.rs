//! System calls that a submission has no use for, each of them a large part of the kernel.

use super::{reached, refused};
use crate::arch;
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, Target};

/// BPF_MAP_CREATE of a small array.
pub(super) fn bpf(_: &Target) -> Finding {
    let mut attributes = [0u8; 128];
    for (index, value) in [2u32, 4, 8, 1].into_iter().enumerate() {
        attributes[index * 4..][..4].copy_from_slice(&value.to_ne_bytes());
    }
    refused("bpf map", libc::SYS_bpf, vec![Arg::N(0), Arg::R(&attributes), Arg::N(128)])
}

/// PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, on this process.
pub(super) fn perf_event(_: &Target) -> Finding {
    let mut attributes = [0u8; 128];
    attributes[..4].copy_from_slice(&1u32.to_ne_bytes());
    attributes[4..8].copy_from_slice(&128u32.to_ne_bytes());
    refused(
        "perf_event_open",
        libc::SYS_perf_event_open,
        vec![Arg::R(&attributes), Arg::N(0), Arg::N(-1), Arg::N(-1), Arg::N(0)],
    )
}

pub(super) fn userfaultfd(_: &Target) -> Finding {
    const USER_MODE_ONLY: i64 = 1;
    refused("userfaultfd", libc::SYS_userfaultfd, vec![Arg::N(USER_MODE_ONLY)])
}

pub(super) fn add_key(_: &Target) -> Finding {
    const PROCESS_KEYRING: i64 = -2;
    let args =
        vec![Arg::S(c"user"), Arg::S(c"left-behind"), Arg::R(b"x"), Arg::N(1), Arg::N(PROCESS_KEYRING)];
    refused("add_key", libc::SYS_add_key, args)
}

pub(super) fn keyctl(_: &Target) -> Finding {
    const GET_KEYRING_ID: i64 = 0;
    const SESSION_KEYRING: i64 = -3;
    refused("keyctl", libc::SYS_keyctl, vec![Arg::N(GET_KEYRING_ID), Arg::N(SESSION_KEYRING), Arg::N(1)])
}

/// Refused, and not by a kill: libraries try it at their start.
pub(super) fn io_uring(_: &Target) -> Finding {
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
pub(super) fn kexec(_: &Target) -> Finding {
    refused("kexec_load", libc::SYS_kexec_load, vec![Arg::N(0), Arg::N(0), Arg::N(0), Arg::N(0)])
}

/// An empty module: with the right to load one it is the format that is wrong.
pub(super) fn load_module(_: &Target) -> Finding {
    let args = vec![Arg::R(b""), Arg::N(0), Arg::S(c"")];
    reached("init_module", libc::SYS_init_module, args, &[libc::ENOEXEC])
}

/// Ctrl-Alt-Del off: a command of reboot(2) that does no harm where it succeeds.
pub(super) fn reboot(_: &Target) -> Finding {
    let (magic, magic2) = (0xfee1_dead_u32 as i32, 672_274_793);
    refused("reboot", libc::SYS_reboot, vec![Arg::N(magic.into()), Arg::N(magic2), Arg::N(0), Arg::N(0)])
}

pub(super) fn personality(_: &Target) -> Finding {
    const READ_IMPLIES_EXEC: i64 = 0x040_0000;
    const ADDR_COMPAT_LAYOUT: i64 = 0x020_0000;
    Finding::all([
        refused("READ_IMPLIES_EXEC", libc::SYS_personality, vec![Arg::N(READ_IMPLIES_EXEC)]),
        refused("ADDR_COMPAT_LAYOUT", libc::SYS_personality, vec![Arg::N(ADDR_COMPAT_LAYOUT)]),
    ])
}

/// Reads the (empty) table.
pub(super) fn modify_ldt(_: &Target) -> Finding {
    let Some(number) = arch::MODIFY_LDT else {
        return Finding::not_applicable("this processor has no segments");
    };
    let mut table = [0u8; 16];
    refused("modify_ldt", number, vec![Arg::N(0), Arg::W(&mut table), Arg::N(16)])
}

/// The VM's exit port, and every port.
pub(super) fn io_ports(_: &Target) -> Finding {
    let Some([ioperm, iopl]) = arch::PORT_CALLS else {
        return Finding::not_applicable("this processor has no ports");
    };
    Finding::all([
        refused("ioperm", ioperm, vec![Arg::N(0xf4), Arg::N(1), Arg::N(1)]),
        refused("iopl", iopl, vec![Arg::N(3)]),
    ])
}

pub(super) fn map_page_zero(_: &Target) -> Finding {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let args = vec![Arg::N(0), Arg::N(4096), Arg::N(1), Arg::N(flags.into()), Arg::N(-1), Arg::N(0)];
    refused("mmap 0", libc::SYS_mmap, args)
}

/// KSM shares equal pages with other programs, and the time that a write takes reveals whether a page is shared (kernel
/// documentation, admin-guide/mm/ksm).
pub(super) fn merge_pages(_: &Target) -> Finding {
    let Some(memory) = sys::map_anonymous(1 << 16, libc::MAP_PRIVATE) else {
        return Finding::blocked("no memory");
    };
    let mergeable = Arg::N(libc::MADV_MERGEABLE.into());
    refused("MADV_MERGEABLE", libc::SYS_madvise, vec![Arg::W(memory), Arg::N(1 << 16), mergeable])
}

pub(super) fn fanotify(_: &Target) -> Finding {
    refused("fanotify_init", libc::SYS_fanotify_init, vec![Arg::N(0), Arg::N(0)])
}

/// Calls that would end, stop or multiply the caller, and those after which the filter ends the run; with
/// [`arch::ENDING_CALLS`].
const LEFT_OUT: [i64; 22] = [
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
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
];

/// Every number with random arguments, each in a child that an alarm ends. A probe that still runs afterwards shows that
/// init was not harmed. There is no control: without a sandbox the calls would harm the machine.
pub(super) fn random_calls(_: &Target) -> Finding {
    // A fixed sequence (a linear congruential generator, Knuth's numbers), so that a finding can be repeated.
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 16) as i64
    };
    // A tenth of a second for each: ITIMER_REAL's interval and first time, in seconds and microseconds.
    let patience = [0i64, 0, 0, 100_000].map(i64::to_ne_bytes).concat();
    let mut made = 0;
    for number in (0..470).filter(|number| !LEFT_OUT.contains(number) && !arch::ENDING_CALLS.contains(number))
    {
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
