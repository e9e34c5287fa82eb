//! Does our closure agree with the loader? Asked of every dynamic ELF file of a root, with that root's own loader.
//!
//! This is the only place that runs anything of the audited tree: its loaders, with `LD_TRACE_LOADED_OBJECTS=1`
//! (ld.so(8)) or musl's `--list`, which map the libraries but never start the program. Another root than `/` is
//! entered with chroot(8), which needs root.

mod answer;
mod lint;

use std::fmt;
use std::path::PathBuf;

use crate::arch::Cpu;
use crate::elf::{Needed, NeededTag};
use crate::loader::objects::{Objects, Place};
use crate::loader::walk::dynamic_files;
use crate::loader::{Edge, Missing, NoProcess, Preload, Process, Setting, Tree};
use crate::sysroot::Sysroot;
use rayon::prelude::*;

pub use answer::Answer;
pub use lint::{Lint, LintKind, lint};

/// What is audited.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tree; `/` is the machine itself.
    pub root: PathBuf,
    /// Directories below it, walked without following links; all of its file system by default.
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
    /// Dynamic ELF files that no loader of the root can take, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Files for which the loader says something else.
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

/// One file for which our closure and the loader's answer differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file, a path inside the root.
    pub file: PathBuf,
    /// What we say.
    pub ours: Answer,
    /// What the loader says.
    pub loaders: Answer,
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

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root cannot be opened.
    #[error("`{}`: {}", .path.display(), crate::errno::name(*.errno))]
    Root {
        /// The root as given.
        path: PathBuf,
        /// What open(2) said.
        errno: rustix::io::Errno,
    },
    /// A loader could not be run.
    #[error("`{}` cannot be run: {cause}\n  hint: another root is entered with chroot(2), which needs root", .loader.display())]
    Ask {
        /// The loader.
        loader: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

/// Compares every dynamic ELF file of a root with what the root's own loader says.
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
    let verdicts: Vec<_> = files.par_iter().map(|place| compare(&tree, place)).collect();
    let mut report = AuditReport::default();
    for (place, verdict) in files.iter().zip(verdicts) {
        match verdict? {
            Verdict::Agree => report.files += 1,
            Verdict::Differ(mismatch) => {
                report.files += 1;
                report.mismatches.push(mismatch);
            }
            Verdict::Skipped(why) => report.skipped.push((place.path.clone(), why)),
        }
    }
    Ok(report)
}

fn open_root(options: &Options) -> Result<Sysroot, Error> {
    Sysroot::new(&options.root).map_err(|error| Error::Root {
        path: options.root.clone(),
        errno: rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO),
    })
}

enum Verdict {
    Agree,
    Differ(Mismatch),
    Skipped(String),
}

fn compare(tree: &Tree, file: &Place) -> Result<Verdict, Error> {
    let mut process = match tree.process(file) {
        Ok(process) => process,
        Err(no) => return Ok(Verdict::Skipped(reason(&no))),
    };
    let ours = our_answer(&mut process);
    let loader = process.loader_path().to_owned();
    let loaders = answer::ask(tree.objects.sysroot(), &loader, &file.path)
        .map_err(|cause| Error::Ask { loader, cause })?;
    if ours == loaders {
        return Ok(Verdict::Agree);
    }
    Ok(Verdict::Differ(Mismatch { file: file.path.clone(), ours, loaders }))
}

fn reason(no: &NoProcess) -> String {
    match no {
        NoProcess::NotDynamic => "static".to_owned(),
        NoProcess::UnknownMachine => "of a machine whose loaders are not known".to_owned(),
        NoProcess::NoLoader { path, .. } => format!("its loader `{}` is not there", path.display()),
        NoProcess::BadLoader { path } => format!("its loader `{}` is no ELF file", path.display()),
    }
}

/// What the computed process says, in the loader's terms.
fn our_answer(process: &mut Process) -> Answer {
    if let Err(fatal) = process.load_all() {
        return Answer::failed(&fatal.path);
    }
    // glibc says "statically linked" of what has no DT_NEEDED, whatever else was loaded for it.
    let needed = &process.loaded[0].facts().needed;
    if needed.iter().all(|needed| needed.tag != NeededTag::Needed) {
        return Answer::default();
    }
    let told = |edge: &&Edge| edge.to != 0 && !is_filter_of_the_program(process, edge.to);
    let is_told = |missing: &&Missing| missing.by != 0 || missing.tag == NeededTag::Needed;
    let file = |edge: &Edge| process.loaded[edge.to].place.trail.file.clone();
    let name = |missing: &Missing| process.name(missing.name).to_owned();
    Answer {
        files: process.edges.iter().filter(told).map(file).collect(),
        missing: process.missing.iter().filter(is_told).map(name).collect(),
        failure: None,
    }
}

/// glibc puts a filter before the object that names it, and its answer starts behind the program: what filters the
/// program itself is loaded, but not told.
fn is_filter_of_the_program(process: &Process, index: usize) -> bool {
    let is_asked_for = |needed: &&Needed| {
        process.edges.iter().any(|e| e.by == 0 && e.to == index && process.name(e.name) == needed.name)
    };
    let mut asked = process.loaded[0].facts().needed.iter().filter(is_asked_for);
    process.loaded[index].loader == Some(0)
        && asked.next().is_some_and(|needed| needed.tag != NeededTag::Needed)
}
