//! The objects of one process, as far as the rules of a search look at them.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::objects::{Content, Objects, OpenedPath};
use super::setting::Setting;
use crate::elf::{Abi, ElfFacts};

/// The index of the program in every address space.
pub(crate) const PROGRAM: usize = 0;
/// The index of the loader in every address space.
pub(crate) const LOADER: usize = 1;

/// The objects that are loaded, in load order.
pub(super) struct AddressSpace<'w> {
    pub(super) objects: &'w Objects<'w>,
    pub(super) setting: &'w Setting,
    pub(super) loaded: Vec<Loaded<'w>>,
}

/// An object in the address space.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<'w> {
    /// The path as opened, and the file. For the program, links are followed.
    pub(crate) opened: &'w OpenedPath,
    /// The index of the object that loaded it; `None` for the program and its loader.
    pub(super) by: Option<usize>,
    /// `DT_RPATH`, expanded.
    pub(super) rpath: Vec<PathBuf>,
    /// `DT_RUNPATH`, expanded.
    pub(super) runpath: Vec<PathBuf>,
    /// It, or an object that loaded it, has a run path that applies to what it loads.
    pub(super) has_inherited_path: bool,
}

impl<'w> Loaded<'w> {
    /// The facts of the file; every loaded object has been checked to be ELF.
    pub(crate) fn facts(&self) -> &'w ElfFacts {
        match &self.opened.object.content {
            Content::Elf(facts) => facts,
            _ => unreachable!("only ELF objects are loaded"),
        }
    }

    /// The path as opened.
    pub(crate) fn path(&self) -> &'w Path {
        &self.opened.path
    }

    /// Whether the object with that index loaded it.
    pub(crate) fn is_loaded_by(&self, index: usize) -> bool {
        self.by == Some(index)
    }

    /// The directory part of the path as it is written: `$ORIGIN`.
    pub(super) fn origin(&self) -> &'w [u8] {
        let bytes = self.opened.path.as_os_str().as_bytes();
        match bytes.iter().rposition(|&b| b == b'/') {
            Some(0) => b"/",
            Some(at) => &bytes[..at],
            None => b".",
        }
    }
}

impl AddressSpace<'_> {
    /// The chain of objects from `index` up to the program: each was loaded by the next.
    pub(super) fn chain(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(index), |&i| self.loaded[i].by)
    }

    /// The program's class and machine: what every library must have.
    pub(super) fn abi(&self) -> Abi {
        self.loaded[PROGRAM].facts().abi
    }
}
