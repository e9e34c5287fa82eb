//! glibc's search order for one name (elf/dl-load.c, `_dl_map_object`).

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::Cache;
use super::process::{Loaded, Process, Tried, directory, try_glibc};
use super::tokens::{self, Values};
use super::{
    Flavour, Found, Journal, Loader, Outcome, PRELOAD_FILE, Preload, Rule, Setting, Unusable, conf, rodata,
};
use crate::arch::{Arch, Cpu};
use crate::shards::Shards;
use crate::sysroot::Sysroot;

/// What a glibc loader knows about the tree it stands in.
#[derive(Debug)]
pub struct Glibc {
    /// Its path, as `PT_INTERP` of the programs names it.
    pub path: PathBuf,
    /// Major and minor.
    pub version: Option<(u32, u32)>,
    /// `$LIB`
    lib: Vec<u8>,
    /// The directories that are built into it.
    system_dirs: Vec<PathBuf>,
    /// What stands below each directory of a search, best first; the last one is the directory itself.
    subdirectories: Vec<Vec<u8>>,
    /// The first component of each of them: where that is not, none of them is.
    top_directories: Vec<Vec<u8>>,
    /// Which of them each directory has.
    directories: Shards<OsString, Arc<[PathBuf]>>,
    cache: Option<Cache>,
    /// Directories of ld.so.conf, used where there is no cache.
    conf_dirs: Vec<PathBuf>,
    preloads: Vec<OsString>,
    arch: &'static Arch,
}

type End = (PathBuf, Unusable);

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
            directories: Shards::default(),
            cache,
            conf_dirs,
            preloads: preload_names(&preloads),
            arch,
        }
    }

    pub(super) fn search(
        &self,
        process: &Process,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> Result<Option<Found>, End> {
        if name.as_bytes().contains(&b'/') {
            let tried = try_glibc(process, Path::new(name), Rule::Path, journal)?;
            return Ok(found(tried));
        }
        let asker = &process.loaded[by];
        if asker.facts().runpath.is_none() {
            for above in self.rpath_askers(process, by) {
                let list = &process.loaded[above].rpath;
                if let Some(found) = self.try_list(process, list, name, Rule::Rpath, journal)? {
                    return Ok(Some(found));
                }
            }
        }
        let library_path = &process.setting.library_path;
        if let Some(found) = self.try_list(process, library_path, name, Rule::LibraryPath, journal)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.try_list(process, &asker.runpath, name, Rule::Runpath, journal)? {
            return Ok(Some(found));
        }
        let no_default_lib = asker.facts().no_default_lib;
        if let Some(found) = self.try_cache(process, name, no_default_lib, journal)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.try_list(process, &self.conf_dirs, name, Rule::Conf, journal)? {
            return Ok(Some(found));
        }
        if no_default_lib {
            for dir in &self.system_dirs {
                journal.note(&dir.join(name), Rule::SystemDirectory, || Outcome::NoDefaultLib);
            }
            return Ok(None);
        }
        self.try_list(process, &self.system_dirs, name, Rule::SystemDirectory, journal)
    }

    /// The asker, who loaded it, and so on up; the program last, once.
    fn rpath_askers(&self, process: &Process, by: usize) -> Vec<usize> {
        let mut askers: Vec<usize> = process.chain(by).collect();
        if !askers.contains(&0) {
            askers.push(0);
        }
        askers
    }

    /// glibc's `open_path`: the hardware directories of a directory come before the directory itself.
    fn try_list(
        &self,
        process: &Process,
        list: &[PathBuf],
        name: &OsStr,
        rule: Rule,
        journal: &mut Journal,
    ) -> Result<Option<Found>, End> {
        for dir in list {
            let places = self.places(process, dir);
            if places.is_empty() {
                journal.note(&dir.join(name), rule, || Outcome::NoDirectory);
            }
            for place in &*places {
                match try_glibc(process, &join(place, name.as_bytes()), rule, journal)? {
                    Tried::Found(found) => return Ok(Some(found)),
                    Tried::Next => {}
                    Tried::EndOfList => return Ok(None),
                }
            }
        }
        Ok(None)
    }

    /// The hardware directories that a directory has, and itself; nothing where it is none. Asked once.
    fn places(&self, process: &Process, dir: &Path) -> Arc<[PathBuf]> {
        let is_dir = |path: &Path| process.objects.sysroot().is_dir(path);
        let look = || -> Arc<[PathBuf]> {
            if !is_dir(dir) {
                return Arc::new([]);
            }
            let has = |top: &&[u8]| is_dir(&join(dir, top));
            let tops: Vec<&[u8]> = self.top_directories.iter().map(Vec::as_slice).filter(has).collect();
            let may_be = |below: &&Vec<u8>| below.is_empty() || tops.iter().any(|top| below.starts_with(top));
            let all = self.subdirectories.iter().filter(may_be).map(|below| (below, join(dir, below)));
            all.filter(|(below, place)| below.is_empty() || is_dir(place)).map(|(_, place)| place).collect()
        };
        let known = self.directories.get(dir.as_os_str());
        known.unwrap_or_else(|| self.directories.get_or_insert(dir.into(), look))
    }

    fn try_cache(
        &self,
        process: &Process,
        name: &OsStr,
        no_default_lib: bool,
        journal: &mut Journal,
    ) -> Result<Option<Found>, End> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let Some(path) = cache.lookup(name.as_bytes(), self.arch.cache_flags, process.setting.cpu.level)
        else {
            return Ok(None);
        };
        let path = Path::new(OsStr::from_bytes(path));
        let in_system_dir =
            |dir: &PathBuf| path.as_os_str().as_bytes().starts_with(dir.as_os_str().as_bytes());
        if no_default_lib && self.system_dirs.iter().any(in_system_dir) {
            journal.note(path, Rule::Cache, || Outcome::NoDefaultLib);
            return Ok(None);
        }
        Ok(found(try_glibc(process, path, Rule::Cache, journal)?))
    }

    fn values<'a>(&'a self, cpu: &'a Cpu, object: &'a Loaded) -> Values<'a> {
        Values { origin: directory(object.path()), lib: &self.lib, platform: cpu.platform.as_bytes() }
    }
}

