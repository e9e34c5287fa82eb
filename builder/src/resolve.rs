//! Names to closure: everything that the requested binaries need in order to start, with who asked for each file.
//!
//! Every program is laid out as its own loader would do it ([`crate::loader`]); the results are merged in the order of
//! the request, so the closure does not depend on the number of threads. Nothing is executed.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::arch::{self, Arch, Cpu};
use crate::closure::{Closure, Member, MemberKind, Reason, Why};
use crate::dlopen::{self, Wish};
use crate::elf::{Abi, ElfError, NeededTag};
use crate::loader::objects::{Content, Object, Objects};
use crate::loader::{Attempt, Fatal, Missing, NoProcess, Process, Setting, Tree};
use crate::script;
use crate::sysroot::{Sysroot, Trail};

mod error;

pub use crate::dlopen::DlopenLevel;
pub use error::Error;

/// What a resolution depends on besides the files.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tree that is read; `/` is the build host.
    pub sysroot: PathBuf,
    /// Directories searched like `LD_LIBRARY_PATH`.
    pub library_path: Vec<PathBuf>,
    /// Directories in which bare names are looked up, inside the sysroot.
    pub search_path: Vec<PathBuf>,
    /// How much of what is only opened at run time comes along.
    pub dlopen: DlopenLevel,
    /// The CPUs that the image is for.
    pub hwcaps: Hwcaps,
}

/// The CPUs that libraries are chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hwcaps {
    /// What any CPU up to this level may load; the portable baseline is always among it.
    UpTo(arch::Level),
    /// What exactly this CPU would load.
    Exactly(Cpu),
}

impl Default for Options {
    fn default() -> Self {
        let standard = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        Self {
            sysroot: PathBuf::from("/"),
            library_path: Vec::new(),
            search_path: standard.map(PathBuf::from).to_vec(),
            dlopen: DlopenLevel::default(),
            hwcaps: Hwcaps::UpTo(arch::Level::Baseline),
        }
    }
}

/// One requested binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A path inside the sysroot.
    Path(PathBuf),
    /// A bare name, looked up on [`Options::search_path`].
    Name(OsString),
}

/// The closure of `roots`: what each needs, in the order of the request, each followed breadth-first.
pub fn resolve(options: &Options, roots: &[Root]) -> Result<Closure, Error> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let world = World::new(&objects, options);
    let requested = roots.iter().map(|root| world.locate(root)).collect::<Result<Vec<_>, _>>()?;
    let uses: Vec<Result<Vec<Use>, Error>> =
        requested.par_iter().map(|path| world.trace_program(path)).collect();
    let mut merge = Merge::new(&sysroot);
    for uses in uses {
        for one in uses? {
            merge.add(one)?;
        }
    }
    Ok(Closure { members: merge.members })
}

/// Every path that the loader tries for `soname` in the closure of `roots`: once for each object that asks for it,
/// and where nothing does, as if the first root had asked.
pub fn why_not(options: &Options, roots: &[Root], soname: &OsStr) -> Result<Vec<Attempt>, Error> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let world = World::new(&objects, options);
    let mut attempts = Vec::new();
    for root in roots {
        let path = world.locate(root)?;
        let (trail, object) = world.open_program(&path, &[])?;
        let Some(mut process) = start(&world.trees[0], &trail.file, &object, &[])? else { continue };
        // What ended the walk is among the attempts of the name that ended it.
        let _ = process.load_all();
        let mut askers: Vec<usize> = (0..process.loaded.len())
            .filter(|&index| process.loaded[index].facts().needed.iter().any(|needed| needed.name == soname))
            .collect();
        if askers.is_empty() {
            askers.push(0);
        }
        for by in askers {
            attempts.extend(process.attempts(by, soname));
        }
    }
    Ok(attempts)
}

fn open_sysroot(options: &Options) -> Result<Sysroot, Error> {
    Sysroot::new(&options.sysroot)
        .map_err(|error| Error::Sysroot { path: options.sysroot.clone(), errno: errno(&error) })
}

