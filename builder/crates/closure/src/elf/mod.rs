//! What the resolver needs to know about an ELF file, and the ways in which a file can fail to be one.
//!
//! Only the header, the program headers, the dynamic section and the notes are looked at (elf(5)): a stripped file
//! has nothing else that the loader reads before it searches for libraries.

use std::ffi::OsString;

mod read;
mod source;

pub use read::{identify, imports, parse};
pub use source::{Head, Source};

/// The part of the header that decides whether a loader takes the file at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Abi {
    /// 32 or 64 bit.
    pub class: Class,
    /// `e_machine`, for example 62 for x86-64.
    pub machine: u16,
}

/// `EI_CLASS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// ELFCLASS32
    Elf32,
    /// ELFCLASS64
    Elf64,
}

/// Everything that an ELF file says to the kernel and to the dynamic loader about other files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfFacts {
    /// Class and machine.
    pub abi: Abi,
    /// ET_EXEC or ET_DYN; nothing else can be loaded.
    pub kind: ElfKind,
    /// `PT_INTERP` as written; `None` for static programs and for libraries.
    pub interpreter: Option<OsString>,
    /// Whether there is a `PT_DYNAMIC` segment.
    pub has_dynamic_section: bool,
    /// `DT_SONAME`
    pub soname: Option<OsString>,
    /// `DT_NEEDED`, `DT_FILTER` and `DT_AUXILIARY` in the order of the dynamic section.
    pub needed: Vec<Needed>,
    /// `DT_AUDIT` and `DT_DEPAUDIT`, split at colons: what the loader itself opens for a program (rtld-audit(7)).
    pub audits: Vec<OsString>,
    /// `DT_RPATH`; `None` where there is a `DT_RUNPATH`, because the loader then drops it.
    pub rpath: Option<OsString>,
    /// `DT_RUNPATH`
    pub runpath: Option<OsString>,
    /// `DF_1_NODEFLIB` is set: the loader does not look in the system directories for this object.
    pub no_default_lib: bool,
    /// `DF_1_PIE` is set: a program; the loader refuses it as a library.
    pub is_pie: bool,
    /// The JSON texts of the `.note.dlopen` notes (UAPI.12), in file order.
    pub dlopen_notes: Vec<Vec<u8>>,
}

/// `e_type`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfKind {
    /// ET_EXEC: a program at a fixed address.
    Executable,
    /// ET_DYN: a library or a position-independent program.
    Shared,
}

/// One dependency that the dynamic section names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The name as written; it may contain slashes and `$ORIGIN`.
    pub name: OsString,
    /// Which tag named it.
    pub tag: NeededTag,
}

/// The dynamic tags that make the loader load something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededTag {
    /// DT_NEEDED: required.
    Needed,
    /// DT_FILTER: required, and searched before the object itself.
    Filter,
    /// DT_AUXILIARY: like a filter, but optional.
    Auxiliary,
}

impl ElfFacts {
    /// A program or library that the dynamic loader has nothing to do for.
    pub fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }
}

/// Why bytes are not an ELF file that a loader could take. The texts follow the loader's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Fewer bytes than an ELF header has.
    #[error("file too short")]
    TooShort,
    /// The first four bytes are not `\x7fELF`.
    #[error("invalid ELF header")]
    NoMagic,
    /// A field of the header that no loader accepts.
    #[error("{0}")]
    Header(&'static str),
    /// ET_REL, ET_CORE, …: `e_type` as it stands.
    #[error("only ET_DYN and ET_EXEC can be loaded, e_type is {0}")]
    NotLoadable(u16),
    /// A table or string lies outside the file.
    #[error("{what} lies outside the file")]
    OutOfBounds {
        /// The thing that was to be read.
        what: &'static str,
    },
    /// The file system could not give the bytes.
    #[error("{what} cannot be read: {}", crate::errno::name(*.errno))]
    Unreadable {
        /// The thing that was to be read.
        what: &'static str,
        /// What pread(2) said.
        errno: rustix::io::Errno,
    },
    /// A size that no real file has.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The thing that was to be read.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
}
