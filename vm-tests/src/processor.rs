//! The processors that a guest can have: what its virtual machine is made of, and what is built and fetched for it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// In QEMU's machine `pc`.
    X86_64,
    /// In QEMU's machine `virt`; its 32-bit programs are ARM's.
    Aarch64,
}

impl Processor {
    /// The one that this program runs on.
    pub const HERE: Processor =
        if cfg!(target_arch = "aarch64") { Processor::Aarch64 } else { Processor::X86_64 };

    /// The one that a bundle is for, by its init. A bundle without one is met by an error of its own later.
    pub fn of_bundle(bundle: &Path) -> Processor {
        let mut head = [0; 20];
        let read = File::open(bundle.join("init")).and_then(|mut file| file.read_exact(&mut head));
        read.ok().and_then(|()| of_elf(&head)).unwrap_or(Processor::HERE)
    }

    /// QEMU, looked up on PATH.
    pub fn qemu(self) -> &'static str {
        match self {
            Processor::X86_64 => "qemu-system-x86_64",
            Processor::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// The machine, and its CPU under emulation. The strongest pointer authentication takes an emulated CPU several
    /// seconds of the boot.
    pub(crate) fn machine(self) -> (&'static str, &'static str) {
        match self {
            Processor::X86_64 => ("pc", "max"),
            Processor::Aarch64 => ("virt", "max,pauth-impdef=on"),
        }
    }

    /// The kernel's name for the first port.
    pub(crate) fn console(self) -> &'static str {
        match self {
            Processor::X86_64 => "ttyS0",
            Processor::Aarch64 => "ttyAMA0",
        }
    }

    /// QEMU's option for the port of results, whose other end is the character device `results`.
    pub(crate) fn results(self) -> [&'static str; 2] {
        match self {
            Processor::X86_64 => ["-serial", "chardev:results"],
            // `virt` has one port of its own. For this one both of Debian's kernels have the driver built in.
            Processor::Aarch64 => ["-device", "pci-serial,chardev=results"],
        }
    }

    /// QEMU's option for what ends the VM with a code. Without one the guest switches its machine off.
    pub(crate) fn exit_device(self) -> Option<&'static str> {
        match self {
            Processor::X86_64 => Some("isa-debug-exit,iobase=0xf4,iosize=1"),
            Processor::Aarch64 => None,
        }
    }

    /// QEMU's exit status after the guest ended its VM with `code` (hw/misc/debugexit.c).
    pub(crate) fn exit_status(self, code: u8) -> i32 {
        if self.exit_device().is_some() { (i32::from(code) << 1) | 1 } else { 0 }
    }

    /// Attacks and workloads that it has nothing for, by the ends of their names, and why. (The 32-bit programs of an x86-64
    /// kernel are i386's, those of an arm64 kernel ARM's: they are for both.)
    pub(crate) fn lacks(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Processor::X86_64 => &[],
            Processor::Aarch64 => &[
                ("/kernel/modify-ldt", "arm64 has no segments"),
                ("/kernel/io-ports", "arm64 has no ports"),
                ("/kernel/x32-numbers", "arm64 has no second ABI in the same table"),
                ("/x32-call", "arm64 has no second ABI in the same table"),
            ],
        }
    }

    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Processor::X86_64 => "amd64",
            Processor::Aarch64 => "arm64",
        }
    }

    /// The compiler's name for its programs with glibc, whose static build has everything that they use.
    pub fn triple(self) -> &'static str {
        match self {
            Processor::X86_64 => "x86_64-unknown-linux-gnu",
            Processor::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }
}

/// By `e_machine` of a 64-bit file (elf(5)).
fn of_elf(head: &[u8; 20]) -> Option<Processor> {
    match head {
        [0x7f, b'E', b'L', b'F', 2, .., 62, 0] => Some(Processor::X86_64),
        [0x7f, b'E', b'L', b'F', 2, .., 183, 0] => Some(Processor::Aarch64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_init_of_a_bundle_says_what_it_is_for() {
        let bundle = tempfile::tempdir().unwrap();
        assert_eq!(Processor::of_bundle(bundle.path()), Processor::HERE, "no init");
        for (machine, expected) in
            [(62, Processor::X86_64), (183, Processor::Aarch64), (243, Processor::HERE)]
        {
            let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
            head.extend([machine, 0]);
            std::fs::write(bundle.path().join("init"), head).unwrap();
            assert_eq!(Processor::of_bundle(bundle.path()), expected, "{machine}");
        }
    }
}
