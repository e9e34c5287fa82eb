//! Files that a loader accepts, and that the administrator of a root should know about.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Options, open_root};
use crate::arch::cpu::Cpu;
use crate::dlopen;
use crate::elf::{self, ElfFacts};
use crate::error::Error;
use crate::loader::attempt::Rule;
use crate::loader::loaded::PROGRAM;
use crate::loader::mapped;
use crate::loader::objects::{Content, Objects, OpenedPath};
use crate::loader::process::Edge;
use crate::loader::setting::{Preload, Setting};
use crate::loader::tree::Tree;
use crate::loader::walk::dynamic_files;

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
    /// It imports dlopen, and neither a note nor the built-in table names what it opens.
    UnexplainedDlopen,
    /// It needs a library in a directory of ld.so.conf, which the loader finds through ld.so.cache only, and the root
    /// does not have a cache.
    NoCache {
        /// The library's name.
        soname: OsString,
        /// Its path.
        path: PathBuf,
    },
    /// An empty or relative element in a run path: the working directory decides what is loaded.
    WorkingDirectory,
    /// `$PLATFORM` in a run path: the CPU decides what is loaded.
    Platform,
    /// A setuid or setgid program with a run path.
    Privileged,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}` ", self.file.display())?;
        match &self.kind {
            LintKind::UnexplainedDlopen => {
                f.write_str("imports dlopen, and no note or rule names what it opens")
            }
            LintKind::NoCache { soname, path } => write!(
                f,
                "needs `{}` of `{}`, which is found through ld.so.cache only, and that does not exist",
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

/// All remarks about the dynamic ELF files of a root, in the order of the files.
///
/// # Errors
/// The root cannot be opened.
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
    Ok(files.par_iter().flat_map_iter(|file| remarks(&tree, file)).collect())
}

fn remarks(tree: &Tree, file: &OpenedPath) -> Vec<Lint> {
    let Content::Elf(facts) = &file.object.content else { return Vec::new() };
    let mut kinds = run_path_remarks(facts, file.object.mode);
    if !dlopen::is_explained(facts) && imports_dlopen(tree, &file.path) {
        kinds.push(LintKind::UnexplainedDlopen);
    }
    kinds.extend(uncached(tree, file));
    kinds.into_iter().map(|kind| Lint { file: file.path.clone(), kind }).collect()
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
fn uncached(tree: &Tree, file: &OpenedPath) -> Vec<LintKind> {
    let Ok(mut process) = tree.process(file) else { return Vec::new() };
    // A file that ends the program does not change the edges that were found before.
    let _ = process.load_all();
    let by_conf = process.edges.iter().filter(|edge| edge.by == PROGRAM && edge.rule == Rule::Conf);
    let kind = |edge: &Edge| LintKind::NoCache {
        soname: process.name(edge.name).to_owned(),
        path: process.loaded()[edge.to].path().to_owned(),
    };
    by_conf.map(kind).collect()
}
