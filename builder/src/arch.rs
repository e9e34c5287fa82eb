//! Everything in the builder that depends on the machine: names, flags and directories of each architecture.

use std::path::Path;

use crate::elf::{Abi, Class};

/// What the loaders of one architecture are called and where they look.
#[derive(Debug, PartialEq, Eq)]
pub struct Arch {
    /// For messages: `x86-64`.
    pub name: &'static str,
    /// Class and machine of its files.
    pub abi: Abi,
    /// `flags` of its libraries in ld.so.cache (glibc, sysdeps/*/dl-cache.h).
    pub cache_flags: u32,
    /// The interpreter of its glibc programs.
    pub glibc_loader: &'static str,
    /// musl's name for it: `/lib/ld-musl-NAME.so.1`, `/etc/ld-musl-NAME.path`.
    pub musl_name: &'static str,
    /// `$LIB` where the loader itself does not tell.
    pub lib: &'static str,
    /// The system directories where the loader itself does not tell.
    pub system_dirs: &'static [&'static str],
    /// What else its kernel runs, libraries aside.
    pub also_runs: &'static [Abi],
}

const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

const I386: Abi = Abi { class: Class::Elf32, machine: EM_386 };

/// The architectures that we know the loaders of.
pub const ARCHITECTURES: &[Arch] = &[
    Arch {
        name: "x86-64",
        abi: Abi { class: Class::Elf64, machine: EM_X86_64 },
        cache_flags: 0x0303,
        glibc_loader: "/lib64/ld-linux-x86-64.so.2",
        musl_name: "x86_64",
        lib: "lib64",
        system_dirs: &["/lib64/", "/usr/lib64/"],
        also_runs: &[I386],
    },
    Arch {
        name: "i386",
        abi: I386,
        cache_flags: 0x0003,
        glibc_loader: "/lib/ld-linux.so.2",
        musl_name: "i386",
        lib: "lib",
        system_dirs: &["/lib/", "/usr/lib/"],
        also_runs: &[],
    },
    Arch {
        name: "x32",
        abi: Abi { class: Class::Elf32, machine: EM_X86_64 },
        cache_flags: 0x0803,
        glibc_loader: "/libx32/ld-linux-x32.so.2",
        musl_name: "x32",
        lib: "libx32",
        system_dirs: &["/libx32/", "/usr/libx32/"],
        also_runs: &[],
    },
    Arch {
        name: "aarch64",
        abi: Abi { class: Class::Elf64, machine: EM_AARCH64 },
        cache_flags: 0x0a03,
        glibc_loader: "/lib/ld-linux-aarch64.so.1",
        musl_name: "aarch64",
        lib: "lib64",
        system_dirs: &["/lib64/", "/usr/lib64/"],
        also_runs: &[],
    },
];

impl Arch {
    /// The architecture of a file.
    pub fn of(abi: Abi) -> Option<&'static Arch> {
        ARCHITECTURES.iter().find(|arch| arch.abi == abi)
    }

    /// Where musl's loader for it stands.
    pub fn musl_loader(&self) -> String {
        format!("/lib/ld-musl-{}.so.1", self.musl_name)
    }
}

/// A name for a file's class and machine, also where we do not know its loaders.
pub fn describe(abi: Abi) -> String {
    match Arch::of(abi) {
        Some(arch) => arch.name.to_owned(),
        None => format!("machine {} ({} bit)", abi.machine, if abi.class == Class::Elf64 { 64 } else { 32 }),
    }
}

/// Whether an interpreter's name is that of a musl loader.
pub fn is_musl_loader(interpreter: &Path) -> bool {
    interpreter.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"ld-musl-"))
}

/// How capable a CPU is, as glibc's `glibc-hwcaps` directories and its older hardware directories tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cpu {
    /// The x86-64 psABI level.
    pub level: Level,
    /// `$PLATFORM`, from AT_PLATFORM or what glibc puts in its place.
    pub platform: &'static str,
    /// glibc ≤ 2.36: the `avx512_1` hardware directory is searched.
    pub avx512_1: bool,
}

/// x86-64 psABI micro-architecture levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Any 64-bit x86: the portable one.
    #[default]
    Baseline,
    /// Nehalem and later.
    V2,
    /// Haswell and later.
    V3,
    /// Skylake-X and later.
    V4,
}

impl Level {
    /// All levels, the least capable first.
    pub const ALL: [Level; 4] = [Level::Baseline, Level::V2, Level::V3, Level::V4];

