//! Why a closure or an audit is not possible: one enum, one message for each case.

mod grouped;
mod missing;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::elf::{Abi, ElfError};
use crate::loader::attempt::Unusable;
use crate::{arch, script};

pub use grouped::grouped;
pub use missing::{MissingLibrary, Search};

/// Why a closure is not possible, and which of the requested programs is the cause.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// The index in the caller's list of the root that failed; `None` when the failure is not about one of them.
    pub root: Option<usize>,
    /// Why it failed.
    pub error: Error,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { root: None, error }
    }
}

/// Why a closure or an audit is not possible.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sysroot cannot be opened.
    #[error("sysroot `{}`: {}", .path.display(), crate::errno::name(*.errno))]
    Sysroot {
        /// The sysroot as given.
        path: PathBuf,
        /// Why open(2) failed.
        errno: rustix::io::Errno,
    },
    /// Another root was to be audited by a user who is not root.
    #[error("`{}` cannot be entered\n  hint: another root is entered with chroot(2), which needs root", .root.display())]
    NeedsRoot {
        /// The tree.
        root: PathBuf,
    },
    /// A loader could not be run for an audit.
    #[error("`{}` cannot be run: {cause}", .loader.display())]
    RunLoader {
        /// The loader's path inside the root.
        loader: PathBuf,
        /// Why it could not.
        cause: std::io::Error,
    },
    /// A requested path that cannot be opened.
    #[error("`{}` {}{}", .path.display(), cannot_open(*.errno), chain_text(.needed_by))]
    Open {
        /// The path inside the sysroot.
        path: PathBuf,
        /// The files that name it, nearest first; empty when the caller did.
        needed_by: Vec<PathBuf>,
        /// Why open(2) failed.
        errno: rustix::io::Errno,
    },
    /// A name without a slash that no directory has.
    #[error("`{}` not found on PATH{}\n  searched: {}", .name.display(), chain_text(.needed_by), list(.searched))]
    NotOnPath {
        /// The name.
        name: OsString,
        /// The files that name it, nearest first; empty when the caller did.
        needed_by: Vec<PathBuf>,
        /// The directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// A directory where a program was expected.
    #[error("`{}` is a directory, not a program{}", .path.display(), chain_text(.needed_by))]
    Directory {
        /// The path inside the sysroot.
        path: PathBuf,
        /// The files that name it, nearest first; empty when the caller did.
        needed_by: Vec<PathBuf>,
    },
    /// Neither ELF nor a script.
    #[error(
        "`{}` is neither an ELF file nor a script with a `#!` line{}\n  hint: a data file goes under `include` of a recipe",
        .path.display(), chain_text(.needed_by)
    )]
    NotExecutable {
        /// The path inside the sysroot.
        path: PathBuf,
        /// The files that name it, nearest first; empty when the caller did.
        needed_by: Vec<PathBuf>,
    },
    /// Scripts that interpret each other.
    #[error("`{}`: more than {} levels of script interpreters", .path.display(), script::MAX_NESTING)]
    ScriptNesting {
        /// The requested script.
        path: PathBuf,
    },
    /// A damaged ELF file.
    #[error("`{}` is a damaged ELF file: {cause}{}", .path.display(), chain_text(.needed_by))]
    BadElf {
        /// The path inside the sysroot.
        path: PathBuf,
        /// The files that name it, nearest first; empty when the caller did.
        needed_by: Vec<PathBuf>,
        /// What is wrong with it.
        cause: ElfError,
    },
    /// A program for another machine than the sysroot's.
    #[error(
        "`{}` is for {}, but {} is {}{OTHER_MACHINE_HINT}",
        .path.display(), arch::describe(*.abi), whose(.sysroot), arch::describe(*.expected)
    )]
    OtherMachine {
        /// The path inside the sysroot.
        path: PathBuf,
        /// Its machine.
        abi: Abi,
        /// The sysroot.
        sysroot: PathBuf,
        /// The sysroot's machine.
        expected: Abi,
    },
    /// Libraries that no rule finds, in the order of the search.
    #[error("{}", missing::text(.0))]
    LibrariesNotFound(Vec<MissingLibrary>),
    /// A file with the library's name that ends the program.
    #[error("`{}` cannot be loaded as `{}`, needed by `{}`: {unusable}", .path.display(), .name.display(), .by.display())]
    BadLibrary {
        /// The file.
        path: PathBuf,
        /// The name that was searched for.
        name: OsString,
        /// The object that needs it.
        by: PathBuf,
        /// What is wrong with the file.
        unusable: Unusable,
    },
}

const OTHER_MACHINE_HINT: &str = "\n  hint: name a tree of that machine with `--sysroot`";

fn cannot_open(errno: rustix::io::Errno) -> String {
    match errno {
        rustix::io::Errno::NOENT => "does not exist".to_owned(),
        other => format!("cannot be opened: {}", crate::errno::name(other)),
    }
}

fn chain_text(chain: &[PathBuf]) -> String {
    chain.first().map_or(String::new(), |by| format!(", needed by `{}`{}", by.display(), above(&chain[1..])))
}

fn above(chain: &[PathBuf]) -> String {
    chain.iter().map(|path| format!(" ← `{}`", path.display())).collect()
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "nowhere".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn whose(sysroot: &Path) -> String {
    if sysroot == Path::new("/") { "this machine".to_owned() } else { format!("`{}`", sysroot.display()) }
}
