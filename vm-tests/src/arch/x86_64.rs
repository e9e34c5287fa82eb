//! x86-64, and QEMU's machine `pc`.

use std::arch::asm;
use std::io;

/// The guest's console.
pub(crate) const CONSOLE: &str = "/dev/ttyS0";

/// The guest's port for results: the second serial one.
pub(crate) const RESULTS: &str = "/dev/ttyS1";

/// The port of isa-debug-exit: a byte written there ends the VM.
pub(crate) const EXIT_PORT: u16 = 0xf4;

/// Ends the VM with this code, by QEMU's isa-debug-exit device: there is nothing to return to after that. (Cloud kernels
/// have no /dev/port.) Needs CAP_SYS_RAWIO.
pub fn end_machine(code: u8) -> io::Result<()> {
    // SAFETY: ioperm(2) takes three numbers and touches none of our memory.
    if unsafe { libc::ioperm(EXIT_PORT.into(), 1, 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: ioperm has just granted this port, so the instruction does not fault; it reads no memory. The port is the
    // VM's exit port; on a machine without that device nothing listens there.
    unsafe {
        asm!("out dx, al", in("dx") EXIT_PORT, in("al") code, options(nomem, nostack, preserves_flags));
    }
    Err(io::Error::other("the VM goes on after its exit port was written"))
}

/// The counter that the clock is read from.
pub(crate) fn counter() -> u64 {
    // SAFETY: every x86-64 CPU has RDTSC (APM volume 3); a kernel that forbids it to programs (PR_SET_TSC) does so
    // by request of this process only, and nothing here makes one.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Reads address 0.
pub(crate) fn read_null() {
    // SAFETY: this faults, which is its purpose: the process dies of SIGSEGV here, before any value is used.
    unsafe { asm!("mov rax, qword ptr [0]", out("rax") _, options(nostack, readonly)) };
}

/// Divides by zero.
pub(crate) fn divide_by_zero() {
    // SAFETY: raises #DE, and the process dies of SIGFPE here.
    unsafe {
        asm!("xor ecx, ecx", "div ecx", out("ecx") _, inout("eax") 1 => _, inout("edx") 0 => _, options(nostack))
    };
}

/// Executes an undefined instruction.
pub(crate) fn undefined_instruction() {
    // SAFETY: raises #UD, and the process dies of SIGILL here.
    unsafe { asm!("ud2", options(nostack)) };
}

/// Returns from a signal that never came, with 8 KiB of zeros for a frame.
pub(crate) fn forged_signal_frame() {
    // SAFETY: rt_sigreturn(2) loads every register from the zeros: instruction and stack pointer are 0, and the process
    // dies of SIGSEGV here, before any of our code could run with them.
    unsafe {
        asm!("sub rsp, 8192", "mov rdi, rsp", "xor eax, eax", "mov ecx, 1024", "rep stosq", "mov eax, 15", "syscall",
            out("rdi") _, out("rcx") _, out("rax") _, out("r11") _)
    };
}

/// socketcall(2) in i386's table.
pub(crate) const SOCKET_BY_32_BITS: u16 = 102;

/// The 32-bit system call `number` by `int 0x80`, without arguments: its answer, or its error as a negative number.
pub(crate) fn call_by_32_bits(number: u16) -> i64 {
    let returned: i64;
    // SAFETY: the callers pass numbers of calls that take no pointer (getpid); r8 to r11 are clobbered by this entry
    // on some kernels and declared so.
    unsafe {
        asm!("int 0x80", inout("rax") u64::from(number) => returned,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, options(nostack));
    }
    returned
}

/// mknod(2).
pub(crate) const MKNOD: Option<i64> = Some(libc::SYS_mknod);
/// modify_ldt(2).
pub(crate) const MODIFY_LDT: Option<i64> = Some(libc::SYS_modify_ldt);
/// ioperm(2) and iopl(2).
pub(crate) const PORT_CALLS: Option<[i64; 2]> = Some([libc::SYS_ioperm, libc::SYS_iopl]);
/// What makes a number one of the second ABI in the same table: `__X32_SYSCALL_BIT`, asm/unistd.h.
pub(crate) const SECOND_ABI: Option<i64> = Some(0x4000_0000);

/// Calls of this processor alone that would stop or multiply the caller, or after which the filter ends the run.
pub(crate) const ENDING_CALLS: [i64; 6] = [
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_pause,
];
