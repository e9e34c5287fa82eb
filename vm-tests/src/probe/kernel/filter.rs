//! Ways around the seccomp filter: other entries, other numbers, bits that the kernel drops, a second filter.

use super::refused;
use crate::arch;
use crate::probe::sys::{self, Arg};
use crate::probe::{Finding, Target, trial};

/// Numbers of a second ABI in the same table.
pub(super) fn x32_numbers(_: &Target) -> Finding {
    let Some(bit) = arch::SECOND_ABI else {
        return Finding::not_applicable("this processor has no second ABI in the same table");
    };
    Finding::all([
        refused("x32 getpid", bit + libc::SYS_getpid, vec![]),
        refused("x32 unshare", bit + libc::SYS_unshare, vec![Arg::N(libc::CLONE_NEWUSER.into())]),
    ])
}

/// getpid by the 32-bit entry.
pub(super) fn i386_entry(_: &Target) -> Finding {
    const GETPID: u16 = 20;
    trial("32-bit getpid", || match arch::call_by_32_bits(GETPID) {
        negative @ ..0 => Err(sys::Errno(-(negative as i32))),
        _ => Ok(()),
    })
}

/// Flags that the kernel cuts to 32 bits, with rubbish in the upper half.
pub(super) fn upper_half(_: &Target) -> Finding {
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
pub(super) fn type_into_terminal(_: &Target) -> Finding {
    const RUBBISH: i64 = 0x1_0000_0000;
    let requests = [libc::TIOCSTI as i64, libc::TIOCSTI as i64 | RUBBISH, libc::TIOCLINUX as i64];
    let tries = (0..3).flat_map(|descriptor| requests.map(|request| (descriptor, request)));
    Finding::all(tries.map(|(descriptor, request)| {
        refused("ioctl", libc::SYS_ioctl, vec![Arg::N(descriptor), Arg::N(request), Arg::R(b"x")])
    }))
}

/// A second filter that allows everything must not allow what the first refused.
pub(super) fn looser_filter(_: &Target) -> Finding {
    trial("unshare after a filter that allows all", || {
        sys::allow_everything()?;
        sys::call(libc::SYS_unshare, &mut [Arg::N(libc::CLONE_NEWUSER.into())]).map(drop)
    })
}

/// Numbers that no kernel of today knows: ENOSYS, so that programs fall back.
pub(super) fn unknown_numbers(_: &Target) -> Finding {
    Finding::all([600, 700, 1000, 0x3fff_ffff].map(|number| refused(&number.to_string(), number, vec![])))
}
