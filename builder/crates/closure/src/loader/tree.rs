//! The loaders of one tree under one setting, each read once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;

use super::objects::{Content, Objects, Place, PlaceId};
use super::{Loader, Process, Setting};
use crate::arch::Arch;
use crate::elf::{ElfFacts, ElfKind};
use crate::shards::Shards;

/// Starts processes. Shared by all threads.
pub struct Tree<'a> {
    /// The files of the tree.
    pub objects: &'a Objects<'a>,
    /// What the searches depend on.
    pub setting: Setting,
    loaders: Shards<PlaceId, Arc<Loader>>,
}

/// Why a program has no process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoProcess {
    /// The kernel starts it alone, or it is no program.
    NotDynamic,
    /// We do not know the loaders of its machine.
    UnknownMachine,
    /// Its loader cannot be opened.
    NoLoader {
        /// `PT_INTERP`, or where the loader of a library would be.
        path: PathBuf,
        /// What open(2) said.
        errno: Errno,
    },
    /// What stands at its loader's path is none.
    BadLoader {
        /// `PT_INTERP`, or where the loader of a library would be.
        path: PathBuf,
    },
}

impl<'a> Tree<'a> {
    /// A tree whose loaders have not been read yet.
    pub fn new(objects: &'a Objects<'a>, setting: Setting) -> Self {
        Self { objects, setting, loaders: Shards::default() }
    }

    /// The process of the program at a place; nothing but the program and its loader is loaded.
    ///
    /// A library has a process too: that of a program which does nothing but load it.
    pub fn process(&self, program: &Place) -> Result<Process<'_>, NoProcess> {
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
        // /proc/self/exe tells where the program stands with all links followed.
        let program = self.objects.open(&program.trail.file).map_err(no_loader)?;
        Ok(Process::start(self.objects, loader, &self.setting, program, itself))
    }

    fn loader(&self, itself: &Place, arch: &'static Arch) -> Arc<Loader> {
        let read = || Arc::new(Loader::read(&itself.path, arch, self.objects, &self.setting));
        self.loaders.get(&itself.id).unwrap_or_else(|| self.loaders.get_or_insert(itself.id, read))
    }
}

/// static-pie: a program with a dynamic section, which asks for nothing.
fn is_static(facts: &ElfFacts) -> bool {
    facts.is_static() && (facts.is_pie || facts.kind == ElfKind::Executable)
}

/// `PT_INTERP`, or for a library the loader that its C library belongs to.
pub fn interpreter(facts: &ElfFacts, arch: &Arch) -> PathBuf {
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
