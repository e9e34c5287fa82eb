//! Compares our closure with what the root's own loader prints, for every dynamic ELF file of a root.
//!
//! This is the only code that runs anything of the audited tree: its loaders, with `LD_TRACE_LOADED_OBJECTS=1`
//! (ld.so(8)) or musl's `--list`, which map the libraries but never start the program. Another root than `/` is
//! entered with chroot(2), which needs root.

mod lint;
mod loader_run;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::arch;
use crate::arch::cpu::Cpu;
use crate::elf::{Abi, Needed, NeededTag};
use crate::errno;
use crate::error::Error;
use crate::loader::loaded::PROGRAM;
use crate::loader::objects::{Content, Objects, OpenedPath};
use crate::loader::process::{Edge, Missing, Process};
use crate::loader::setting::{Preload, Setting};
use crate::loader::tree::{NoProcess, Tree};
use crate::loader::walk::dynamic_files;
use crate::sysroot::Sysroot;
use loader_run::Run;

pub use lint::{Lint, LintKind, lint};
pub use loader_run::LoadResult;

/// What to audit.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tree; `/` is the build host.
    pub root: PathBuf,
    /// Directories and files in it, walked without following links; all of its file system by default.
    pub directories: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { root: PathBuf::from("/"), directories: vec![PathBuf::from("/")] }
    }
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct AuditReport {
    /// Dynamic ELF files that were compared.
    pub files: usize,
    /// Dynamic ELF files that were not compared, with the reason: their loader is absent, or cannot run here.
    pub skipped: Vec<(PathBuf, String)>,
    /// Files for which the loader prints something else.
    pub mismatches: Vec<Mismatch>,
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for mismatch in &self.mismatches {
            writeln!(f, "{mismatch}")?;
        }
        for (file, why) in &self.skipped {
            writeln!(f, "`{}` skipped: {why}", file.display())?;
        }
        writeln!(
            f,
            "{} files compared, {} mismatches, {} skipped",
            self.files,
            self.mismatches.len(),
            self.skipped.len()
        )
    }
}

