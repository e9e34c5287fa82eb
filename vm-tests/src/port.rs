//! The guest's ports: the serial one for results, and one byte to an I/O port, which is how the agent ends its VM.
//! (Cloud kernels have no /dev/port.)
// Unsafe: `out` is an instruction that no safe interface offers.
#![allow(unsafe_code)]

use std::arch::asm;
use std::fs::{File, OpenOptions};
use std::io;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The port for results. Raw: no newline translation and no echo, so that frames arrive byte for byte.
pub fn results() -> io::Result<File> {
    let port = OpenOptions::new().read(true).write(true).open("/dev/ttyS1")?;
    let mut settings = tcgetattr(&port)?;
    settings.make_raw();
    tcsetattr(&port, OptionalActions::Now, &settings)?;
    Ok(port)
}

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
