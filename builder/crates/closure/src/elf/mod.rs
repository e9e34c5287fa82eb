//! What the resolver needs to know about an ELF file, and the ways in which a file can be damaged.
//!
//! Only the header, the program headers, the dynamic section and the notes are looked at (elf(5)): a stripped file
//! has nothing else that the loader reads before it searches for libraries.

use std::ffi::OsString;

mod read;
mod source;

pub use read::{identify, imports, parse};
pub(crate) use source::FileSource;
pub use source::Source;

/// The part of the header that decides whether a loader considers the file at all.
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

/// Everything in an ELF file that decides which other files the kernel and the dynamic loader open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfFacts {
    /// Its class and machine.
    pub abi: Abi,
    /// ET_EXEC or ET_DYN; nothing else can be loaded.
    pub kind: ElfKind,
    /// `PT_INTERP` as written; static programs and most libraries do not have one.
    pub interpreter: Option<OsString>,
    /// Whether there is a `PT_DYNAMIC` segment.
    pub has_dynamic_section: bool,
    /// `DT_SONAME`
    pub soname: Option<OsString>,
    /// `DT_NEEDED`, `DT_FILTER` and `DT_AUXILIARY` in the order of the dynamic section.
    pub needed: Vec<Needed>,
    /// `DT_AUDIT` and `DT_DEPAUDIT`, split at colons: libraries that the loader opens for a program (rtld-audit(7)).
    pub audits: Vec<OsString>,
    /// `DT_RPATH`; `None` next to a `DT_RUNPATH`, because the loader then ignores it (ld.so(8)).
    pub rpath: Option<OsString>,
    /// `DT_RUNPATH`
    pub runpath: Option<OsString>,
    /// `DF_1_NODEFLIB` is set: the loader does not look in the system directories for this object.
    pub no_default_lib: bool,
    /// `DF_1_PIE` is set: a program; the loader refuses it as a library.
    pub is_pie: bool,
    /// The texts of the `.note.dlopen` notes, which are JSON (UAPI.12), in file order.
    pub dlopen_texts: Vec<Vec<u8>>,
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
    /// DT_FILTER: required; its symbols come before those of the object itself.
    Filter,
    /// DT_AUXILIARY: like a filter, but optional.
    Auxiliary,
}

impl ElfFacts {
    /// Whether the dynamic loader has nothing to do for it.
    pub fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }
}

/// Why bytes are not an ELF file that a loader would load. The texts follow the loader's own.
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
    /// ET_REL, ET_CORE, …: any other `e_type`.
    #[error("only ET_DYN and ET_EXEC can be loaded, e_type is {0}")]
    NotLoadable(u16),
    /// A table or string lies outside the file.
    #[error("{what} lies outside the file")]
    OutOfBounds {
        /// The part of the file.
        what: &'static str,
    },
    /// The file could not be read.
    #[error("{what} cannot be read: {}", crate::errno::name(*.errno))]
    Unreadable {
        /// The part of the file.
        what: &'static str,
        /// Why pread(2) failed.
        errno: rustix::io::Errno,
    },
    /// A size beyond that of any real file.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The part of the file.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
}
