//! One program to its dependencies: interpreters of scripts, libraries, and what libraries open at run time.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::io::Errno;

use super::merge::{Dependency, DependencyKind};
use super::world::{Program, World};
use crate::dlopen::{DlopenLevel, DlopenNote};
use crate::elf::{Abi, ElfError, ElfFacts, NeededTag};
use crate::error::{Error, Failure, MissingLibrary, Search};
use crate::loader::attempt::Fatal;
use crate::loader::loaded::LOADER;
use crate::loader::objects::{Content, OpenedPath};
use crate::loader::process::{Missing, Process};
use crate::loader::tree::{NoProcess, Tree};
use crate::member::Why;
use crate::script::Shebang;
use crate::{nss, script};

/// How many programs are traced while those before them are merged. Merging has one thread; with smaller pieces the
/// others would wait for it.
const BATCH: usize = 512;

/// For how many missing libraries of one program a message lists the searches.
const MOST_SEARCHES: usize = 50;

/// What one requested program needs: everything that was found, and why the rest was not.
#[derive(Default)]
pub(super) struct Traced<'w> {
    pub(super) dependencies: Vec<Dependency<'w>>,
    pub(super) failures: Vec<Failure>,
    /// The machines of its programs.
    pub(super) abis: Vec<Abi>,
    /// Becomes one failure when the program was traced.
    missing: Vec<MissingLibrary>,
    /// The names in `missing`, each with the file that needs it.
    missed: HashSet<(OsString, PathBuf)>,
}

/// Traces programs in parallel, and gives the results to `take` in the order of the request.
pub(super) fn trace_all<'a>(
    world: &'a World<'a>,
    programs: &[Program],
    mut take: impl FnMut(Traced<'a>) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut traced = Vec::new();
    for batch in programs.chunks(BATCH) {
        let trace_batch = || batch.par_iter().map(|program| Traced::trace(world, program)).collect();
        let (next, taken) = rayon::join(trace_batch, || traced.into_iter().try_for_each(&mut take));
        taken?;
        traced = next;
    }
    traced.into_iter().try_for_each(take)
}

impl<'a> Traced<'a> {
    /// Everything that one requested program needs, itself first.
    fn trace(world: &'a World<'a>, program: &Program) -> Self {
        let mut traced = Self::default();
        let end = match &program.opener {
            Some(opener) => traced.follow_plugin(world, program, opener),
            None => traced.follow(world, program),
        };
        let missing = std::mem::take(&mut traced.missing);
        let missing = (!missing.is_empty()).then_some(Error::LibrariesNotFound(missing));
        let errors = missing.into_iter().chain(end.err());
        traced.failures = errors.map(|error| Failure { root: Some(program.root), error }).collect();
        traced
    }

    /// Adds what a library needs when `opener` opens it with dlopen(3), but not what `opener` itself needs.
    fn follow_plugin(&mut self, world: &'a World<'a>, plugin: &Program, opener: &Path) -> Result<(), Error> {
        let path = &plugin.path;
        let opened = world.open_program(path, &[])?;
        if let Content::Elf(facts) = &opened.object.content {
            world.check_machine(&opened.resolved.file, facts.abi)?;
        }
        let opener = elf_program(world, opener)?;
        for tree in &world.trees {
            // A static program opens no library that shares anything with it.
            let Some(mut process) = start(tree, opener, &[])? else { return self.follow(world, plugin) };
            process.load_all().map_err(bad_library)?;
            let (edges, missing) = (process.edges.len(), process.missing.len());
            if !process.open_plugin(path.as_os_str()).map_err(bad_library)? {
                return Err(Error::Open { path: path.clone(), needed_by: Vec::new(), errno: Errno::NOENT });
            }
            for missing in process.missing[missing..].iter().filter(is_required) {
                self.miss(&process, missing.by, process.name(missing.name));
            }
            let first = self.dependencies.len();
            self.dependencies.extend(self::edges(&process, edges));
            self.dependencies[first].kind = DependencyKind::other(Why::Requested { root: plugin.root });
            self.dependencies[first].by = None;
            self.open_dlopen_notes(world, &mut process);
        }
        Ok(())
    }

