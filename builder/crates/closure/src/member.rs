//! The closure: every path that the requested binaries need, and for each path what needs it and why.
//!
//! Paths are bytes: file names on Linux need not be UTF-8.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::arch::Machine;

/// Everything that must be in the image for the requested binaries to start, in load order.
///
/// Order is deterministic: requested binaries in the order given, each followed breadth-first by what it needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Closure {
    /// No two members have the same `path`.
    pub members: Vec<Member>,
    /// The machine that its programs and libraries are for; `None` without any.
    pub machine: Option<Machine>,
}

/// One path of the closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Absolute path as the loader (or the kernel) opens it; it is also the path in the image.
    pub path: PathBuf,
    /// Its type.
    pub kind: MemberKind,
    /// Why it is needed, in the order in which the reasons were found. Never empty.
    pub reasons: Vec<Reason>,
}

/// The type of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file; its bytes are read from the same path inside the sysroot.
    File,
    /// A symbolic link, kept as written; the file that it leads to is a member of its own.
    Symlink {
        /// The link's text, unchanged.
        target: OsString,
    },
}

/// Why a member is in the closure.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason {
    /// The member that needs it; `None` for a root.
    pub by: Option<PathBuf>,
    /// The kind of need.
    pub why: Why,
}

/// The ways in which one file brings another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is one of the roots of the request.
    Requested {
        /// Its index in the caller's list.
        root: usize,
    },
    /// The program interpreter that `PT_INTERP` of `by` names (elf(5)).
    ElfInterpreter,
    /// `DT_NEEDED` (or `DT_FILTER`/`DT_AUXILIARY`) of `by`.
    Needed {
        /// The name as written in the dynamic section.
        soname: OsString,
        /// The search rule that found it, human-readable: `RUNPATH`, `ld.so.cache`, `default directory`, …
        rule: String,
    },
    /// The `#!` line of `by` (execve(2)), or the program that `env` starts for it.
    ScriptInterpreter,
    /// A `.note.dlopen` entry of `by`, or an entry of the built-in table of libraries that are opened at run time.
    Dlopen {
        /// The library's name as the note has it.
        soname: OsString,
        /// `required`, `recommended`, `suggested`, or the name in the built-in table.
        priority: String,
    },
    /// The module of a name service that nsswitch.conf(5) names.
    NssModule {
        /// The service's name: `files`, `dns`, …
        service: String,
    },
    /// The symbolic link `by` leads to it.
    LinkTarget,
    /// It is a link in place of a directory on the way to a root.
    Directory,
}
