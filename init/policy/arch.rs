//! What depends on the processor: the table of system calls, and by which number the kernel names it.

use std::fmt;

/// One processor's system calls.
#[derive(PartialEq, Eq)]
pub struct Arch {
    /// Its name, as of the bundles for it.
    pub name: &'static str,
    /// `AUDIT_ARCH_*` of `linux/audit.h`: what `seccomp_data.arch` holds for a native call.
    pub audit: u32,
    /// Whether the numbers from [`X32_BIT`] on are a second ABI's.
    pub has_x32: bool,
    /// One system call a line, `number name`, as the kernel's table has them up to 6.17.
    calls: &'static str,
}

/// `__X32_SYSCALL_BIT` of `asm/unistd.h`: every number from here up belongs to the x32 ABI.
pub const X32_BIT: u32 = 0x4000_0000;

/// x86-64.
pub static X86_64: Arch =
    Arch { name: "x86-64", audit: 0xc000_003e, has_x32: true, calls: include_str!("x86_64.calls") };

/// AArch64. It has no call that x86-64 has not, and none of the old ones that newer ones replace (open, fork, poll).
pub static AARCH64: Arch =
    Arch { name: "aarch64", audit: 0xc000_00b7, has_x32: false, calls: include_str!("aarch64.calls") };

/// All of them.
pub static ALL: [&Arch; 2] = [&X86_64, &AARCH64];

impl fmt::Debug for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Arch {
    /// The processor with this name.
    pub fn named(name: &str) -> Option<&'static Arch> {
        ALL.into_iter().find(|arch| arch.name == name)
    }

    /// The number of a system call.
    pub fn call(&self, name: &str) -> Option<u32> {
        self.calls.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ')?.parse().ok())
    }

    /// Every system call the table knows, by rising number.
    pub fn calls(&self) -> impl Iterator<Item = (u32, &'static str)> {
        self.calls.lines().filter_map(|line| {
            let (number, name) = line.split_once(' ')?;
            Some((number.parse().ok()?, name))
        })
    }

    /// Whether a call of this name exists, on whatever processor: a policy is for all of them.
    pub fn is_known(name: &str) -> bool {
        ALL.iter().any(|arch| arch.call(name).is_some())
    }
}