impl Loader {
    /// A name of the dynamic section with its tokens replaced; musl replaces none here.
    pub(super) fn expand_name(&self, process: &Process, by: usize, name: &OsStr) -> OsString {
        match &self.flavour {
            Flavour::Glibc(glibc) => {
                let values = glibc.values(&process.setting.cpu, &process.loaded[by]);
                OsString::from_vec(tokens::expand(name.as_bytes(), &values))
            }
            Flavour::Musl(_) => name.to_owned(),
        }
    }

    /// A run path as directories.
    pub(super) fn run_path(&self, setting: &Setting, object: &Loaded, text: Option<&OsStr>) -> Vec<PathBuf> {
        let Some(text) = text else { return Vec::new() };
        match &self.flavour {
            Flavour::Glibc(glibc) => split_run_path(text.as_bytes(), &glibc.values(&setting.cpu, object)),
            Flavour::Musl(_) => super::musl::split_run_path(text.as_bytes(), directory(object.path())),
        }
    }

    /// glibc's major and minor version; `None` for another libc, or when the loader does not tell.
    pub(super) fn glibc_version(&self) -> Option<(u32, u32)> {
        match &self.flavour {
            Flavour::Glibc(glibc) => glibc.version,
            Flavour::Musl(_) => None,
        }
    }

    /// The names in /etc/ld.so.preload.
    pub(super) fn preloads(&self) -> &[OsString] {
        match &self.flavour {
            Flavour::Glibc(glibc) => &glibc.preloads,
            Flavour::Musl(_) => &[],
        }
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

/// `fillin_rpath`: an empty element is the current directory, trailing slashes go, what was there before goes.
fn split_run_path(text: &[u8], values: &Values) -> Vec<PathBuf> {
    let mut dirs: Vec<OsString> = Vec::new();
    // `decompose_rpath`: a run path that is empty as a whole is none.
    if text.is_empty() {
        return Vec::new();
    }
    for element in text.split(|&b| b == b':') {
        let mut dir = tokens::expand(element, values);
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

/// Joins as the loader does: textually, with one slash.
fn join(dir: &Path, name: &[u8]) -> PathBuf {
    let mut path = dir.as_os_str().as_bytes().to_vec();
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    OsString::from_vec(path).into()
}

/// `_dl_important_hwcaps`: glibc-hwcaps, then (glibc ≤ 2.36) every subset of the old hardware names, then nothing.
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

/// The first components, with their slash, each once.
fn tops(subdirectories: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let first = |below: &Vec<u8>| Some(below[..=memchr::memchr(b'/', below)?].to_vec());
    let mut tops: Vec<Vec<u8>> = subdirectories.iter().filter_map(first).collect();
    tops.sort();
    tops.dedup();
    tops
}

/// ld.so(8): names separated by white space or colons; `#` starts a comment.
fn preload_names(text: &[u8]) -> Vec<OsString> {
    let lines = text.split(|&b| b == b'\n').map(|line| line.split(|&b| b == b'#').next().unwrap_or_default());
    lines
        .flat_map(|line| line.split(|&b| b.is_ascii_whitespace() || b == b':'))
        .filter(|name| !name.is_empty())
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect()
}