/// One file for which our result and the loader's differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file, a path inside the root.
    pub file: PathBuf,
    /// What we computed.
    pub ours: LoadResult,
    /// What the loader printed.
    pub loaders: LoadResult,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}`", self.file.display())?;
        for path in self.ours.files.difference(&self.loaders.files) {
            write!(f, "\n  only here: {}", path.display())?;
        }
        for path in self.loaders.files.difference(&self.ours.files) {
            write!(f, "\n  only the loader: {}", path.display())?;
        }
        for name in self.ours.missing.symmetric_difference(&self.loaders.missing) {
            let who = if self.ours.missing.contains(name) { "here" } else { "by the loader" };
            write!(f, "\n  missed {who} only: {}", name.display())?;
        }
        if self.ours.failure != self.loaders.failure {
            write!(f, "\n  ends here: {:?}, the loader: {:?}", self.ours.failure, self.loaders.failure)?;
        }
        Ok(())
    }
}

/// Compares every dynamic ELF file of a root with what the root's own loader prints.
///
/// # Errors
/// The root or one of the directories cannot be opened, or another root cannot be entered.
pub fn audit(options: &Options) -> Result<AuditReport, Error> {
    let sysroot = open_root(options)?;
    let objects = Objects::new(&sysroot);
    let setting = Setting {
        library_path: vec![],
        cpu: Cpu::host(),
        conf_without_cache: false,
        preload: Preload::OfTree,
    };
    let tree = Tree::new(&objects, setting);
    let files = dynamic_files(&objects, &options.directories);
    let comparisons: Vec<_> = files.par_iter().map(|file| compare(&tree, file)).collect();
    let mut report = AuditReport::default();
    for (file, comparison) in files.iter().zip(comparisons) {
        match comparison? {
            Comparison::Agree => report.files += 1,
            Comparison::Differ(mismatch) => {
                report.files += 1;
                report.mismatches.push(mismatch);
            }
            Comparison::Skipped(why) => report.skipped.push((file.path.clone(), why)),
        }
    }
    Ok(report)
}

/// Opens the root, and makes sure that it has the directories: an audit of nothing would agree with everything.
fn open_root(options: &Options) -> Result<Sysroot, Error> {
    let failed = |error| Error::Sysroot { path: options.root.clone(), errno: crate::sysroot::errno(&error) };
    let sysroot = Sysroot::new(&options.root).map_err(failed)?;
    for directory in &options.directories {
        let path = Path::new("/").join(directory);
        let opened =
            if sysroot.is_dir(&path) { sysroot.list(&path).map(drop) } else { sysroot.open(&path).map(drop) };
        opened.map_err(|error| Error::Open {
            path,
            needed_by: Vec::new(),
            errno: crate::sysroot::errno(&error),
        })?;
    }
    Ok(sysroot)
}

enum Comparison {
    Agree,
    Differ(Mismatch),
    Skipped(String),
}

fn compare(tree: &Tree, file: &OpenedPath) -> Result<Comparison, Error> {
    let mut process = match tree.process(file) {
        Ok(process) => process,
        Err(no) => return Ok(Comparison::Skipped(reason(&no, file))),
    };
    let loader = process.loader_path().to_owned();
    let sysroot = tree.objects.sysroot();
    let run = loader_run::run(sysroot, &loader, &file.path);
    let loaders = match run.map_err(|cause| not_run(sysroot, &loader, cause))? {
        Run::Printed(result) => result,
        Run::Refused(errno) => return Ok(Comparison::Skipped(refusal(&loader, file, errno))),
    };
    let ours = computed(&mut process);
    if ours == loaders {
        return Ok(Comparison::Agree);
    }
    Ok(Comparison::Differ(Mismatch { file: file.path.clone(), ours, loaders }))
}

fn not_run(sysroot: &Sysroot, loader: &Path, cause: io::Error) -> Error {
    let is_forbidden = cause.kind() == io::ErrorKind::PermissionDenied;
    if is_forbidden && !sysroot.is_whole_machine() && !rustix::process::geteuid().is_root() {
        return Error::NeedsRoot { root: sysroot.path().to_owned() };
    }
    Error::RunLoader { loader: loader.to_owned(), cause }
}

fn reason(no: &NoProcess, file: &OpenedPath) -> String {
    match no {
        NoProcess::NotDynamic => "static".to_owned(),
        NoProcess::UnknownMachine => format!("for {}, whose loaders are not known", machine(file)),
        NoProcess::NoLoader { path, .. } => {
            format!("for {}: its loader `{}` does not exist", machine(file), path.display())
        }
        NoProcess::BadLoader { path } => format!("its loader `{}` is not an ELF file", path.display()),
    }
}

/// Why a file is skipped whose loader execve(2) refused to start.
fn refusal(loader: &Path, file: &OpenedPath, errno: rustix::io::Errno) -> String {
    let (loader, errno) = (loader.display(), errno::name(errno));
    format!("for {}: its loader `{loader}` cannot run here ({errno})", machine(file))
}

fn machine(file: &OpenedPath) -> String {
    let abi: Option<Abi> = match &file.object.content {
        Content::Elf(facts) => Some(facts.abi),
        _ => None,
    };
    abi.map_or_else(|| "an unknown machine".to_owned(), arch::describe)
}

/// What the computed process loads, as the loader would print it.
fn computed(process: &mut Process) -> LoadResult {
    if let Err(fatal) = process.load_all() {
        return LoadResult::failed(&fatal.path);
    }
    // glibc prints "statically linked" for a program without DT_NEEDED, whatever else was loaded for it
    // (elf/rtld.c, `dl_main`).
    let needed = &process.loaded()[PROGRAM].facts().needed;
    if needed.iter().all(|needed| needed.tag != NeededTag::Needed) {
        return LoadResult::default();
    }
    let is_printed = |edge: &&Edge| edge.to != PROGRAM && !is_filter_of_the_program(process, edge.to);
    let is_reported = |missing: &&Missing| missing.by != PROGRAM || missing.tag == NeededTag::Needed;
    let file = |edge: &Edge| process.loaded()[edge.to].opened.resolved.file.clone();
    let name = |missing: &Missing| process.name(missing.name).to_owned();
    LoadResult {
        files: process.edges.iter().filter(is_printed).map(file).collect(),
        missing: process.missing.iter().filter(is_reported).map(name).collect(),
        failure: None,
    }
}

/// glibc puts a filter before the object that names it, and prints the objects after the program (elf/rtld.c,
/// `dl_main`): it loads a filter of the program itself, but does not print it.
fn is_filter_of_the_program(process: &Process, index: usize) -> bool {
    let has_edge = |needed: &&Needed| {
        let mut edges = process.edges.iter();
        edges.any(|e| e.by == PROGRAM && e.to == index && process.name(e.name) == needed.name)
    };
    let object = &process.loaded()[index];
    let mut named = process.loaded()[PROGRAM].facts().needed.iter().filter(has_edge);
    object.is_loaded_by(PROGRAM) && named.next().is_some_and(|needed| needed.tag != NeededTag::Needed)
}
