//! What a dynamic loader does when a program starts, computed instead of run.
//!
//! A [`Process`] is the list of objects that a loader would have mapped, in its order, with the rule that found each.
//! The rules are glibc's (elf/dl-load.c, dl-deps.c, dl-cache.c, as of 2.36 to 2.41) and musl's (ldso/dynlink.c);
//! which of them holds is decided per program by its `PT_INTERP`, as the kernel does.

pub mod cache;
pub mod conf;
mod glibc;
pub mod image_cache;
pub(crate) mod mapped;
mod musl;
pub mod names;
pub mod objects;
mod process;
mod rodata;
mod slots;
mod tokens;
pub mod tree;
pub mod walk;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

pub use glibc::Glibc;
pub use musl::Musl;
pub use process::{Edge, Loaded, Missing, Process};
pub use tree::{NoProcess, Tree};

use crate::arch::{self, Arch, Cpu};
use crate::elf::{Abi, ElfError};
use names::NameId;
use objects::{Objects, PlaceId};
use slots::Slots;

/// A loader of one tree: what it knows about the tree, and what it found there already.
#[derive(Debug)]
pub struct Loader {
    flavour: Flavour,
    /// Searches that nothing but the name decided; `None`: not found.
    plain: Slots<Option<Found>>,
    /// Its own path, as a name that it answers to.
    name: NameId,
}

#[derive(Debug)]
enum Flavour {
    /// GNU libc's `ld-linux-*.so`.
    Glibc(Box<Glibc>),
    /// musl's `ld-musl-*.so.1`, which is also the C library.
    Musl(Musl),
}

/// What decides a search besides the files themselves.
#[derive(Debug, Clone)]
pub struct Setting {
    /// `LD_LIBRARY_PATH`, already split.
    pub library_path: Vec<PathBuf>,
    /// The CPU to load for.
    pub cpu: Cpu,
    /// Whether ld.so.conf is searched where there is no ld.so.cache: what ldconfig(8) would make of it.
    pub conf_without_cache: bool,
    /// What stands in /etc/ld.so.preload.
    pub preload: Preload,
}

/// Which /etc/ld.so.preload is obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preload {
    /// The tree's own.
    OfTree,
    /// One with this text, as an image will have it; empty for none.
    Text(Vec<u8>),
}

/// Where it stands.
pub const PRELOAD_FILE: &str = "/etc/ld.so.preload";

impl Loader {
    /// Reads what the loader at `path` knows. `arch` is that of the program that asks for it.
    pub fn read(path: &Path, arch: &'static Arch, objects: &Objects, setting: &Setting) -> Self {
        let flavour = if arch::is_musl_loader(path) {
            Flavour::Musl(Musl::read(path, objects.sysroot()))
        } else {
            Flavour::Glibc(Box::new(Glibc::read(path, arch, objects.sysroot(), setting)))
        };
        Loader { flavour, plain: Slots::default(), name: objects.names().id(path.as_os_str()) }
    }

    /// `PT_INTERP` of the programs that it loads.
    pub fn path(&self) -> &Path {
        match &self.flavour {
            Flavour::Glibc(glibc) => &glibc.path,
            Flavour::Musl(musl) => &musl.path,
        }
    }

    fn is_musl(&self) -> bool {
        matches!(self.flavour, Flavour::Musl(_))
    }

    fn search(
        &self,
        process: &Process,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> Result<Option<Found>, (PathBuf, Unusable)> {
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.search(process, by, name, journal),
            Flavour::Musl(musl) => musl.search(process, by, name, journal),
        }
    }

    /// A search that depends on nothing but the name, made once for all programs of this loader.
    fn search_plainly(
        &self,
        process: &Process,
        by: usize,
        name: NameId,
    ) -> Result<Option<Found>, (PathBuf, Unusable)> {
        let slot = self.plain.slot(name.index());
        if let Some(known) = slot.get() {
            return Ok(*known);
        }
        let found = self.search(process, by, process.name(name), &mut Journal::default())?;
        Ok(*slot.get_or_init(|| found))
    }
}

/// The rule by which a path was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The name contains a slash, so it is a path.
    Path,
    /// An object with that name or SONAME is there already.
    Loaded,
    /// It is the loader itself.
    Itself,
    /// `DT_RPATH` of the asker or of an object above it.
    Rpath,
    /// `LD_LIBRARY_PATH`, or `--library-path` of the command line.
    LibraryPath,
    /// `DT_RUNPATH` of the asker.
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
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of trying a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the library.
    Found,
    /// open(2) failed.
    Errno(rustix::io::Errno),
    /// The directory does not exist, so no name in it is tried.
    NoDirectory,
    /// An ELF file of another class or machine: skipped.
    OtherAbi(Abi),
    /// `DF_1_NODEFLIB` of the asker forbids a system directory.
    NoDefaultLib,
    /// The loader gives up here.
    Fatal(Unusable),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Found => f.write_str("found"),
            Outcome::Errno(errno) => write!(f, "{}", crate::errno::name(*errno)),
            Outcome::NoDirectory => f.write_str("no such directory"),
            Outcome::OtherAbi(abi) => write!(f, "is for {}", arch::describe(*abi)),
            Outcome::NoDefaultLib => f.write_str("DF_1_NODEFLIB forbids system directories"),
            Outcome::Fatal(unusable) => write!(f, "{unusable}"),
        }
    }
}

/// A file that stands where a library is searched, and ends the search because it is none.
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
    /// musl ends a search at any errno that does not say "not here".
    #[error("{}", crate::errno::name(*.0))]
    Errno(rustix::io::Errno),
}

/// A search that ended at a file that is no library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fatal {
    /// The object that asked.
    pub by: PathBuf,
    /// The name it asked for.
    pub name: OsString,
    /// The file that ended the search.
    pub path: PathBuf,
    /// What is wrong with it.
    pub unusable: Unusable,
}

/// What a search found.
#[derive(Debug, Clone, Copy)]
struct Found {
    place: PlaceId,
    rule: Rule,
}

/// Where a search writes down what it tried; nothing is kept unless somebody wants to read it.
#[derive(Debug, Default)]
pub struct Journal(Option<Vec<Attempt>>);

impl Journal {
    /// A journal that keeps its entries.
    pub fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// The entries in the order of the search.
    pub fn into_attempts(self) -> Vec<Attempt> {
        self.0.unwrap_or_default()
    }

    fn note(&mut self, path: &Path, rule: Rule, outcome: impl FnOnce() -> Outcome) {
        if let Some(attempts) = &mut self.0 {
            attempts.push(Attempt { path: path.to_owned(), rule, outcome: outcome() });
        }
    }
}
