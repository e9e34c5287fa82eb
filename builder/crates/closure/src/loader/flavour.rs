//! One loader of a tree: which C library's rules it follows, and the libraries that it found before.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::attempt::{Found, Journal, SearchResult};
use super::glibc::Glibc;
use super::loaded::{AddressSpace, Loaded};
use super::musl::{self, Musl};
use super::names::NameId;
use super::objects::Objects;
use super::setting::Setting;
use super::slots::Slots;
use crate::arch::{self, Arch};

/// A loader of one tree.
#[derive(Debug)]
pub(super) struct Loader {
    flavour: Flavour,
    /// Results of searches that depend on the name only; `None` when no rule found it.
    plain: Slots<Option<Found>>,
    /// Its own path, as a name that it answers to.
    pub(super) name: NameId,
}

#[derive(Debug)]
enum Flavour {
    /// GNU libc's `ld-linux-*.so`.
    Glibc(Box<Glibc>),
    /// musl's `ld-musl-*.so.1`, which is also the C library.
    Musl(Musl),
}

impl Loader {
    /// Reads what the loader at `path` knows. `arch` is that of the program that names it.
    pub(super) fn read(path: &Path, arch: &'static Arch, objects: &Objects, setting: &Setting) -> Self {
        let flavour = if arch::is_musl_loader(path) {
            Flavour::Musl(Musl::read(path, objects.sysroot()))
        } else {
            Flavour::Glibc(Box::new(Glibc::read(path, arch, objects.sysroot(), setting)))
        };
        Loader { flavour, plain: Slots::default(), name: objects.names().id(path.as_os_str()) }
    }

    /// `PT_INTERP` of the programs that it loads.
    pub(super) fn path(&self) -> &Path {
        match &self.flavour {
            Flavour::Glibc(glibc) => &glibc.path,
            Flavour::Musl(musl) => &musl.path,
        }
    }

    pub(super) fn is_musl(&self) -> bool {
        matches!(self.flavour, Flavour::Musl(_))
    }

    pub(super) fn search(
        &self,
        space: &AddressSpace,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> SearchResult {
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.search(space, by, name, journal),
            Flavour::Musl(musl) => musl.search(space, by, name, journal),
        }
    }

    /// A search that depends on the name only, made once for all programs of this loader.
    pub(super) fn search_once(&self, space: &AddressSpace, by: usize, name: NameId) -> SearchResult {
        let slot = self.plain.slot(name.index());
        if let Some(known) = slot.get() {
            return Ok(*known);
        }
        let text = space.objects.names().text(name);
        let found = self.search(space, by, text, &mut Journal::default())?;
        Ok(*slot.get_or_init(|| found))
    }

    /// Whether the name means the loader itself, whatever is loaded.
    pub(super) fn is_itself(&self, name: &OsStr) -> bool {
        self.is_musl() && musl::is_itself(name)
    }

    /// A name of the dynamic section with its tokens replaced; musl does not replace any here.
    pub(super) fn expand_name(&self, space: &AddressSpace, by: usize, name: &OsStr) -> OsString {
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.expand_name(&space.setting.cpu, &space.loaded[by], name),
            Flavour::Musl(_) => name.to_owned(),
        }
    }

    /// A run path as directories.
    pub(super) fn run_path(&self, setting: &Setting, object: &Loaded, text: Option<&OsStr>) -> Vec<PathBuf> {
        let Some(text) = text else { return Vec::new() };
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.run_path(&setting.cpu, object, text.as_bytes()),
            Flavour::Musl(_) => musl::split_run_path(text.as_bytes(), object.origin()),
        }
    }

    /// glibc's major and minor version; `None` for another libc, or when the loader does not contain it.
    pub(super) fn glibc_version(&self) -> Option<(u32, u32)> {
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.version,
            Flavour::Musl(_) => None,
        }
    }

    /// The names in /etc/ld.so.preload; musl does not have such a file.
    pub(super) fn preloads(&self) -> &[OsString] {
        match &self.flavour {
            Flavour::Glibc(glibc) => &glibc.preloads,
            Flavour::Musl(_) => &[],
        }
    }
}
