//! Names to closure: everything that the requested binaries need in order to start, with who asked for each file.
//!
//! Every program is laid out as its own loader would do it ([`crate::loader`]); the results are merged in the order of
//! the request, so the closure does not depend on the number of threads. Nothing is executed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::arch::{self, Arch, Cpu};
use crate::closure::{Closure, Why};
use crate::dlopen::Wish;
use crate::elf::{Abi, ElfError, ElfFacts, NeededTag};
use crate::loader::objects::{Content, Objects, Place};
use crate::loader::walk::dynamic_files;
use crate::loader::{Attempt, Fatal, Missing, NoProcess, Preload, Process, Setting, Tree};
use crate::nss;
use crate::script;
use crate::sysroot::Sysroot;

mod error;
mod merge;

pub use crate::dlopen::DlopenLevel;
pub use error::Error;
use merge::{Claim, Merge, Use};

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
    /// Services of the image's nsswitch.conf; their modules come with every program that has glibc.
    pub name_services: BTreeSet<String>,
    /// The text of the image's /etc/ld.so.preload; empty for none.
    pub preload: Vec<u8>,
}

/// The CPUs that libraries are chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hwcaps {
    /// What any CPU up to this level may load; the portable baseline is always among it.
    ///
    /// The hardware directories of glibc ≤ 2.36 are searched with the names that every x86-64 has.
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
            name_services: BTreeSet::new(),
            preload: Vec::new(),
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

/// The loader's own number in a process.
const ITSELF: usize = 1;

/// How many programs are traced while those before them are merged.
const AT_ONCE: usize = 512;

/// The closure of `roots`: what each needs, in the order of the request, each followed breadth-first.
pub fn resolve(options: &Options, roots: &[Root]) -> Result<Closure, Error> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let world = World::new(&objects, options);
    let requested = roots.iter().map(|root| world.locate(root)).collect::<Result<Vec<_>, _>>()?;
    let mut merge = Merge::new(objects.names());
    world.trace_all(&requested, |trace| trace.map(|uses| merge.add_all(uses)))?;
    Ok(merge.into_closure())
}

/// The closure of many files, and what is not in it.
#[derive(Debug)]
pub struct Survey {
    /// Of everything that can be started or loaded.
    pub closure: Closure,
    /// Why the rest cannot, in the order of the request.
    pub failures: Vec<Error>,
}

/// Like [`resolve`], but a directory stands for every dynamic ELF file below it, and a failure ends nothing.
pub fn survey(options: &Options, roots: &[Root]) -> Result<Survey, Error> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let world = World::new(&objects, options);
    let (mut requested, mut failures) = (Vec::new(), Vec::new());
    for root in roots {
        match world.locate(root) {
            Ok(path) if sysroot.is_dir(&path) => {
                requested
                    .extend(dynamic_files(&objects, &[path]).into_iter().map(|place| place.path.clone()));
            }
            Ok(path) => requested.push(path),
            Err(error) => failures.push(error),
        }
    }
    let mut merge = Merge::new(objects.names());
    world.trace_all(&requested, |trace| {
        match trace {
            Ok(uses) => merge.add_all(uses),
            Err(error) => failures.push(error),
        }
        Ok(())
    })?;
    Ok(Survey { closure: merge.into_closure(), failures })
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
        let place = world.open_program(&path, &[])?;
        let Some(mut process) = start(&world.trees[0], place, &[])? else { continue };
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

/// The tree as each of the CPUs sees it.
struct World<'a> {
    options: &'a Options,
    sysroot: &'a Sysroot,
    objects: &'a Objects<'a>,
    /// One for each CPU; never empty.
    trees: Vec<Tree<'a>>,
    /// The architectures whose loaders are there.
    machines: Vec<&'static Arch>,
}

