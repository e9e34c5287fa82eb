//! The tree in which programs are resolved: where their names lead, and which machines it has loaders for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::options::{ImageFacts, Options, Root};
use crate::arch::{ARCHITECTURES, Arch, Machine};
use crate::elf::Abi;
use crate::error::{Error, Failure};
use crate::loader::objects::{Objects, OpenedPath};
use crate::loader::setting::{Preload, Setting};
use crate::loader::tree::Tree;
use crate::sysroot::Sysroot;

/// The tree as each of the CPUs sees it.
pub(super) struct World<'a> {
    pub(super) options: &'a Options,
    pub(super) image: &'a ImageFacts,
    sysroot: &'a Sysroot,
    objects: &'a Objects<'a>,
    /// One for each CPU; never empty.
    pub(super) trees: Vec<Tree<'a>>,
    /// The architectures whose loaders are in the tree.
    machines: Vec<&'static Arch>,
}

/// A root that was located.
pub(super) struct Program {
    /// Its index in the caller's list.
    pub(super) root: usize,
    /// Its path inside the sysroot.
    pub(super) path: PathBuf,
    /// The program that opens it, if it is a plugin.
    pub(super) opener: Option<PathBuf>,
}

impl<'a> World<'a> {
    pub(super) fn new(objects: &'a Objects<'a>, options: &'a Options, image: &'a ImageFacts) -> Self {
        let setting = |cpu| Setting {
            library_path: options.library_path.clone(),
            cpu,
            conf_without_cache: true,
            preload: Preload::Text(image.preload.clone()),
        };
        let trees = options.hwcaps.cpus().into_iter().map(|cpu| Tree::new(objects, setting(cpu))).collect();
        let sysroot = objects.sysroot();
        let machines = machines_of(sysroot);
        Self { options, image, sysroot, objects, trees, machines }
    }

    pub(super) fn program(&self, root: usize, name: &Root) -> Result<Program, Failure> {
        let opener = match name {
            Root::Plugin { opener, .. } => Some(self.locate(opener)),
            Root::Path(_) | Root::Name(_) => None,
        };
        let located = opener.transpose().and_then(|opener| Ok((self.locate(name)?, opener)));
        located
            .map(|(path, opener)| Program { root, path, opener })
            .map_err(|error| Failure { root: Some(root), error })
    }

    pub(super) fn locate(&self, root: &Root) -> Result<PathBuf, Error> {
        match root {
            Root::Path(path) | Root::Plugin { path, .. } => Ok(Path::new("/").join(path)),
            Root::Name(name) => self.look_up(name, &[]),
        }
    }

    /// The first executable file of that name on the search path, as execvp(3) looks for it.
    pub(super) fn look_up(&self, name: &OsStr, needed_by: &[PathBuf]) -> Result<PathBuf, Error> {
        if name.as_encoded_bytes().contains(&b'/') {
            return Ok(Path::new("/").join(name));
        }
        let mut candidates = self.options.search_path.iter().map(|dir| Path::new("/").join(dir).join(name));
        candidates.find(|path| self.sysroot.is_executable(path)).ok_or_else(|| Error::NotOnPath {
            name: name.to_owned(),
            needed_by: needed_by.to_vec(),
            searched: self.options.search_path.clone(),
        })
    }

    pub(super) fn open_program(&self, path: &Path, by: &[PathBuf]) -> Result<&'a OpenedPath, Error> {
        let failed = |errno| Error::Open { path: path.to_owned(), needed_by: by.to_vec(), errno };
        self.objects.open(path).map_err(failed)
    }

    /// A program must be for the sysroot's machine, or for one whose loader is in the sysroot.
    pub(super) fn check_machine(&self, path: &Path, abi: Abi) -> Result<(), Error> {
        let Some(own) = self.machines.first() else { return Ok(()) };
        if abis_of(&self.machines).any(|known| known == abi) {
            return Ok(());
        }
        let (path, sysroot) = (path.to_owned(), self.sysroot.path().to_owned());
        Err(Error::OtherMachine { path, abi, sysroot, expected: own.abi })
    }

    /// The machine that programs of `abis` need: the first one of the tree that runs any of them, or theirs if the tree
    /// has no loader.
    pub(super) fn machine(&self, abis: &[Abi]) -> Option<Machine> {
        let runs =
            |arch: &&Arch| abis.contains(&arch.abi) || arch.also_runs.iter().any(|abi| abis.contains(abi));
        let of_tree = self.machines.iter().copied().find(runs).map(|arch| arch.abi);
        let known = || ARCHITECTURES.iter().map(|arch| arch.abi).find(|abi| abis.contains(abi));
        of_tree.or_else(known).or(abis.first().copied()).map(Machine::new)
    }
}

/// The architectures whose loaders are in a tree, the preferred one first.
pub(super) fn machines_of(sysroot: &Sysroot) -> Vec<&'static Arch> {
    let has_loader = |arch: &&Arch| {
        let loaders = [PathBuf::from(arch.glibc_loader), arch.musl_loader().into()];
        loaders.iter().any(|loader| sysroot.stat(loader).is_ok())
    };
    ARCHITECTURES.iter().filter(has_loader).collect()
}

/// The files that can be loaded where the loaders of these architectures are; the kernel of the first one decides about
/// files of other architectures.
pub(super) fn abis_of(machines: &[&'static Arch]) -> impl Iterator<Item = Abi> + use<> {
    let also = machines.first().map_or(&[][..], |own| own.also_runs);
    let own: Vec<Abi> = machines.iter().map(|arch| arch.abi).collect();
    own.into_iter().chain(also.iter().copied())
}