impl Options {
    /// The CPUs to lay programs out for, the portable one first.
    fn cpus(&self) -> Vec<Cpu> {
        use arch::Level::{Baseline, V2, V3, V4};
        match self.hwcaps {
            Hwcaps::Exactly(cpu) => vec![cpu],
            Hwcaps::UpTo(highest) => [Baseline, V2, V3, V4]
                .into_iter()
                .filter(|level| *level <= highest)
                .map(|level| Cpu { level, ..Cpu::BASELINE })
                .collect(),
        }
    }
}

/// One path that something asks for.
struct Use {
    path: PathBuf,
    reason: Reason,
}

/// The tree as each of the CPUs sees it.
struct World<'a> {
    options: &'a Options,
    sysroot: &'a Sysroot,
    objects: &'a Objects<'a>,
    /// One for each CPU; never empty.
    trees: Vec<Tree<'a>>,
}

impl<'a> World<'a> {
    fn new(objects: &'a Objects<'a>, options: &'a Options) -> Self {
        let setting = |cpu| Setting {
            library_path: options.library_path.clone(),
            cpu,
            conf_without_cache: true,
            preload: false,
        };
        let trees = options.cpus().into_iter().map(|cpu| Tree::new(objects, setting(cpu))).collect();
        Self { options, sysroot: objects.sysroot(), objects, trees }
    }

    fn locate(&self, root: &Root) -> Result<PathBuf, Error> {
        match root {
            Root::Path(path) => Ok(Path::new("/").join(path)),
            Root::Name(name) => self.look_up(name, &[]),
        }
    }

    fn look_up(&self, name: &OsStr, needed_by: &[PathBuf]) -> Result<PathBuf, Error> {
        if name.as_encoded_bytes().contains(&b'/') {
            return Ok(Path::new("/").join(name));
        }
        let candidates = self.options.search_path.iter().map(|dir| Path::new("/").join(dir).join(name));
        candidates.into_iter().find(|path| self.sysroot.is_executable(path)).ok_or_else(|| Error::NotOnPath {
            name: name.to_owned(),
            needed_by: needed_by.to_vec(),
            searched: self.options.search_path.clone(),
        })
    }

    /// Everything that one requested program needs, itself first.
    fn trace_program(&self, path: &Path) -> Result<Vec<Use>, Error> {
        let mut uses = vec![Use { path: path.to_owned(), reason: Reason { by: None, why: Why::Requested } }];
        let mut programs = vec![(path.to_owned(), Vec::new())];
        while let Some((path, by)) = programs.pop() {
            let (trail, object) = self.open_program(&path, &by)?;
            if let Some(next) = self.interpreters(&trail.file, &object, &by)? {
                if by.len() >= script::MAX_NESTING {
                    return Err(Error::ScriptNesting { path });
                }
                let chain = [vec![trail.file.clone()], by].concat();
                for interpreter in next {
                    let reason = Reason { by: Some(trail.file.clone()), why: Why::ScriptInterpreter };
                    uses.push(Use { path: interpreter.clone(), reason });
                    programs.push((interpreter, chain.clone()));
                }
                continue;
            }
            self.trace_elf(&trail.file, &object, &by, &mut uses)?;
        }
        Ok(uses)
    }

    fn open_program(&self, path: &Path, by: &[PathBuf]) -> Result<(Trail, Arc<Object>), Error> {
        let failed = |errno| Error::Open { path: path.to_owned(), needed_by: by.to_vec(), errno };
        let trail = self.sysroot.trail(path).map_err(|error| failed(errno(&error)))?;
        let object = self.objects.open(&trail.file).map_err(failed)?;
        Ok((trail, object))
    }

