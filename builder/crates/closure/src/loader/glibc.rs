//! glibc's search order for one name (elf/dl-load.c, `_dl_map_object`).

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::attempt::{Found, Journal, Outcome, Rule, SearchResult, Unusable};
use super::cache::Cache;
use super::loaded::{AddressSpace, Loaded, PROGRAM};
use super::objects::Content;
use super::setting::{PRELOAD_FILE, Preload, Setting};
use super::tokens::{self, TokenValues};
use super::{conf, rodata};
use crate::arch::Arch;
use crate::arch::cpu::Cpu;
use crate::elf::Abi;
use crate::shards::Shards;
use crate::sysroot::Sysroot;

/// What a glibc loader knows about its tree.
#[derive(Debug)]
pub(super) struct Glibc {
    /// Its path, as `PT_INTERP` of the programs names it.
    pub(super) path: PathBuf,
    /// Major and minor; `None` when the loader does not contain it.
    pub(super) version: Option<(u32, u32)>,
    /// `$LIB`
    lib: Vec<u8>,
    /// The directories that are built into it.
    system_dirs: Vec<PathBuf>,
    /// The hardware directories that are searched below each directory, best first; the last one is the directory
    /// itself.
    subdirectories: Vec<Vec<u8>>,
    /// The first component of each of them: when it is missing, so are all hardware directories that start with it.
    top_directories: Vec<Vec<u8>>,
    /// What exists of them, for each directory that was searched.
    existing: Shards<OsString, Arc<[PathBuf]>>,
    cache: Option<Cache>,
    /// Directories of ld.so.conf, for a tree without a cache.
    conf_dirs: Vec<PathBuf>,
    pub(super) preloads: Vec<OsString>,
    arch: &'static Arch,
}

impl Glibc {
    pub(super) fn read(path: &Path, arch: &'static Arch, sysroot: &Sysroot, setting: &Setting) -> Self {
        let facts = rodata::parse(&read(sysroot, path).unwrap_or_default());
        let cache = read(sysroot, Path::new("/etc/ld.so.cache")).and_then(|bytes| Cache::parse(&bytes).ok());
        let conf_dirs = match cache {
            None if setting.conf_without_cache => conf::directories(sysroot),
            _ => Vec::new(),
        };
        let preloads = match &setting.preload {
            Preload::OfTree => read(sysroot, Path::new(PRELOAD_FILE)).unwrap_or_default(),
            Preload::Text(text) => text.clone(),
        };
        let built_in = || arch.system_dirs.iter().map(|dir| dir.as_bytes().to_vec()).collect();
        let system_dirs: Vec<Vec<u8>> = facts.system_dirs.unwrap_or_else(built_in);
        let has_legacy_directories = facts.version.is_some_and(|version| version <= (2, 36));
        let subdirectories = subdirectories(arch, &setting.cpu, has_legacy_directories);
        Self {
            path: path.to_owned(),
            version: facts.version,
            lib: facts.lib.unwrap_or_else(|| arch.lib.as_bytes().to_vec()),
            system_dirs: system_dirs.into_iter().map(|dir| OsString::from_vec(dir).into()).collect(),
            top_directories: tops(&subdirectories),
            subdirectories,
            existing: Shards::default(),
            cache,
            conf_dirs,
            preloads: preload_names(&preloads),
            arch,
        }
    }

