//! x86-64.

use core::arch::{asm, global_asm};

/// `AUDIT_ARCH_X86_64`, linux/audit.h.
pub(crate) const AUDIT_ARCH: u32 = 0xc000_003e;
/// The other table whose calls the kernel takes from programs: `AUDIT_ARCH_I386`, and its name in the report.
pub(crate) const FOREIGN_ABI: (u32, &[u8]) = (0x4000_0003, b"i386");
/// Numbers with this bit are of a second ABI in the same table: `__X32_SYSCALL_BIT`, asm/unistd.h.
pub(crate) const SECOND_ABI_BIT: u32 = 0x4000_0000;

/// The flags of [`interrupt`](super::interrupt)'s `struct sigaction`: SA_RESTORER, which x86-64 demands
/// (arch/x86/kernel/signal.c).
pub(crate) const HANDLER_FLAGS: usize = 0x0400_0000;

/// Whether every kernel has PR_SET_TSC.
pub(crate) const COUNTER_CAN_BE_FORBIDDEN: bool = true;

/// Numbers from `asm/unistd_64.h`.
pub(crate) mod nr {
    pub(crate) const READ: usize = 0;
    pub(crate) const CLOSE: usize = 3;
    pub(crate) const RT_SIGACTION: usize = 13;
    pub(crate) const RT_SIGPROCMASK: usize = 14;
    pub(crate) const IOCTL: usize = 16;
    pub(crate) const SETITIMER: usize = 38;
    pub(crate) const SOCKET: usize = 41;
    pub(crate) const SENDMSG: usize = 46;
    pub(crate) const RECVMSG: usize = 47;
    pub(crate) const SOCKETPAIR: usize = 53;
    pub(crate) const EXECVE: usize = 59;
    pub(crate) const FCNTL: usize = 72;
    pub(crate) const GETCWD: usize = 79;
    pub(crate) const GETRUSAGE: usize = 98;
    pub(crate) const RT_SIGTIMEDWAIT: usize = 128;
    pub(crate) const PERSONALITY: usize = 135;
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const SCHED_SETAFFINITY: usize = 203;
    pub(crate) const SCHED_GETAFFINITY: usize = 204;
    pub(crate) const SCHED_SETATTR: usize = 314;
    pub(crate) const CLOCK_GETTIME: usize = 228;
    pub(crate) const EXIT_GROUP: usize = 231;
    pub(crate) const IOPRIO_SET: usize = 251;
    pub(crate) const OPENAT: usize = 257;
    pub(crate) const UNSHARE: usize = 272;
    pub(crate) const SIGNALFD4: usize = 289;
    pub(crate) const EVENTFD2: usize = 290;
    pub(crate) const DUP3: usize = 292;
    pub(crate) const PIPE2: usize = 293;
    pub(crate) const SETNS: usize = 308;
    pub(crate) const GETCPU: usize = 309;
    pub(crate) const MEMFD_CREATE: usize = 319;
    pub(crate) const SECCOMP: usize = 317;
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
    // SAFETY: the x86-64 syscall convention (syscall(2), "Architecture calling conventions"): number and result
    // in rax, arguments in rdi rsi rdx r10 r8; the kernel clobbers rcx and r11. What it does to memory is the
    // caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

// The handler has the kernel's `struct ucontext` in rdx: rax is at 144, rip at 168 (asm/sigcontext.h after 40 bytes of
// flags, link and stack).
global_asm!(
    "capsule_receive:", // rdi: signal set, esi: listener, rdx: struct seccomp_notif
    "mov r8d, esi",
    "mov r9, rdx",
    "mov rsi, rdi",
    "xor edx, edx",
    "mov edi, 2",  // SIG_SETMASK
    "mov r10d, 8", // bytes of a signal set
    "mov eax, 14", // rt_sigprocmask
    "syscall",
    "mov edi, r8d",
    "mov esi, 0xc0502100", // SECCOMP_IOCTL_NOTIF_RECV
    "mov rdx, r9",
    "mov eax, 16", // ioctl
    "syscall",
    "capsule_received:",
    "ret",
    "capsule_interrupt:",
    "mov rcx, [rdx + 168]",
    "lea rax, [rip + capsule_receive]",
    "cmp rcx, rax",
    "jb 2f",
    "lea rax, [rip + capsule_received]",
    "cmp rcx, rax",
    "jae 2f",
    "mov [rdx + 168], rax",
    "mov qword ptr [rdx + 144], -11", // EAGAIN
    "2:",
    "ret",
    "capsule_return:",
    "mov eax, 15", // rt_sigreturn
    "syscall",
);

/// The entry point of the program: clears the frame pointer (the outermost frame has no caller), hands the initial stack
/// pointer to `$enter`, and aligns the stack as a call expects (System V ABI for x86-64, section 3.4.1).
#[macro_export]
#[doc(hidden)]
macro_rules! entry {
    ($enter:path) => {
        core::arch::naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {enter}", enter = sym $enter)
    };
}

// `rep movsb`/`rep stosb` are a few bytes long and fast enough on every CPU since 2012 (ERMS).

/// Copies from the first byte up.
///
/// # Safety
/// Both areas are `len` bytes long, and `to` is not inside of the other one.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller guarantees both areas; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

/// Copies from the last byte down.
///
/// # Safety
/// Both areas are `len` bytes long.
#[inline(always)]
pub unsafe fn copy_from_end(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller guarantees both areas. The direction flag is as the ABI wants it afterwards.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") len => _,
            inout("rdi") to.add(len).wrapping_sub(1) => _, inout("rsi") from.add(len).wrapping_sub(1) => _,
            options(nostack));
    }
}

/// Fills an area.
///
/// # Safety
/// It is `len` bytes long.
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: the caller guarantees the area; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte,
            options(nostack, preserves_flags));
    }
}