    /// The interpreters of a script; `None` for an ELF file.
    fn interpreters(
        &self,
        path: &Path,
        object: &Object,
        by: &[PathBuf],
    ) -> Result<Option<Vec<PathBuf>>, Error> {
        let (path, needed_by) = (path.to_owned(), by.to_vec());
        match &object.content {
            Content::Elf(_) => Ok(None),
            Content::BadElf(_, cause) => Err(Error::BadElf { path, needed_by, cause: cause.clone() }),
            Content::NotElf { head, error } => {
                let Some(shebang) = script::parse(head) else {
                    return Err(not_a_program(path, needed_by, head, error));
                };
                let mut found = vec![Path::new("/").join(&shebang.interpreter)];
                if let Some(program) = shebang.env_program() {
                    found.push(self.look_up(&program, &[vec![path], needed_by].concat())?);
                }
                Ok(Some(found))
            }
            Content::Directory => Err(Error::Directory { path, needed_by }),
            Content::Special => Err(Error::NotExecutable { path, needed_by }),
        }
    }

    fn trace_elf(
        &self,
        path: &Path,
        object: &Arc<Object>,
        by: &[PathBuf],
        uses: &mut Vec<Use>,
    ) -> Result<(), Error> {
        let Content::Elf(facts) = &object.content else { return Ok(()) };
        self.check_machine(path, facts.abi)?;
        if facts.is_static() {
            return Ok(());
        }
        if let Some(interpreter) = &facts.interpreter {
            let reason = Reason { by: Some(path.to_owned()), why: Why::ElfInterpreter };
            uses.push(Use { path: interpreter.into(), reason });
        }
        for tree in &self.trees {
            let Some(mut process) = start(tree, path, object, by)? else { continue };
            process.load_all().map_err(bad_library)?;
            let required = |missing: &&Missing| missing.tag != NeededTag::Auxiliary;
            if let Some(missing) = process.missing.iter().find(required) {
                return Err(self.not_found(&process, missing.by, &missing.name));
            }
            uses.extend(self.edges(&process, 0)?);
            self.open_wishes(&mut process, uses)?;
        }
        Ok(())
    }

    /// Loads what the objects of a process open while they run; what that loads may open more.
    fn open_wishes(&self, process: &mut Process, uses: &mut Vec<Use>) -> Result<(), Error> {
        let mut by = 0;
        while by < process.loaded.len() {
            for wish in dlopen::wishes(process.loaded[by].facts()) {
                if wish.level <= self.options.dlopen {
                    self.open_wish(process, by, &wish, uses)?;
                }
            }
            by += 1;
        }
        Ok(())
    }

    /// Takes the first alternative that is there; only a required one has to be.
    fn open_wish(
        &self,
        process: &mut Process,
        by: usize,
        wish: &Wish,
        uses: &mut Vec<Use>,
    ) -> Result<(), Error> {
        for soname in &wish.sonames {
            let edges = process.edges.len();
            // A file that is no library is passed over like one that is not there: the program must cope with both.
            let Ok(Some(_)) = process.dlopen(by, soname) else { continue };
            uses.extend(self.edges(process, edges)?);
            let why = Why::Dlopen { soname: soname.clone(), priority: wish.origin.clone() };
            let opened = uses.len() - (process.edges.len() - edges);
            uses[opened].reason.why = why;
            return Ok(());
        }
        match wish.level {
            DlopenLevel::Required => Err(self.not_found(process, by, &wish.sonames[0])),
            _ => Ok(()),
        }
    }

    fn not_found(&self, process: &Process, by: usize, name: &OsStr) -> Error {
        Error::LibraryNotFound {
            name: name.to_owned(),
            needed_by: process.chain(by).map(|index| process.loaded[index].path.clone()).collect(),
            attempts: process.attempts(by, name),
        }
    }

