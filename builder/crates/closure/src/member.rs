//! The closure: every path that the requested binaries need, and for each path who asked for it and why.
//!
//! This is what `resolve` returns and `plan` consumes. Paths are bytes: file names on Linux need not be UTF-8.

use std::ffi::OsString;
use std::path::PathBuf;

/// Everything that must be in the image for the requested binaries to start, in load order.
///
/// Order is deterministic: requested binaries in the order given, each followed breadth-first by what it needs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Closure {
    /// No two members have the same `path`.
    pub members: Vec<Member>,
}

/// One path of the closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Absolute path as the loader (or the kernel) will ask for it; it is also the path in the image.
    pub path: PathBuf,
    /// What stands at that path.
    pub kind: MemberKind,
    /// Why it is there; the first reason is the one that brought it in. Never empty.
    pub reasons: Vec<Reason>,
}

/// What stands at a member's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file; its bytes are read from the same path inside the sysroot.
    File,
    /// A symbolic link, kept as written; what it leads to is a member of its own.
    Symlink {
        /// The link's text, unchanged.
        target: OsString,
    },
}

/// Why a member is in the closure.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason {
    /// The member that asked for it; `None` when a person did.
    pub by: Option<PathBuf>,
    /// What it was asked for as.
    pub why: Why,
}

/// The ways in which one file brings another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Why {
    /// Named on the command line or under `binaries` of a recipe.
    Requested,
    /// The program interpreter that `PT_INTERP` of `by` names (elf(5)).
    ElfInterpreter,
    /// `DT_NEEDED` (or `DT_FILTER`/`DT_AUXILIARY`) of `by`.
    Needed {
        /// The name as it stands in the dynamic section.
        soname: OsString,
        /// The search rule that found it, for people: `RUNPATH`, `ld.so.cache`, `default directory`, …
        rule: String,
    },
    /// The `#!` line of `by` (execve(2)), or the program that `env` starts for it.
    ScriptInterpreter,
    /// A `.note.dlopen` entry of `by`, or a built-in rule for libraries that are opened at run time.
    Dlopen {
        /// The library's name as asked for.
        soname: OsString,
        /// `required`, `recommended`, `suggested`, or the name of the built-in rule.
        priority: String,
    },
    /// A name service module that nsswitch.conf(5) asks for.
    NssModule {
        /// The service's name: `files`, `dns`, …
        service: String,
    },
    /// What the symbolic link `by` leads to.
    LinkTarget,
}
