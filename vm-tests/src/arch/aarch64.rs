//! AArch64, and QEMU's machine `virt`.

use std::arch::asm;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::system::{RebootCommand, reboot};

/// The guest's console: `virt` has one port, of a kind of its own.
pub(crate) const CONSOLE: &str = "/dev/ttyAMA0";

/// The guest's port for results: the only one of its kind, a PCI card.
pub(crate) const RESULTS: &str = "/dev/ttyS0";

/// Ends the VM, by a call of its firmware (PSCI), which has no code: what the agent has reported decides. Needs
/// CAP_SYS_BOOT.
pub fn end_machine(_: u8) -> io::Result<()> {
    reboot(RebootCommand::PowerOff)?;
    Err(io::Error::other("the VM goes on after it was switched off"))
}

/// The counter that the clock is read from.
pub(crate) fn counter() -> u64 {
    let count: u64;
    // SAFETY: reads a register that Linux lets every program read (CNTKCTL_EL1.EL0VCTEN), and nothing else.
    unsafe { asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack)) };
    count
}

/// Reads address 0.
pub(crate) fn read_null() {
    // SAFETY: this faults, which is its purpose: the process dies of SIGSEGV here, before any value is used.
    unsafe { asm!("ldr {0}, [{0}]", inout(reg) 0_u64 => _, options(nostack, readonly)) };
}

/// Divides by zero. That does not trap on this processor; what a compiler checks and raises does the same.
pub(crate) fn divide_by_zero() {
    // SAFETY: SIG_DFL is not a function; the process dies of the signal.
    unsafe {
        libc::signal(libc::SIGFPE, libc::SIG_DFL);
        libc::raise(libc::SIGFPE);
    }
}

/// Executes an undefined instruction.
pub(crate) fn undefined_instruction() {
    // SAFETY: the process dies of SIGILL here.
    unsafe { asm!("udf 0", options(nostack)) };
}

/// Returns from a signal that never came, with 8 KiB of zeros for a frame.
pub(crate) fn forged_signal_frame() {
    // SAFETY: rt_sigreturn(2) finds no floating-point record in the zeros, and the process dies of SIGSEGV here
    // (arch/arm64/kernel/signal.c, `restore_sigframe`), before any of our code could run with registers from them.
    unsafe {
        asm!("sub sp, sp, 8192", "mov x9, sp", "mov x10, 1024",
            "2:", "str xzr, [x9], 8", "subs x10, x10, 1", "b.ne 2b",
            "mov x8, 139", "svc 0", out("x0") _, out("x8") _, out("x9") _, out("x10") _)
    };
}

/// socket(2) in ARM's table, which has no socketcall(2).
pub(crate) const SOCKET_BY_32_BITS: u16 = 281;

/// The 32-bit system call `number`, without arguments: 0, or its error as a negative number. There is no entry for it in a
/// 64-bit program: a 32-bit one makes it. After a success it dies of SIGILL, else its exit code is the error. A filter that
/// takes ARM's numbers for arm64's lets no ARM program exit: 1 is io_destroy(2) there.
pub(crate) fn call_by_32_bits(number: u16) -> i64 {
    let ended = program(number)
        .and_then(|program| Command::new(format!("/proc/self/fd/{}", program.as_raw_fd())).status());
    match ended {
        Ok(status) if status.signal() == Some(libc::SIGILL) => 0,
        Ok(status) => -i64::from(status.code().unwrap_or(libc::ENOEXEC)),
        Err(cause) => -i64::from(cause.raw_os_error().unwrap_or(libc::ENOEXEC)),
    }
}

/// A program for 32-bit ARM.
fn program(number: u16) -> io::Result<File> {
    const PLACE: u32 = 0x1_0000;
    let code = [
        0xe300_7000 | u32::from(number), // movw r7, NUMBER, which has less than 12 bits
        0xe3a0_0000,                     // mov r0, 0
        0xef00_0000,                     // svc 0
        0xe350_0000,                     // cmp r0, 0
        0xba00_0000,                     // blt over the next
        0xe7f0_00f0,                     // udf 0
        0xe260_0000,                     // rsb r0, r0, 0
        0xe3a0_7001,                     // mov r7, 1: exit
        0xef00_0000,                     // svc 0
    ];
    // An ELF file of class 32 for EM_ARM with the EABI's fifth version, and one segment that is all of it (elf(5)).
    let size = 84 + 4 * code.len() as u32;
    let words =
        [0x464c_457f, 0x0001_0101, 0, 0, 2 | 40 << 16, 1, PLACE + 84, 52, 0, 0x0500_0000, 52 | 32 << 16]
            .into_iter()
            .chain([1 | 40 << 16, 0, 1, 0, PLACE, PLACE, size, size, 5, 0x1000])
            .chain(code);
    let mut file = File::from(memfd_create("arm", MemfdFlags::CLOEXEC)?);
    file.write_all(&words.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
    Ok(file)
}

/// Only mknodat(2) is there.
pub(crate) const MKNOD: Option<i64> = None;
/// There are no segments.
pub(crate) const MODIFY_LDT: Option<i64> = None;
/// There are no ports.
pub(crate) const PORT_CALLS: Option<[i64; 2]> = None;
/// There is no second ABI in the same table.
pub(crate) const SECOND_ABI: Option<i64> = None;

/// Calls of this processor alone that would stop or multiply the caller, or after which the filter ends the run.
pub(crate) const ENDING_CALLS: [i64; 0] = [];
