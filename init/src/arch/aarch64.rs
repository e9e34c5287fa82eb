//! AArch64.

use core::arch::{asm, global_asm};

/// `AUDIT_ARCH_AARCH64`, linux/audit.h.
pub(crate) const AUDIT_ARCH: u32 = 0xc000_00b7;
/// The other table whose calls the kernel takes from programs: `AUDIT_ARCH_ARM`, and its name in the report.
pub(crate) const FOREIGN_ABI: (u32, &[u8]) = (0x4000_0028, b"arm");
/// There is no second ABI in the same table.
pub(crate) const SECOND_ABI_BIT: u32 = 0;

/// The flags of [`interrupt`](super::interrupt)'s `struct sigaction`: SA_RESTORER, and SA_SIGINFO, without which arm64
/// passes no `struct ucontext` (arch/arm64/kernel/signal.c).
pub(crate) const HANDLER_FLAGS: usize = 0x0400_0004;

/// Whether every kernel has PR_SET_TSC: since Linux 6.12. An older one lets every program read the counter.
pub(crate) const COUNTER_CAN_BE_FORBIDDEN: bool = false;

/// Numbers from `asm-generic/unistd.h`.
pub(crate) mod nr {
    pub(crate) const READ: usize = 63;
    pub(crate) const CLOSE: usize = 57;
    pub(crate) const RT_SIGACTION: usize = 134;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
    pub(crate) const IOCTL: usize = 29;
    pub(crate) const SETITIMER: usize = 103;
    pub(crate) const SOCKET: usize = 198;
    pub(crate) const SENDMSG: usize = 211;
    pub(crate) const RECVMSG: usize = 212;
    pub(crate) const SOCKETPAIR: usize = 199;
    pub(crate) const EXECVE: usize = 221;
    pub(crate) const FCNTL: usize = 25;
    pub(crate) const GETCWD: usize = 17;
    pub(crate) const GETRUSAGE: usize = 165;
    pub(crate) const RT_SIGTIMEDWAIT: usize = 137;
    pub(crate) const PERSONALITY: usize = 92;
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const SCHED_SETAFFINITY: usize = 122;
    pub(crate) const SCHED_GETAFFINITY: usize = 123;
    pub(crate) const SCHED_SETATTR: usize = 274;
    pub(crate) const CLOCK_GETTIME: usize = 113;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const IOPRIO_SET: usize = 30;
    pub(crate) const OPENAT: usize = 56;
    pub(crate) const UNSHARE: usize = 97;
    pub(crate) const SIGNALFD4: usize = 74;
    pub(crate) const EVENTFD2: usize = 19;
    pub(crate) const DUP3: usize = 24;
    pub(crate) const PIPE2: usize = 59;
    pub(crate) const SETNS: usize = 268;
    pub(crate) const GETCPU: usize = 168;
    pub(crate) const MEMFD_CREATE: usize = 279;
    pub(crate) const SECCOMP: usize = 277;
    pub(crate) const OPEN_TREE: usize = 428;
    pub(crate) const FSOPEN: usize = 430;
    pub(crate) const FSMOUNT: usize = 432;
    pub(crate) const CLONE3: usize = 435;
    pub(crate) const CLOSE_RANGE: usize = 436;
    pub(crate) const OPENAT2: usize = 437;
    pub(crate) const MOUNT_SETATTR: usize = 442;
}

/// A system call: its answer, or its error as a negative number.
///
/// # Safety
/// As the system call `number` demands of its arguments: every pointer among them is valid for what
/// the kernel reads or writes through it.
// Five arguments: none of our calls has six.
#[inline]
pub(crate) unsafe fn call(number: usize, a: [usize; 5]) -> isize {
    let result: isize;
    // SAFETY: the arm64 convention (syscall(2), "Architecture calling conventions"): number in x8, arguments in x0 to x4,
    // the result in x0; the kernel keeps all other registers. What it does to memory is the caller's promise.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a[0] as isize => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], options(nostack));
    }
    result
}

