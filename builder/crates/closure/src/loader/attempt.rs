//! The paths that a search for a library tries, and their outcomes.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::objects::PathId;
use crate::elf::{Abi, ElfError};
use crate::{arch, errno};

/// The rule by which a path was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The name contains a slash, so it is a path.
    Path,
    /// An object with that name or SONAME is loaded already.
    Loaded,
    /// It is the loader itself.
    Itself,
    /// `DT_RPATH` of the object that needs it, or of an object that loaded that one.
    Rpath,
    /// `LD_LIBRARY_PATH`, or `--library-path` of the command line.
    LibraryPath,
    /// `DT_RUNPATH` of the object that needs it.
    Runpath,
    /// An entry of /etc/ld.so.cache.
    Cache,
    /// A directory of /etc/ld.so.conf, as ldconfig(8) would have put it into the cache.
    Conf,
    /// A directory that is built into the loader.
    SystemDirectory,
    /// /etc/ld-musl-ARCH.path, or musl's own default.
    MuslPath,
    /// /etc/ld.so.preload
    Preload,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Rule::Path => "path in the name",
            Rule::Loaded => "already loaded",
            Rule::Itself => "the loader itself",
            Rule::Rpath => "RPATH",
            Rule::LibraryPath => "library path",
            Rule::Runpath => "RUNPATH",
            Rule::Cache => "ld.so.cache",
            Rule::Conf => "ld.so.conf",
            Rule::SystemDirectory => "default directory",
            Rule::MuslPath => "musl path",
            Rule::Preload => "ld.so.preload",
        })
    }
}

/// One path that a search tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The path as the loader would open it.
    pub path: PathBuf,
    /// Why it was tried.
    pub rule: Rule,
    /// What the loader would do with it.
    pub outcome: Outcome,
}

/// What a loader does with a path that it tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the library.
    Found,
    /// open(2) failed.
    Errno(Errno),
    /// The directory does not exist, so no name in it is tried.
    NoDirectory,
    /// An ELF file of another class or machine: skipped.
    OtherAbi(Abi),
    /// `DF_1_NODEFLIB` of the object that needs it forbids a system directory.
    NoDefaultLib,
    /// The loader ends the program here.
    Fatal(Unusable),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Found => f.write_str("found"),
            Outcome::Errno(errno) => write!(f, "{}", errno::name(*errno)),
            Outcome::NoDirectory => f.write_str("no such directory"),
            Outcome::OtherAbi(abi) => write!(f, "is for {}", arch::describe(*abi)),
            Outcome::NoDefaultLib => f.write_str("DF_1_NODEFLIB forbids system directories"),
            Outcome::Fatal(unusable) => write!(f, "{unusable}"),
        }
    }
}

/// Why a file at a path that is tried cannot be loaded as a library, which ends the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not ELF, or damaged.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// A directory of that name.
    #[error("is a directory")]
    Directory,
    /// A device, FIFO or socket.
    #[error("is not a regular file")]
    Special,
    /// A position-independent program, which the loader does not take as a library.
    #[error("is a position-independent program, not a library")]
    Program,
    /// Not a dynamic object.
    #[error("object file has no dynamic section")]
    NoDynamicSection,
    /// musl ends a search at any errno but those for a file that does not exist.
    #[error("{}", errno::name(*.0))]
    Errno(Errno),
}

/// The end of a program at a file that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fatal {
    /// The object that needs it.
    pub by: PathBuf,
    /// The name that was searched for.
    pub name: OsString,
    /// The file that ended the search.
    pub path: PathBuf,
    /// What is wrong with it.
    pub unusable: Unusable,
}

/// What a search found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) path: PathId,
    pub(super) rule: Rule,
}

/// The result of a search; `None` when no rule found the name. The error is a file that ends the program.
pub(super) type SearchResult = Result<Option<Found>, (PathBuf, Unusable)>;

/// A record of what a search tried. Most searches do not keep one: there are millions of attempts in a large closure.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<Vec<Attempt>>);

impl Journal {
    /// A journal that keeps its entries.
    pub(super) fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// The entries in the order of the search.
    pub(super) fn into_attempts(self) -> Vec<Attempt> {
        self.0.unwrap_or_default()
    }

    pub(super) fn note(&mut self, path: &Path, rule: Rule, outcome: impl FnOnce() -> Outcome) {
        if let Some(attempts) = &mut self.0 {
            attempts.push(Attempt { path: path.to_owned(), rule, outcome: outcome() });
        }
    }
}
