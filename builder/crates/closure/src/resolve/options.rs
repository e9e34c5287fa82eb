//! What the caller wants, and what the image contains.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::arch::cpu::{Cpu, Level};
use crate::dlopen::DlopenLevel;

/// What the caller wants.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tree that is read; `/` is the build host.
    pub sysroot: PathBuf,
    /// Directories that are searched like those of `LD_LIBRARY_PATH`; none by default.
    pub library_path: Vec<PathBuf>,
    /// Directories inside the sysroot in which names without a slash are looked up; the usual PATH by default.
    pub search_path: Vec<PathBuf>,
    /// Which of the libraries that programs open at run time are included.
    pub dlopen: DlopenLevel,
    /// The CPUs that the image is for; any CPU by default.
    pub hwcaps: Hwcaps,
}

impl Default for Options {
    fn default() -> Self {
        let standard = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        Self {
            sysroot: PathBuf::from("/"),
            library_path: Vec::new(),
            search_path: standard.map(PathBuf::from).to_vec(),
            dlopen: DlopenLevel::default(),
            hwcaps: Hwcaps::UpTo(Level::Baseline),
        }
    }
}

/// The CPUs that libraries are chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hwcaps {
    /// The libraries of every CPU up to this level, the portable baseline among them.
    ///
    /// The hardware directories of glibc ≤ 2.36 are searched with the names that every x86-64 has.
    UpTo(Level),
    /// The libraries that exactly this CPU would load.
    Exactly(Cpu),
}

impl Hwcaps {
    /// The CPUs to lay programs out for, the least capable first.
    pub(super) fn cpus(self) -> Vec<Cpu> {
        match self {
            Hwcaps::Exactly(cpu) => vec![cpu],
            Hwcaps::UpTo(highest) => {
                let levels = Level::ALL.into_iter().filter(|level| *level <= highest);
                levels.map(|level| Cpu { level, ..Cpu::BASELINE }).collect()
            }
        }
    }
}

/// Files of the image that make every program load more than it names. The default is an image without them.
#[derive(Debug, Clone, Default)]
pub struct ImageFacts {
    /// Services that the image's nsswitch.conf(5) names; their modules are included with every program of glibc.
    pub name_services: BTreeSet<String>,
    /// The text of the image's /etc/ld.so.preload (ld.so(8)); empty when the image does not have one.
    pub preload: Vec<u8>,
}

/// One requested binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A path inside the sysroot.
    Path(PathBuf),
    /// A name without a slash, looked up on [`Options::search_path`].
    Name(OsString),
    /// A library that a program opens with dlopen(3): what the program has loaded, and its run path, count for it.
    Plugin {
        /// The library's path inside the sysroot.
        path: PathBuf,
        /// The program.
        opener: Box<Root>,
    },
}