    pub(super) fn search(
        &self,
        space: &AddressSpace,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> SearchResult {
        if name.as_bytes().contains(&b'/') {
            let tried = try_path(space, Path::new(name), Rule::Path, journal)?;
            return Ok(found(tried));
        }
        let object = &space.loaded[by];
        // DT_RPATH does not count for an object that has a DT_RUNPATH, not even that of the objects above it
        // (ld.so(8)).
        if object.facts().runpath.is_none() {
            for above in self.rpath_chain(space, by) {
                let list = &space.loaded[above].rpath;
                if let Some(found) = self.try_list(space, list, name, Rule::Rpath, journal)? {
                    return Ok(Some(found));
                }
            }
        }
        let library_path = &space.setting.library_path;
        if let Some(found) = self.try_list(space, library_path, name, Rule::LibraryPath, journal)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.try_list(space, &object.runpath, name, Rule::Runpath, journal)? {
            return Ok(Some(found));
        }
        let no_default_lib = object.facts().no_default_lib;
        if let Some(found) = self.try_cache(space, name, no_default_lib, journal)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.try_list(space, &self.conf_dirs, name, Rule::Conf, journal)? {
            return Ok(Some(found));
        }
        if no_default_lib {
            for dir in &self.system_dirs {
                journal.note(&dir.join(name), Rule::SystemDirectory, || Outcome::NoDefaultLib);
            }
            return Ok(None);
        }
        self.try_list(space, &self.system_dirs, name, Rule::SystemDirectory, journal)
    }

    /// The objects whose DT_RPATH counts: the one that needs the library, the one that loaded it, and so on up; the
    /// program last, once.
    fn rpath_chain(&self, space: &AddressSpace, by: usize) -> Vec<usize> {
        let mut chain: Vec<usize> = space.chain(by).collect();
        if !chain.contains(&PROGRAM) {
            chain.push(PROGRAM);
        }
        chain
    }

    /// The hardware directories of a directory come before the directory itself (elf/dl-load.c, `open_path`).
    fn try_list(
        &self,
        space: &AddressSpace,
        list: &[PathBuf],
        name: &OsStr,
        rule: Rule,
        journal: &mut Journal,
    ) -> SearchResult {
        for dir in list {
            let existing = self.existing_directories(space, dir);
            if existing.is_empty() {
                journal.note(&dir.join(name), rule, || Outcome::NoDirectory);
            }
            for directory in &*existing {
                match try_path(space, &join(directory, name.as_bytes()), rule, journal)? {
                    Tried::Found(found) => return Ok(Some(found)),
                    Tried::Next => {}
                    Tried::EndOfList => return Ok(None),
                }
            }
        }
        Ok(None)
    }

    /// The hardware directories that exist below a directory, then the directory; empty when it is not a directory.
    /// Remembered.
    fn existing_directories(&self, space: &AddressSpace, dir: &Path) -> Arc<[PathBuf]> {
        let is_dir = |path: &Path| space.objects.sysroot().is_dir(path);
        let look = || -> Arc<[PathBuf]> {
            if !is_dir(dir) {
                return Arc::new([]);
            }
            let has = |top: &&[u8]| is_dir(&join(dir, top));
            let tops: Vec<&[u8]> = self.top_directories.iter().map(Vec::as_slice).filter(has).collect();
            let may_be = |below: &&Vec<u8>| below.is_empty() || tops.iter().any(|top| below.starts_with(top));
            let all = self.subdirectories.iter().filter(may_be).map(|below| (below, join(dir, below)));
            all.filter(|(below, path)| below.is_empty() || is_dir(path)).map(|(_, path)| path).collect()
        };
        let known = self.existing.get(dir.as_os_str());
        known.unwrap_or_else(|| self.existing.get_or_insert(dir.into(), look))
    }

    fn try_cache(
        &self,
        space: &AddressSpace,
        name: &OsStr,
        no_default_lib: bool,
        journal: &mut Journal,
    ) -> SearchResult {
        let Some(cache) = &self.cache else { return Ok(None) };
        let Some(path) = cache.lookup(name.as_bytes(), self.arch.cache_flags, space.setting.cpu.level) else {
            return Ok(None);
        };
        let path = Path::new(OsStr::from_bytes(path));
        // With DF_1_NODEFLIB a cached path counts only when its text does not start with a system directory.
        let in_system_dir =
            |dir: &PathBuf| path.as_os_str().as_bytes().starts_with(dir.as_os_str().as_bytes());
        if no_default_lib && self.system_dirs.iter().any(in_system_dir) {
            journal.note(path, Rule::Cache, || Outcome::NoDefaultLib);
            return Ok(None);
        }
        Ok(found(try_path(space, path, Rule::Cache, journal)?))
    }

    pub(super) fn expand_name(&self, cpu: &Cpu, object: &Loaded, name: &OsStr) -> OsString {
        OsString::from_vec(tokens::expand(name.as_bytes(), &self.token_values(cpu, object)))
    }

    /// `fillin_rpath`: tokens are replaced, an empty element is the current directory, slashes at the end and
    /// directories that the list has already are dropped. `decompose_rpath`: an empty run path does not count.
    pub(super) fn run_path(&self, cpu: &Cpu, object: &Loaded, text: &[u8]) -> Vec<PathBuf> {
        let mut dirs: Vec<OsString> = Vec::new();
        if text.is_empty() {
            return Vec::new();
        }
        let values = self.token_values(cpu, object);
        for element in text.split(|&b| b == b':') {
            let mut dir = tokens::expand(element, &values);
            while dir.len() > 1 && dir.ends_with(b"/") {
                dir.pop();
            }
            if dir.is_empty() {
                dir.push(b'.');
            }
            let dir = OsString::from_vec(dir);
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        dirs.into_iter().map(PathBuf::from).collect()
    }

    fn token_values<'a>(&'a self, cpu: &'a Cpu, object: &'a Loaded) -> TokenValues<'a> {
        TokenValues { origin: object.origin(), lib: &self.lib, platform: cpu.platform.as_bytes() }
    }
}