impl<'a> World<'a> {
    fn new(objects: &'a Objects<'a>, options: &'a Options) -> Self {
        let setting = |cpu| Setting {
            library_path: options.library_path.clone(),
            cpu,
            conf_without_cache: true,
            preload: Preload::Text(options.preload.clone()),
        };
        let trees = options.cpus().into_iter().map(|cpu| Tree::new(objects, setting(cpu))).collect();
        let sysroot = objects.sysroot();
        let has_loader = |arch: &&Arch| {
            let loaders = [PathBuf::from(arch.glibc_loader), arch.musl_loader().into()];
            loaders.iter().any(|loader| sysroot.stat(loader).is_ok())
        };
        let machines = arch::ARCHITECTURES.iter().filter(has_loader).collect();
        Self { options, sysroot, objects, trees, machines }
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

    /// Traces programs in parallel, and gives the traces to `take` in the order of the request.
    fn trace_all(
        &'a self,
        requested: &[PathBuf],
        mut take: impl FnMut(Result<Vec<Use<'a>>, Error>) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut traced = Vec::new();
        for some in requested.chunks(AT_ONCE) {
            let trace = || some.par_iter().map(|path| self.trace_program(path)).collect();
            let (next, taken) = rayon::join(trace, || traced.into_iter().try_for_each(&mut take));
            taken?;
            traced = next;
        }
        traced.into_iter().try_for_each(take)
    }

    /// Everything that one requested program needs, itself first.
    fn trace_program(&'a self, path: &Path) -> Result<Vec<Use<'a>>, Error> {
        let requested = self.open_program(path, &[])?;
        let mut uses = vec![Use { place: requested, by: None, claim: Claim::other(Why::Requested) }];
        let mut programs = vec![(requested, Vec::new())];
        while let Some((program, by)) = programs.pop() {
            let Some(interpreters) = self.interpreters(program, &by)? else {
                self.trace_elf(program, &by, &mut uses)?;
                continue;
            };
            if by.len() >= script::MAX_NESTING {
                return Err(Error::ScriptNesting { path: path.to_owned() });
            }
            let chain = [vec![program.trail.file.clone()], by].concat();
            for interpreter in interpreters {
                let place = self.open_program(&interpreter, &chain)?;
                let claim = Claim::other(Why::ScriptInterpreter);
                uses.push(Use { place, by: Some(program), claim });
                programs.push((place, chain.clone()));
            }
        }
        Ok(uses)
    }

    fn open_program(&self, path: &Path, by: &[PathBuf]) -> Result<&'a Place, Error> {
        let failed = |errno| Error::Open { path: path.to_owned(), needed_by: by.to_vec(), errno };
        self.objects.open(path).map_err(failed)
    }

    /// The interpreters of a script; `None` for an ELF file.
    fn interpreters(&self, program: &Place, by: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, Error> {
        let (path, needed_by) = (program.trail.file.clone(), by.to_vec());
        match &program.object.content {
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

    fn trace_elf(&'a self, program: &'a Place, by: &[PathBuf], uses: &mut Vec<Use<'a>>) -> Result<(), Error> {
        let Content::Elf(facts) = &program.object.content else { return Ok(()) };
        self.check_machine(&program.trail.file, facts.abi)?;
        if facts.is_static() {
            return Ok(());
        }
        if let Some(interpreter) = &facts.interpreter {
            let chain = [std::slice::from_ref(&program.trail.file), by].concat();
            let place = self.open_program(Path::new(interpreter), &chain)?;
            let claim = Claim::other(Why::ElfInterpreter);
            uses.push(Use { place, by: Some(program), claim });
        }
        for tree in &self.trees {
            let Some(mut process) = start(tree, program, by)? else { continue };
            process.load_all().map_err(bad_library)?;
            let required = |missing: &&Missing| missing.tag != NeededTag::Auxiliary;
            if let Some(missing) = process.missing.iter().find(required) {
                return Err(not_found(&process, missing.by, process.name(missing.name)));
            }
            uses.extend(edges(&process, 0));
            self.open_name_services(&mut process, uses);
            self.open_wishes(&mut process, uses)?;
            open_audits(tree, program, &facts.audits, uses);
        }
        Ok(())
    }

    /// Loads the modules of the name services that libc opens; it passes over those that are not there.
    fn open_name_services<'w>(&self, process: &mut Process<'w>, uses: &mut Vec<Use<'w>>) {
        let is_libc = |facts: &ElfFacts| facts.soname.as_deref().is_some_and(|name| name == "libc.so.6");
        let mut objects = 0..process.loaded.len();
        let Some(libc) = objects.find(|&index| is_libc(process.loaded[index].facts())) else { return };
        for service in &self.options.name_services {
            if let Some(module) = nss::module(service, process.glibc_version()) {
                let why = Why::NssModule { service: service.clone() };
                open_library(process, libc, &module, why, uses);
            }
        }
    }

    /// Loads what the objects of a process open while they run; what that loads may open more.
    fn open_wishes<'w>(&self, process: &mut Process<'w>, uses: &mut Vec<Use<'w>>) -> Result<(), Error> {
        let mut by = 0;
        while by < process.loaded.len() {
            for wish in &process.loaded[by].place.object.wishes {
                if wish.level <= self.options.dlopen {
                    self.open_wish(process, by, wish, uses)?;
                }
            }
            by += 1;
        }
        Ok(())
    }

    /// Takes the first alternative that is there; only a required one has to be.
    fn open_wish<'w>(
        &self,
        process: &mut Process<'w>,
        by: usize,
        wish: &Wish,
        uses: &mut Vec<Use<'w>>,
    ) -> Result<(), Error> {
        for soname in &wish.sonames {
            let why = Why::Dlopen { soname: soname.clone(), priority: wish.origin.clone() };
            if open_library(process, by, soname, why, uses) {
                return Ok(());
            }
        }
        match wish.level {
            DlopenLevel::Required => Err(not_found(process, by, &wish.sonames[0])),
            _ => Ok(()),
        }
    }

    /// A program must be for the sysroot's machine, or for one that has a loader there.
    fn check_machine(&self, path: &Path, abi: Abi) -> Result<(), Error> {
        let Some(own) = self.machines.first() else { return Ok(()) };
        if own.also_runs.contains(&abi) || self.machines.iter().any(|arch| arch.abi == abi) {
            return Ok(());
        }
        let (path, sysroot) = (path.to_owned(), self.sysroot.path().to_owned());
        Err(Error::OtherMachine { path, abi, sysroot, expected: own.abi })
    }
}

/// The process of an ELF file; `None` where there is nothing for a loader to do.
fn start<'w>(tree: &'w Tree<'w>, program: &Place, by: &[PathBuf]) -> Result<Option<Process<'w>>, Error> {
    let needed_by = || [std::slice::from_ref(&program.trail.file), by].concat();
    tree.process(program).map(Some).or_else(|no| match no {
        NoProcess::NotDynamic | NoProcess::UnknownMachine => Ok(None),
        NoProcess::NoLoader { path, errno } => Err(Error::Open { path, needed_by: needed_by(), errno }),
        NoProcess::BadLoader { path } => Err(Error::NotExecutable { path, needed_by: needed_by() }),
    })
}

/// Loads what a program is audited by: the loader opens it before anything else, each in a name space of its own that
/// shares nothing with the program (rtld-audit(7)), and goes on without what it cannot open.
fn open_audits<'w>(tree: &'w Tree<'w>, program: &'w Place, audits: &[OsString], uses: &mut Vec<Use<'w>>) {
    for name in audits {
        let Ok(Some(process)) = start(tree, program, &[]) else { return };
        let mut apart = process.apart();
        let why = Why::Dlopen { soname: name.clone(), priority: "DT_AUDIT".to_owned() };
        let first = uses.len();
        // It is the loader that asks, not the program.
        if open_library(&mut apart, ITSELF, name, why, uses) {
            uses[first].by = Some(program);
        }
    }
}

/// Opens a library as dlopen(3) would; `why` is what it is there for. False when that is not possible.
fn open_library<'w>(
    process: &mut Process<'w>,
    by: usize,
    soname: &OsStr,
    why: Why,
    uses: &mut Vec<Use<'w>>,
) -> bool {
    let (first, opened) = (process.edges.len(), uses.len());
    if !process.dlopen(by, soname) {
        return false;
    }
    uses.extend(edges(process, first));
    uses[opened].claim = Claim::other(why);
    true
}

/// The edges of a process from the one at `first`.
fn edges<'p, 'w>(process: &'p Process<'w>, first: usize) -> impl Iterator<Item = Use<'w>> + use<'p, 'w> {
    process.edges[first..].iter().map(|edge| Use {
        place: edge.opened.unwrap_or(process.loaded[edge.to].place),
        by: Some(process.loaded[edge.by].place),
        claim: Claim::Needed(edge.name, edge.rule),
    })
}

fn not_found(process: &Process, by: usize, name: &OsStr) -> Error {
    Error::LibraryNotFound {
        name: name.to_owned(),
        needed_by: process.chain(by).map(|index| process.loaded[index].path().to_owned()).collect(),
        attempts: process.attempts(by, name),
    }
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

fn errno(error: &std::io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO)
}