    /// Adds what the program needs, up to an error after which nothing more can be found.
    fn follow(&mut self, world: &'a World<'a>, Program { root, path, .. }: &Program) -> Result<(), Error> {
        let requested = world.open_program(path, &[])?;
        // A file that is not a program is not a member of a closure.
        shebang_of(requested, &[])?;
        let kind = DependencyKind::other(Why::Requested { root: *root });
        self.dependencies.push(Dependency { opened: requested, by: None, kind });
        let mut programs = vec![(requested, Vec::new())];
        while let Some((program, by)) = programs.pop() {
            let Some(shebang) = shebang_of(program, &by)? else {
                self.follow_elf(world, program, &by)?;
                continue;
            };
            if by.len() >= script::MAX_NESTING {
                return Err(Error::ScriptNesting { path: path.to_owned() });
            }
            let chain = [vec![program.resolved.file.clone()], by].concat();
            let interpreter = Ok(Path::new("/").join(&shebang.interpreter));
            let started_by_env = shebang.env_program().map(|program| world.look_up(&program, &chain));
            for interpreter in std::iter::once(interpreter).chain(started_by_env) {
                let opened = world.open_program(&interpreter?, &chain)?;
                let kind = DependencyKind::other(Why::ScriptInterpreter);
                self.dependencies.push(Dependency { opened, by: Some(program), kind });
                programs.push((opened, chain.clone()));
            }
        }
        Ok(())
    }

    fn follow_elf(
        &mut self,
        world: &'a World<'a>,
        program: &'a OpenedPath,
        by: &[PathBuf],
    ) -> Result<(), Error> {
        let Content::Elf(facts) = &program.object.content else { return Ok(()) };
        world.check_machine(&program.resolved.file, facts.abi)?;
        if !self.abis.contains(&facts.abi) {
            self.abis.push(facts.abi);
        }
        if facts.is_static() {
            return Ok(());
        }
        if let Some(interpreter) = &facts.interpreter {
            let opened = world.open_program(Path::new(interpreter), &chain_of(program, by))?;
            let kind = DependencyKind::other(Why::ElfInterpreter);
            self.dependencies.push(Dependency { opened, by: Some(program), kind });
        }
        for tree in &world.trees {
            let Some(mut process) = start(tree, program, by)? else { continue };
            let end = process.load_all();
            for missing in process.missing.iter().filter(is_required) {
                self.miss(&process, missing.by, process.name(missing.name));
            }
            self.dependencies.extend(edges(&process, 0));
            end.map_err(bad_library)?;
            open_name_services(world, &mut process, &mut self.dependencies);
            self.open_dlopen_notes(world, &mut process);
            open_audits(tree, program, &facts.audits, &mut self.dependencies);
        }
        Ok(())
    }

    /// Records a library that no rule finds, once for each file that needs it: each CPU has a process of its own.
    fn miss(&mut self, process: &Process, by: usize, name: &OsStr) {
        let chain = process.chain(by).map(|index| process.loaded()[index].path().to_owned());
        let needed_by: Vec<PathBuf> = chain.collect();
        if self.missed.insert((name.to_owned(), needed_by[0].clone())) {
            let search = (self.missing.len() < MOST_SEARCHES).then(|| {
                let last = self.missing.last().and_then(|last| last.search.as_ref());
                Search::new(&process.attempts(by, name)).sharing(last)
            });
            self.missing.push(MissingLibrary { name: name.to_owned(), needed_by, search });
        }
    }

    /// Loads what the objects of a process open while they run; the libraries that this loads may have notes too.
    fn open_dlopen_notes(&mut self, world: &World, process: &mut Process<'a>) {
        let mut by = 0;
        while by < process.loaded().len() {
            for note in &process.loaded()[by].opened.object.dlopen_notes {
                if note.level <= world.options.dlopen && !self.open_dlopen_note(process, by, note) {
                    self.miss(process, by, &note.sonames[0]);
                }
            }
            by += 1;
        }
    }

    /// Takes the first alternative that exists; false for a required note of which none does.
    fn open_dlopen_note(&mut self, process: &mut Process<'a>, by: usize, note: &DlopenNote) -> bool {
        let opens = |soname: &OsString| {
            let why = Why::Dlopen { soname: soname.clone(), priority: note.origin.clone() };
            open_library(process, by, soname, why, &mut self.dependencies)
        };
        note.sonames.iter().any(opens) || note.level != DlopenLevel::Required
    }
}

/// A program starts without what DT_AUXILIARY names (glibc elf/dl-deps.c, `_dl_map_object_deps`).
fn is_required(missing: &&Missing) -> bool {
    missing.tag != NeededTag::Auxiliary
}

/// The ELF file that runs when `path` is started: of a script, its interpreter.
fn elf_program<'a>(world: &'a World<'a>, path: &Path) -> Result<&'a OpenedPath, Error> {
    let mut program = world.open_program(path, &[])?;
    for _ in 0..script::MAX_NESTING {
        let Some(shebang) = shebang_of(program, &[])? else { return Ok(program) };
        let interpreter = match shebang.env_program() {
            Some(name) => world.look_up(&name, &[])?,
            None => Path::new("/").join(&shebang.interpreter),
        };
        program = world.open_program(&interpreter, &[])?;
    }
    Err(Error::ScriptNesting { path: path.to_owned() })
}

