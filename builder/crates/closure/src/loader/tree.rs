//! The loaders of one tree under one setting, each read once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;

use super::flavour::Loader;
use super::objects::{Content, Objects, OpenedPath, PathId};
use super::process::Process;
use super::setting::Setting;
use crate::arch::Arch;
use crate::elf::{ElfFacts, ElfKind};
use crate::shards::Shards;

/// Starts processes. All threads share it.
pub struct Tree<'a> {
    pub(crate) objects: &'a Objects<'a>,
    setting: Setting,
    loaders: Shards<PathId, Arc<Loader>>,
}

/// Why a program has no process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoProcess {
    /// The kernel starts it without a loader, or it is not an ELF file.
    NotDynamic,
    /// The loaders of its machine are not known.
    UnknownMachine,
    /// Its loader cannot be opened.
    NoLoader {
        /// `PT_INTERP`, or the usual path for a library.
        path: PathBuf,
        /// Why open(2) failed.
        errno: Errno,
    },
    /// The file at its loader's path is not an ELF file.
    BadLoader {
        /// `PT_INTERP`, or the usual path for a library.
        path: PathBuf,
    },
}

impl<'a> Tree<'a> {
    /// A tree whose loaders have not been read yet.
    pub fn new(objects: &'a Objects<'a>, setting: Setting) -> Self {
        Self { objects, setting, loaders: Shards::default() }
    }

    /// The process of a program in which only the program and its loader are loaded.
    ///
    /// A library has a process too: that of a program that only loads it.
    ///
    /// # Errors
    /// The program does not have a loader, or not one that can be read.
    pub fn process(&self, program: &OpenedPath) -> Result<Process<'_>, NoProcess> {
        let Content::Elf(facts) = &program.object.content else { return Err(NoProcess::NotDynamic) };
        if !facts.has_dynamic_section || is_static(facts) {
            return Err(NoProcess::NotDynamic);
        }
        let arch = Arch::of(facts.abi).ok_or(NoProcess::UnknownMachine)?;
        let interpreter = interpreter(facts, arch);
        let no_loader = |errno| NoProcess::NoLoader { path: interpreter.clone(), errno };
        let itself = self.objects.open(&interpreter).map_err(no_loader)?;
        if !matches!(itself.object.content, Content::Elf(_)) {
            return Err(NoProcess::BadLoader { path: interpreter });
        }
        let loader = self.loader(itself, arch);
        // The loader takes $ORIGIN of the program from AT_EXECFN or /proc/self/exe, which has all links followed
        // (glibc, sysdeps/unix/sysv/linux/dl-origin.c).
        let program = self.objects.open(&program.resolved.file).map_err(no_loader)?;
        Ok(Process::start(self.objects, loader, &self.setting, program, itself))
    }

    fn loader(&self, itself: &OpenedPath, arch: &'static Arch) -> Arc<Loader> {
        let read = || Arc::new(Loader::read(&itself.path, arch, self.objects, &self.setting));
        self.loaders.get(&itself.id).unwrap_or_else(|| self.loaders.get_or_insert(itself.id, read))
    }
}

/// A static-pie program has a dynamic section, but does not need anything.
fn is_static(facts: &ElfFacts) -> bool {
    facts.is_static() && (facts.is_pie || facts.kind == ElfKind::Executable)
}

/// `PT_INTERP`, or for a library the loader of its C library.
fn interpreter(facts: &ElfFacts, arch: &Arch) -> PathBuf {
    if let Some(interpreter) = &facts.interpreter {
        return PathBuf::from(interpreter);
    }
    let is_musl = |name: &OsString| {
        let name = name.as_encoded_bytes();
        name == b"libc.so" || name.starts_with(b"libc.musl-")
    };
    if facts.needed.iter().any(|needed| is_musl(&needed.name)) {
        return arch.musl_loader().into();
    }
    arch.glibc_loader.into()
}
