//! Why there is no closure: one enum, one message for each case.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::arch;
use crate::elf::{Abi, ElfError};
use crate::loader::{Attempt, Outcome, Unusable};
use crate::script;

/// Why there is no closure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sysroot cannot be opened.
    #[error("sysroot `{}`: {}", .path.display(), crate::errno::name(*.errno))]
    Sysroot {
        /// The sysroot as given.
        path: PathBuf,
        /// What open(2) said.
        errno: rustix::io::Errno,
    },
    /// A requested path that cannot be opened.
    #[error("`{}` {}{}", .path.display(), cannot_open(*.errno), for_whom(.needed_by))]
    Open {
        /// The path inside the sysroot.
        path: PathBuf,
        /// Who named it, nearest first; empty when a person did.
        needed_by: Vec<PathBuf>,
        /// What open(2) said.
        errno: rustix::io::Errno,
    },
    /// A bare name that no directory has.
    #[error("`{}` not found on PATH{}\n  searched: {}", .name.display(), for_whom(.needed_by), list(.searched))]
    NotOnPath {
        /// The name.
        name: OsString,
        /// Who named it; empty when a person did.
        needed_by: Vec<PathBuf>,
        /// The directories that were looked in.
        searched: Vec<PathBuf>,
    },
    /// A directory where a program was expected.
    #[error("`{}` is a directory, not a program{}", .path.display(), for_whom(.needed_by))]
    Directory {
        /// The path inside the sysroot.
        path: PathBuf,
        /// Who named it; empty when a person did.
        needed_by: Vec<PathBuf>,
    },
    /// Neither ELF nor a script.
    #[error(
        "`{}` is neither an ELF file nor a script with a `#!` line{}\n  hint: a data file goes under `include` of a recipe",
        .path.display(), for_whom(.needed_by)
    )]
    NotExecutable {
        /// The path inside the sysroot.
        path: PathBuf,
        /// Who named it; empty when a person did.
        needed_by: Vec<PathBuf>,
    },
    /// Scripts that interpret each other.
    #[error("`{}`: more than {} levels of script interpreters", .path.display(), script::MAX_NESTING)]
    ScriptNesting {
        /// The requested script.
        path: PathBuf,
    },
    /// A damaged ELF file.
    #[error("`{}` is a damaged ELF file: {cause}{}", .path.display(), for_whom(.needed_by))]
    BadElf {
        /// The path inside the sysroot.
        path: PathBuf,
        /// Who named it; empty when a person did.
        needed_by: Vec<PathBuf>,
        /// What is wrong.
        cause: ElfError,
    },
    /// A program for other machines than the sysroot's.
    #[error(
        "`{}` is for {}, but {} is {}\n  hint: name a tree of that machine with `--sysroot`",
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
    /// A library that no rule finds.
    #[error(
        "`{}` not found, needed by `{}`{}\n  searched: {}\n  hint: {}",
        .name.display(), .needed_by[0].display(), above(&.needed_by[1..]), list(&searched_dirs(.attempts)), hint(.attempts)
    )]
    LibraryNotFound {
        /// The name as the dynamic section has it.
        name: OsString,
        /// Who asked, and who brought that in, up to the program; never empty.
        needed_by: Vec<PathBuf>,
        /// Every path that was tried, in order.
        attempts: Vec<Attempt>,
    },
    /// A file of the library's name at which the loader gives up.
    #[error("`{}` cannot be loaded as `{}`, needed by `{}`: {unusable}", .path.display(), .name.display(), .by.display())]
    BadLibrary {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: OsString,
        /// Who asked.
        by: PathBuf,
        /// What is wrong with the file.
        unusable: Unusable,
    },
}

fn cannot_open(errno: rustix::io::Errno) -> String {
    match errno {
        rustix::io::Errno::NOENT => "does not exist".to_owned(),
        other => format!("cannot be opened: {}", crate::errno::name(other)),
    }
}

fn for_whom(chain: &[PathBuf]) -> String {
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

/// The directories of a search, each once, in order.
fn searched_dirs(attempts: &[Attempt]) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for attempt in attempts {
        let dir = attempt.path.parent().unwrap_or(Path::new("/")).to_owned();
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
}

fn hint(attempts: &[Attempt]) -> String {
    let other = attempts.iter().find_map(|attempt| match &attempt.outcome {
        Outcome::OtherAbi(abi) => {
            Some(format!("`{}` is for {}", attempt.path.display(), arch::describe(*abi)))
        }
        _ => None,
    });
    other.unwrap_or_else(|| "add its directory with `--library-path`".to_owned())
}

fn whose(sysroot: &Path) -> String {
    if sysroot == Path::new("/") { "this machine".to_owned() } else { format!("`{}`", sysroot.display()) }
}