/// The `#!` line of a script; `None` for an ELF file.
fn shebang_of(program: &OpenedPath, by: &[PathBuf]) -> Result<Option<Shebang>, Error> {
    let (path, needed_by) = (program.resolved.file.clone(), by.to_vec());
    match &program.object.content {
        Content::Elf(_) => Ok(None),
        Content::BadElf(_, cause) => Err(Error::BadElf { path, needed_by, cause: cause.clone() }),
        Content::NotElf { head, error } => match script::parse(head) {
            Some(shebang) => Ok(Some(shebang)),
            None => Err(not_a_program(path, needed_by, head, error)),
        },
        Content::Directory => Err(Error::Directory { path, needed_by }),
        Content::Special => Err(Error::NotExecutable { path, needed_by }),
    }
}

/// The process of an ELF file; `None` where a loader has nothing to do.
pub(super) fn start<'w>(
    tree: &'w Tree<'w>,
    program: &OpenedPath,
    by: &[PathBuf],
) -> Result<Option<Process<'w>>, Error> {
    let needed_by = || chain_of(program, by);
    tree.process(program).map(Some).or_else(|no| match no {
        NoProcess::NotDynamic | NoProcess::UnknownMachine => Ok(None),
        NoProcess::NoLoader { path, errno } => Err(Error::Open { path, needed_by: needed_by(), errno }),
        NoProcess::BadLoader { path } => Err(Error::NotExecutable { path, needed_by: needed_by() }),
    })
}

/// Loads the modules of the name services that libc opens. It continues without a module that is missing
/// (glibc nss/nss_module.c, `module_load`), so this does too.
fn open_name_services<'w>(world: &World, process: &mut Process<'w>, dependencies: &mut Vec<Dependency<'w>>) {
    let is_libc = |facts: &ElfFacts| facts.soname.as_deref().is_some_and(|name| name == "libc.so.6");
    let mut objects = 0..process.loaded().len();
    let Some(libc) = objects.find(|&index| is_libc(process.loaded()[index].facts())) else { return };
    for service in &world.image.name_services {
        if let Some(module) = nss::module(service, process.glibc_version()) {
            let why = Why::NssModule { service: service.clone() };
            open_library(process, libc, &module, why, dependencies);
        }
    }
}

/// Loads the audit libraries of a program. The loader opens them before anything else, each in a name space of its own
/// that shares nothing with the program, and continues without one that it cannot open (rtld-audit(7)).
fn open_audits<'w>(
    tree: &'w Tree<'w>,
    program: &'w OpenedPath,
    audits: &[OsString],
    dependencies: &mut Vec<Dependency<'w>>,
) {
    for name in audits {
        let Ok(Some(process)) = start(tree, program, &[]) else { return };
        let mut process = process.in_new_namespace();
        let why = Why::Dlopen { soname: name.clone(), priority: "DT_AUDIT".to_owned() };
        let first = dependencies.len();
        // The loader searches for it, so no run path of the program applies; the program is the reason for it.
        if open_library(&mut process, LOADER, name, why, dependencies) {
            dependencies[first].by = Some(program);
        }
    }
}

/// Opens a library as dlopen(3) would, for the reason `why`. False when that is not possible.
fn open_library<'w>(
    process: &mut Process<'w>,
    by: usize,
    soname: &OsStr,
    why: Why,
    dependencies: &mut Vec<Dependency<'w>>,
) -> bool {
    let (first, opened) = (process.edges.len(), dependencies.len());
    if !process.dlopen(by, soname) {
        return false;
    }
    dependencies.extend(edges(process, first));
    dependencies[opened].kind = DependencyKind::other(why);
    true
}

/// The edges of a process from the one at `first`.
fn edges<'p, 'w>(
    process: &'p Process<'w>,
    first: usize,
) -> impl Iterator<Item = Dependency<'w>> + use<'p, 'w> {
    process.edges[first..].iter().map(|edge| Dependency {
        opened: edge.opened.unwrap_or(process.loaded()[edge.to].opened),
        by: Some(process.loaded()[edge.by].opened),
        kind: DependencyKind::Needed(edge.name, edge.rule),
    })
}

/// A program and what needs it, nearest first.
fn chain_of(program: &OpenedPath, by: &[PathBuf]) -> Vec<PathBuf> {
    [std::slice::from_ref(&program.resolved.file), by].concat()
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
