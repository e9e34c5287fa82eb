//! What depends on the machine: names, flags and directories of each architecture, its CPUs and its system calls.

pub(crate) mod cpu;
mod syscall;

use std::path::Path;

pub use cpu::{Cpu, Level};
pub use syscall::{LookupCall, OpenCall, lookup_call, open_call};

use crate::elf::{Abi, Class};

/// The names of the loaders of one architecture, and where they look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arch {
    /// For messages: `x86-64`.
    pub(crate) name: &'static str,
    /// The name in an OCI image, which is Go's, and its variant (OCI image-spec, "Image Index", `platform`).
    oci: (&'static str, Option<&'static str>),
    /// Class and machine of its files.
    pub(crate) abi: Abi,
    /// `flags` of its libraries in ld.so.cache (glibc, sysdeps/*/dl-cache.h).
    pub(crate) cache_flags: u32,
    /// The interpreter of its glibc programs (the psABI; glibc, sysdeps/*/shlib-versions).
    pub(crate) glibc_loader: &'static str,
    /// musl's name for it: `/lib/ld-musl-NAME.so.1`, `/etc/ld-musl-NAME.path` (arch/*/reloc.h, `LDSO_ARCH`).
    musl_name: &'static str,
    /// `$LIB` of a loader whose own value cannot be read.
    pub(crate) lib: &'static str,
    /// The system directories of a loader whose own list cannot be read.
    pub(crate) system_dirs: &'static [&'static str],
    /// Programs of other architectures that its kernel runs too, if their libraries are there.
    pub(crate) also_runs: &'static [Abi],
}

/// `e_machine` (elf(5)).
const EM_386: u16 = 3;
const EM_ARM: u16 = 40;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const EM_RISCV: u16 = 243;

const I386: Abi = Abi { class: Class::Elf32, machine: EM_386 };

/// The architectures whose loaders are known, the preferred one first.
pub(crate) const ARCHITECTURES: &[Arch] = &[
    Arch {
        name: "x86-64",
        oci: ("amd64", None),
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
        oci: ("386", None),
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
        oci: ("amd64", None),
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
        oci: ("arm64", Some("v8")),
        abi: Abi { class: Class::Elf64, machine: EM_AARCH64 },
        cache_flags: 0x0a03,
        glibc_loader: "/lib/ld-linux-aarch64.so.1",
        musl_name: "aarch64",
        lib: "lib64",
        system_dirs: &["/lib64/", "/usr/lib64/"],
        also_runs: &[],
    },
    Arch {
        name: "armhf",
        oci: ("arm", Some("v7")),
        abi: Abi { class: Class::Elf32, machine: EM_ARM },
        cache_flags: 0x0903,
        glibc_loader: "/lib/ld-linux-armhf.so.3",
        musl_name: "armhf",
        lib: "lib",
        system_dirs: &["/lib/", "/usr/lib/"],
        also_runs: &[],
    },
    Arch {
        name: "riscv64",
        oci: ("riscv64", None),
        abi: Abi { class: Class::Elf64, machine: EM_RISCV },
        cache_flags: 0x1003,
        glibc_loader: "/lib/ld-linux-riscv64-lp64d.so.1",
        musl_name: "riscv64",
        lib: "lib64/lp64d",
        system_dirs: &["/lib64/lp64d/", "/usr/lib64/lp64d/"],
        also_runs: &[],
    },
];

impl Arch {
    /// The architecture of a file.
    pub(crate) fn of(abi: Abi) -> Option<&'static Arch> {
        ARCHITECTURES.iter().find(|arch| arch.abi == abi)
    }

    /// The path of musl's loader for it.
    pub(crate) fn musl_loader(&self) -> String {
        format!("/lib/ld-musl-{}.so.1", self.musl_name)
    }
}

/// The machine that an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(Abi);

impl Machine {
    pub(crate) fn new(abi: Abi) -> Machine {
        Machine(abi)
    }

    /// The machine of an ELF file that starts with `head`, at least 20 bytes; `None` for anything else (elf(5)).
    pub fn of_elf(head: &[u8]) -> Option<Machine> {
        let class = match head.strip_prefix(b"\x7fELF")?.first()? {
            1 => Class::Elf32,
            2 => Class::Elf64,
            _ => return None,
        };
        let bytes = [*head.get(18)?, *head.get(19)?];
        let is_little = head[5] == 1;
        let machine = if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        Some(Machine(Abi { class, machine }))
    }

    /// Its name for messages and the manifest: `x86-64`.
    pub fn name(self) -> String {
        describe(self.0)
    }

    /// Architecture and variant of an OCI image; the architecture is empty for a machine that is not known.
    pub fn oci(self) -> (&'static str, Option<&'static str>) {
        Arch::of(self.0).map_or(("", None), |arch| arch.oci)
    }
}

/// Names of machines whose loaders are not known (elf.h; Debian's names of the architectures).
const OTHER_MACHINES: [(u16, Class, &str); 7] = [
    (8, Class::Elf32, "mips"),
    (8, Class::Elf64, "mips64"),
    (20, Class::Elf32, "powerpc"),
    (21, Class::Elf64, "ppc64"),
    (22, Class::Elf64, "s390x"),
    (43, Class::Elf64, "sparc64"),
    (258, Class::Elf64, "loong64"),
];

/// A name for a file's class and machine, with or without known loaders.
pub(crate) fn describe(abi: Abi) -> String {
    let is_this = |other: &&(u16, Class, &str)| other.0 == abi.machine && other.1 == abi.class;
    let other = || OTHER_MACHINES.iter().find(is_this).map(|(_, _, name)| *name);
    match Arch::of(abi).map(|arch| arch.name).or_else(other) {
        Some(name) => name.to_owned(),
        None => format!("machine {} ({} bit)", abi.machine, if abi.class == Class::Elf64 { 64 } else { 32 }),
    }
}

/// Whether an interpreter's name is the one of a musl loader.
pub(crate) fn is_musl_loader(interpreter: &Path) -> bool {
    interpreter.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"ld-musl-"))
}
