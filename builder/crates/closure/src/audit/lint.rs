//! Things that a loader accepts today and that a person should know about a root.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Error, Options, open_root};
use crate::arch::Cpu;
use crate::dlopen;
use crate::elf::{self, ElfFacts};
use crate::loader::objects::{Content, Objects, Place};
use crate::loader::walk::dynamic_files;
use crate::loader::{Preload, Rule, Setting, Tree, mapped};

/// One remark about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The file, a path inside the root.
    pub file: PathBuf,
    /// The remark.
    pub kind: LintKind,
}

/// The kinds of [`Lint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LintKind {
    /// It imports dlopen, and neither a note nor a rule of ours says what for.
    UnexplainedDlopen,
    /// A library in a directory of ld.so.conf, which the loader finds through a cache only; the root has none.
    NoCache {
        /// The library's name.
        soname: OsString,
        /// Where it stands.
        path: PathBuf,
    },
    /// An empty or relative element in a run path: the working directory decides what is loaded.
    WorkingDirectory,
    /// `$PLATFORM` in a run path: the CPU decides what is loaded.
    Platform,
    /// A run path in a setuid or setgid program.
    Privileged,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}` ", self.file.display())?;
        match &self.kind {
            LintKind::UnexplainedDlopen => f.write_str("imports dlopen, and no note or rule says what for"),
            LintKind::NoCache { soname, path } => write!(
                f,
                "needs `{}` of `{}`, which is found through ld.so.cache only; there is none",
                soname.display(),
                path.display()
            ),
            LintKind::WorkingDirectory => f.write_str("searches libraries in the working directory"),
            LintKind::Platform => {
                f.write_str("has $PLATFORM in its run path: another CPU loads other libraries")
            }
            LintKind::Privileged => f.write_str("is setuid or setgid and has a run path"),
        }
    }
}

/// Everything there is to remark about the dynamic ELF files of a root, in the order of the files.
pub fn lint(options: &Options) -> Result<Vec<Lint>, Error> {
    let sysroot = open_root(options)?;
    let objects = Objects::new(&sysroot);
    let setting = Setting {
        library_path: vec![],
        cpu: Cpu::BASELINE,
        conf_without_cache: true,
        preload: Preload::Text(Vec::new()),
    };
    let tree = Tree::new(&objects, setting);
    let files = dynamic_files(&objects, &options.directories);
    Ok(files.par_iter().flat_map_iter(|place| remarks(&tree, place)).collect())
}

fn remarks(tree: &Tree, place: &Place) -> Vec<Lint> {
    let Content::Elf(facts) = &place.object.content else { return Vec::new() };
    let mut kinds = run_path_remarks(facts, place.object.mode);
    if !dlopen::is_explained(facts) && imports_dlopen(tree, &place.path) {
        kinds.push(LintKind::UnexplainedDlopen);
    }
    kinds.extend(uncached(tree, place));
    kinds.into_iter().map(|kind| Lint { file: place.path.clone(), kind }).collect()
}

fn run_path_remarks(facts: &ElfFacts, mode: u32) -> Vec<LintKind> {
    const SETUID_OR_SETGID: u32 = 0o6000;
    let Some(text) = facts.runpath.as_ref().or(facts.rpath.as_ref()).filter(|text| !text.is_empty()) else {
        return Vec::new();
    };
    let mut kinds = Vec::new();
    let mut elements = text.as_bytes().split(|&b| b == b':');
    if elements.any(|element| !element.starts_with(b"/") && !element.starts_with(b"$")) {
        kinds.push(LintKind::WorkingDirectory);
    }
    let has = |token: &[u8]| text.as_bytes().windows(token.len()).any(|window| window == token);
    if has(b"$PLATFORM") || has(b"${PLATFORM}") {
        kinds.push(LintKind::Platform);
    }
    if mode & SETUID_OR_SETGID != 0 {
        kinds.push(LintKind::Privileged);
    }
    kinds
}

fn imports_dlopen(tree: &Tree, path: &Path) -> bool {
    let file = tree.objects.sysroot().open(path);
    let found = file.and_then(|file| mapped::with_bytes(&file, |bytes| elf::imports(bytes, b"dlopen")));
    found.unwrap_or(false)
}

/// The libraries that only ld.so.conf leads to.
fn uncached(tree: &Tree, place: &Place) -> Vec<LintKind> {
    let Ok(mut process) = tree.process(place) else { return Vec::new() };
    // A search that ends early has found what it has found.
    let _ = process.load_all();
    let by_conf = process.edges.iter().filter(|edge| edge.by == 0 && edge.rule == Rule::Conf);
    let kind = |edge: &crate::loader::Edge| LintKind::NoCache {
        soname: process.name(edge.name).to_owned(),
        path: process.loaded[edge.to].path().to_owned(),
    };
    by_conf.map(kind).collect()
}