    /// The psABI's name.
    pub fn word(self) -> &'static str {
        match self {
            Level::Baseline => "x86-64",
            Level::V2 => "x86-64-v2",
            Level::V3 => "x86-64-v3",
            Level::V4 => "x86-64-v4",
        }
    }

    /// The names of the `glibc-hwcaps` directories that a CPU of this level may use, best first.
    pub fn directories(self) -> &'static [&'static str] {
        const ALL: &[&str] = &["x86-64-v4", "x86-64-v3", "x86-64-v2"];
        match self {
            Level::V4 => ALL,
            Level::V3 => &ALL[1..],
            Level::V2 => &ALL[2..],
            Level::Baseline => &[],
        }
    }
}

impl Cpu {
    /// Any CPU of the architecture.
    pub const BASELINE: Cpu = Cpu { level: Level::Baseline, platform: "x86_64", avx512_1: false };

    /// The CPU that this program runs on, judged as glibc does (sysdeps/x86/cpu-features.c, dl-hwcap.h).
    #[cfg(target_arch = "x86_64")]
    pub fn host() -> Cpu {
        use std::arch::is_x86_feature_detected as has;
        let v2 = has!("cmpxchg16b") && has!("popcnt") && has!("sse4.2") && has!("ssse3");
        let v3 = v2
            && has!("avx2")
            && has!("bmi1")
            && has!("bmi2")
            && has!("f16c")
            && has!("fma")
            && has!("lzcnt")
            && has!("movbe");
        let v4 = v3
            && has!("avx512f")
            && has!("avx512bw")
            && has!("avx512cd")
            && has!("avx512dq")
            && has!("avx512vl");
        let level = match (v2, v3, v4) {
            (_, _, true) => Level::V4,
            (_, true, _) => Level::V3,
            (true, ..) => Level::V2,
            _ => Level::Baseline,
        };
        let intel = has_intel_vendor();
        let platform = if intel && v3 { "haswell" } else { "x86_64" };
        Cpu { level, platform, avx512_1: intel && v4 }
    }

    /// The CPU that this program runs on; only x86-64 is told apart.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn host() -> Cpu {
        Cpu::BASELINE
    }
}

/// glibc sets `haswell` and `avx512_1` for Intel's CPUs only.
#[cfg(target_arch = "x86_64")]
fn has_intel_vendor() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}

/// A successful open(2), openat(2) or openat2(2), as a tracer sees it when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCall {
    /// Where the path's text stands in the thread's memory.
    pub path: u64,
    /// The directory that a relative path starts from; negative for the working directory.
    pub directory: i32,
    /// The descriptor that was returned.
    pub fd: u32,
}

/// A call that looked for a path and did not find it, as a tracer sees it when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedCall {
    /// Where the path's text stands in the thread's memory.
    pub path: u64,
    /// The directory that a relative path starts from; negative for the working directory.
    pub directory: i32,
}

/// The path that a thread that is stopped at a system call's end asked for in vain (ENOENT). 64-bit programs only.
#[cfg(target_arch = "x86_64")]
pub fn missed_call(registers: &nix::libc::user_regs_struct) -> Option<MissedCall> {
    /// open, stat, lstat, access, execve, readlink: the path comes first.
    const BY_PATH: [u64; 6] = [2, 4, 6, 21, 59, 89];
    /// openat, newfstatat, readlinkat, faccessat, execveat, statx, openat2, faccessat2: behind a directory.
    const BY_DIRECTORY: [u64; 8] = [257, 262, 267, 269, 322, 332, 437, 439];
    const NOT_FOUND: i64 = -2;
    if registers.rax.cast_signed() != NOT_FOUND {
        return None;
    }
    let call = registers.orig_rax;
    if BY_PATH.contains(&call) {
        Some(MissedCall { path: registers.rdi, directory: -1 })
    } else if BY_DIRECTORY.contains(&call) {
        Some(MissedCall { path: registers.rsi, directory: registers.rdi as u32 as i32 })
    } else {
        None
    }
}

/// What a thread that is stopped at a system call has opened. At a call's entry the result register holds -ENOSYS,
/// so a result that is a descriptor says that the call has returned.
#[cfg(target_arch = "x86_64")]
pub fn open_call(registers: &nix::libc::user_regs_struct) -> Option<OpenCall> {
    /// The code segment of 32-bit programs.
    const USER32: u64 = 0x23;
    const WORKING_DIRECTORY: i32 = -1;
    let fd = u32::try_from(registers.rax).ok().filter(|&fd| fd <= i32::MAX as u32)?;
    let descriptor = |register: u64| register as u32 as i32;
    let (path, directory) = match (registers.cs == USER32, registers.orig_rax) {
        (false, 2) => (registers.rdi, WORKING_DIRECTORY),
        (false, 257 | 437) => (registers.rsi, descriptor(registers.rdi)),
        (true, 5) => (registers.rbx, WORKING_DIRECTORY),
        (true, 295 | 437) => (registers.rcx, descriptor(registers.rbx)),
        _ => return None,
    };
    Some(OpenCall { path, directory, fd })
}