// The handler has the kernel's `struct ucontext` in x2: its `struct sigcontext` is at 176 (asm/ucontext.h: flags, link,
// stack, 128 bytes for the signal set, aligned to 16), and in that x0 at 8 and pc at 264 (asm/sigcontext.h).
global_asm!(
    "capsule_receive:", // x0: signal set, w1: listener, x2: struct seccomp_notif
    "mov w9, w1",
    "mov x10, x2",
    "mov x1, x0",
    "mov x2, xzr",
    "mov x0, 2",   // SIG_SETMASK
    "mov x3, 8",   // bytes of a signal set
    "mov x8, 135", // rt_sigprocmask
    "svc 0",
    "mov w0, w9",
    "mov w1, 0x2100", // SECCOMP_IOCTL_NOTIF_RECV
    "movk w1, 0xc050, lsl 16",
    "mov x2, x10",
    "mov x8, 29", // ioctl
    "svc 0",
    "capsule_received:",
    "ret",
    "capsule_interrupt:",
    "ldr x9, [x2, 440]",
    "adr x10, capsule_receive",
    "cmp x9, x10",
    "b.lo 2f",
    "adr x10, capsule_received",
    "cmp x9, x10",
    "b.hs 2f",
    "str x10, [x2, 440]",
    "mov x9, -11", // EAGAIN
    "str x9, [x2, 184]",
    "2:",
    "ret",
    "capsule_return:",
    "mov x8, 139", // rt_sigreturn
    "svc 0",
);

/// The entry point of the program: clears the frame pointer and the link register (the outermost frame has no caller), and
/// hands the initial stack pointer to `$enter`. The kernel has aligned it as a call expects (AAPCS64, section 6.4.5.1).
#[macro_export]
#[doc(hidden)]
macro_rules! entry {
    ($enter:path) => {
        core::arch::naked_asm!("mov x29, xzr", "mov x30, xzr", "mov x0, sp", "b {enter}", enter = sym $enter)
    };
}

/// Copies from the first byte up.
///
/// # Safety
/// Both areas are `len` bytes long, and `to` is not inside of the other one.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller guarantees both areas. 16 bytes are loaded before they are stored, so that an area which begins
    // up to 15 bytes before the other is right, too.
    unsafe {
        asm!("2:", "subs {len}, {len}, 16", "b.lo 3f",
            "ldp {a}, {b}, [{from}], 16", "stp {a}, {b}, [{to}], 16", "b 2b",
            "3:", "add {len}, {len}, 16",
            "4:", "cbz {len}, 5f", "ldrb {a:w}, [{from}], 1", "strb {a:w}, [{to}], 1",
            "sub {len}, {len}, 1", "b 4b",
            "5:",
            len = inout(reg) len => _, to = inout(reg) to => _, from = inout(reg) from => _,
            a = out(reg) _, b = out(reg) _, options(nostack));
    }
}

/// Copies from the last byte down.
///
/// # Safety
/// Both areas are `len` bytes long.
#[inline(always)]
pub unsafe fn copy_from_end(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller guarantees both areas.
    unsafe {
        asm!("2:", "cbz {len}, 3f", "sub {len}, {len}, 1",
            "ldrb {byte:w}, [{from}, {len}]", "strb {byte:w}, [{to}, {len}]", "b 2b",
            "3:",
            len = inout(reg) len => _, to = in(reg) to, from = in(reg) from, byte = out(reg) _,
            options(nostack, preserves_flags));
    }
}

/// Fills an area.
///
/// # Safety
/// It is `len` bytes long.
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller guarantees the area.
    unsafe {
        asm!("2:", "cbz {len}, 3f", "strb {byte:w}, [{to}], 1", "sub {len}, {len}, 1", "b 2b",
            "3:",
            len = inout(reg) len => _, to = inout(reg) to => _, byte = in(reg) u32::from(byte),
            options(nostack, preserves_flags));
    }
}