/// How a search continues after one path of a list.
enum Tried {
    Found(Found),
    /// With the next path.
    Next,
    /// With the next rule.
    EndOfList,
}

/// Opens one path and checks the file as glibc does (elf/dl-load.c, `open_verify` and `_dl_map_object_from_fd`).
///
/// ENOENT and EACCES continue with the next path, any other errno ends the list (`open_path`).
fn try_path(
    space: &AddressSpace,
    path: &Path,
    rule: Rule,
    journal: &mut Journal,
) -> Result<Tried, (PathBuf, Unusable)> {
    let opened = space.objects.open(path);
    let outcome = match &opened {
        Err(errno) => Outcome::Errno(*errno),
        Ok(opened) => judge(&opened.object.content, space.abi()),
    };
    journal.note(path, rule, || outcome.clone());
    match (outcome, opened) {
        (Outcome::Found, Ok(opened)) => Ok(Tried::Found(Found { path: opened.id, rule })),
        (Outcome::Fatal(unusable), _) => Err((path.to_owned(), unusable)),
        (Outcome::Errno(Errno::NOENT | Errno::ACCESS), _) => Ok(Tried::Next),
        (Outcome::Errno(_), _) => Ok(Tried::EndOfList),
        _ => Ok(Tried::Next),
    }
}

/// Whether a file can be loaded as a library into a process of `abi`.
fn judge(content: &Content, abi: Abi) -> Outcome {
    match content {
        Content::Elf(facts) if facts.abi != abi => Outcome::OtherAbi(facts.abi),
        Content::BadElf(other, _) if *other != abi => Outcome::OtherAbi(*other),
        Content::Elf(facts) if !facts.has_dynamic_section => Outcome::Fatal(Unusable::NoDynamicSection),
        Content::Elf(facts) if facts.is_pie => Outcome::Fatal(Unusable::Program),
        Content::Elf(_) => Outcome::Found,
        Content::BadElf(_, error) | Content::NotElf { error, .. } => Outcome::Fatal(error.clone().into()),
        Content::Directory => Outcome::Fatal(Unusable::Directory),
        Content::Special => Outcome::Fatal(Unusable::Special),
    }
}

fn found(tried: Tried) -> Option<Found> {
    match tried {
        Tried::Found(found) => Some(found),
        Tried::Next | Tried::EndOfList => None,
    }
}

fn read(sysroot: &Sysroot, path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    sysroot.open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Joins texts with one slash, as the loader does.
fn join(dir: &Path, name: &[u8]) -> PathBuf {
    let mut path = dir.as_os_str().as_bytes().to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    OsString::from_vec(path).into()
}

/// The subdirectories glibc-hwcaps/*, then (glibc ≤ 2.36) every subset of the old hardware names, and at the end the
/// empty one (elf/dl-hwcaps.c, `_dl_important_hwcaps`).
fn subdirectories(arch: &Arch, cpu: &Cpu, has_legacy_directories: bool) -> Vec<Vec<u8>> {
    if arch.name != "x86-64" {
        return vec![Vec::new()];
    }
    let mut list: Vec<Vec<u8>> =
        cpu.level.directories().iter().map(|level| format!("glibc-hwcaps/{level}/").into_bytes()).collect();
    let mut parts = vec!["tls", cpu.platform];
    if cpu.avx512_1 {
        parts.push("avx512_1");
    }
    parts.push("x86_64");
    let subsets = if has_legacy_directories { 1 << parts.len() } else { 1 };
    for subset in (0..subsets).rev() {
        let takes = |at: &usize| subset & (1 << (parts.len() - 1 - at)) != 0;
        let chosen = (0..parts.len()).filter(takes).flat_map(|at| [parts[at].as_bytes(), b"/"].concat());
        list.push(chosen.collect());
    }
    list
}

/// The first components, each with its slash and once.
fn tops(subdirectories: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let first = |below: &Vec<u8>| Some(below[..=memchr::memchr(b'/', below)?].to_vec());
    let mut tops: Vec<Vec<u8>> = subdirectories.iter().filter_map(first).collect();
    tops.sort();
    tops.dedup();
    tops
}

/// Names separated by white space or colons; `#` starts a comment (ld.so(8); elf/rtld.c, `dl_main`).
fn preload_names(text: &[u8]) -> Vec<OsString> {
    let lines = text.split(|&b| b == b'\n').map(|line| line.split(|&b| b == b'#').next().unwrap_or_default());
    lines
        .flat_map(|line| line.split(|&b| b.is_ascii_whitespace() || b == b':'))
        .filter(|name| !name.is_empty())
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect()
}
