//! One byte to one I/O port: how the agent ends its VM. (Cloud kernels have no /dev/port.)
// Unsafe: `out` is an instruction that no safe interface offers.
#![allow(unsafe_code)]

use std::arch::asm;
use std::io;

/// Writes `byte` to `port`, after asking the kernel for the right to it; needs CAP_SYS_RAWIO.
pub fn write(port: u16, byte: u8) -> io::Result<()> {
    // SAFETY: ioperm(2) takes three numbers and touches no memory of ours.
    if unsafe { libc::ioperm(port.into(), 1, 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: ioperm has just granted this port, so the instruction does not fault; it reads no memory. What the
    // device does is the caller's choice: only a VM's exit port is ever passed.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags)) };
    Ok(())
}