    /// The edges of a process from the one at `first`.
    fn edges(&self, process: &Process, first: usize) -> Result<Vec<Use>, Error> {
        let mut uses = Vec::with_capacity(process.edges.len());
        for edge in &process.edges[first..] {
            let path = edge.opened.as_ref().unwrap_or(&process.loaded[edge.to].path).clone();
            let by = Some(self.real_path(&process.loaded[edge.by].path)?);
            let why = Why::Needed { soname: edge.name.clone(), rule: edge.rule.to_string() };
            uses.push(Use { path, reason: Reason { by, why } });
        }
        Ok(uses)
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, Error> {
        let failed = |error| Error::Open { path: path.to_owned(), needed_by: vec![], errno: errno(&error) };
        Ok(self.sysroot.trail(path).map_err(failed)?.file)
    }

    /// A program must be for the sysroot's machine, or for one that has a loader there.
    fn check_machine(&self, path: &Path, abi: Abi) -> Result<(), Error> {
        let has_loader = |arch: &&Arch| {
            let loaders = [PathBuf::from(arch.glibc_loader), arch.musl_loader().into()];
            loaders.iter().any(|loader| self.sysroot.stat(loader).is_ok())
        };
        let Some(own) = arch::ARCHITECTURES.iter().find(has_loader) else { return Ok(()) };
        if own.abi == abi
            || own.also_runs.contains(&abi)
            || Arch::of(abi).is_some_and(|arch| has_loader(&arch))
        {
            return Ok(());
        }
        let (path, sysroot) = (path.to_owned(), self.sysroot.path().to_owned());
        Err(Error::OtherMachine { path, abi, sysroot, expected: own.abi })
    }
}

/// The process of an ELF file; `None` where there is nothing for a loader to do.
fn start<'w>(
    tree: &'w Tree<'w>,
    path: &Path,
    object: &Arc<Object>,
    by: &[PathBuf],
) -> Result<Option<Process<'w>>, Error> {
    let needed_by = || [&[path.to_owned()], by].concat();
    tree.process(path, object).map(Some).or_else(|no| match no {
        NoProcess::NotDynamic | NoProcess::UnknownMachine => Ok(None),
        NoProcess::NoLoader { path, errno } => Err(Error::Open { path, needed_by: needed_by(), errno }),
        NoProcess::BadLoader { path } => Err(Error::NotExecutable { path, needed_by: needed_by() }),
    })
}

fn not_a_program(path: PathBuf, needed_by: Vec<PathBuf>, head: &[u8], error: &ElfError) -> Error {
    if head.starts_with(b"\x7fELF") {
        Error::BadElf { path, needed_by, cause: error.clone() }
    } else {
        Error::NotExecutable { path, needed_by }
    }
}

fn bad_library(fatal: Fatal) -> Error {
    Error::BadLibrary { path: fatal.path, name: fatal.name, by: fatal.by, unusable: fatal.unusable }
}

/// Collects members; a path is one member with all its reasons.
struct Merge<'a> {
    sysroot: &'a Sysroot,
    members: Vec<Member>,
    places: HashMap<PathBuf, usize>,
}

impl<'a> Merge<'a> {
    fn new(sysroot: &'a Sysroot) -> Self {
        Self { sysroot, members: Vec::new(), places: HashMap::new() }
    }

    /// Adds a path with every link on the way to it.
    ///
    /// The asker's reason belongs to the path asked for; behind a link stands [`Why::LinkTarget`].
    fn add(&mut self, one: Use) -> Result<(), Error> {
        let failed = |error| Error::Open {
            path: one.path.clone(),
            needed_by: one.reason.by.clone().into_iter().collect(),
            errno: errno(&error),
        };
        let trail = self.sysroot.trail(&one.path).map_err(failed)?;
        let mut reason = one.reason;
        for link in trail.links {
            let kind = MemberKind::Symlink { target: link.target };
            if link.is_last {
                let behind = Reason { by: Some(link.path.clone()), why: Why::LinkTarget };
                self.put(link.path, kind, std::mem::replace(&mut reason, behind), true);
            } else {
                self.put(link.path, kind, reason.clone(), false);
            }
        }
        self.put(trail.file, MemberKind::File, reason, true);
        Ok(())
    }

    /// A link among the directories of a path keeps its first reason only: everything below it would be one.
    fn put(&mut self, path: PathBuf, kind: MemberKind, reason: Reason, every_reason: bool) {
        if let Some(&place) = self.places.get(&path) {
            let reasons = &mut self.members[place].reasons;
            if every_reason && !reasons.contains(&reason) {
                reasons.push(reason);
            }
            return;
        }
        self.places.insert(path.clone(), self.members.len());
        self.members.push(Member { path, kind, reasons: vec![reason] });
    }
}

fn errno(error: &std::io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO)
}
