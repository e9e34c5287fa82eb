//! Names to closure: everything that the requested binaries need in order to start, with the files that need each of
//! them.
//!
//! Every program is laid out as its own loader would ([`crate::loader`]); the results are merged in the order of
//! the request, so the closure does not depend on the number of threads. Nothing is executed.

mod merge;
mod options;
mod trace;
mod world;

use std::ffi::OsStr;
use std::path::PathBuf;

pub use options::{Hwcaps, ImageFacts, Options, Root};

use crate::arch::Machine;
use crate::error::{Error, Failure};
use crate::loader::attempt::Attempt;
use crate::loader::objects::Objects;
use crate::loader::walk::dynamic_files;
use crate::member::Closure;
use crate::sysroot::{Sysroot, errno};
use merge::Merge;
use trace::{start, trace_all};
use world::{Program, World};

/// The closure of `roots`: what each needs, in the order of the request, each followed breadth-first.
///
/// # Errors
/// The first root that does not have a closure, and why.
pub fn resolve(options: &Options, image: &ImageFacts, roots: &[Root]) -> Result<Closure, Failure> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let world = World::new(&objects, options, image);
    let programs = roots.iter().enumerate().map(|(root, name)| world.program(root, name));
    let programs = programs.collect::<Result<Vec<_>, _>>()?;
    let mut merge = Merge::new(objects.names());
    let mut abis = Vec::new();
    trace_all(&world, &programs, |traced| match traced.failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => {
            merge.add_all(traced.dependencies);
            abis.extend(traced.abis);
            Ok(())
        }
    })?;
    Ok(merge.into_closure(world.machine(&abis)))
}

/// The machines whose files can be loaded in a tree: those whose loaders are in it, and those that the kernel of such a
/// machine runs too. Empty when the tree has no loader.
///
/// # Errors
/// The sysroot cannot be opened.
pub fn machines(options: &Options) -> Result<Vec<Machine>, Error> {
    let sysroot = open_sysroot(options)?;
    Ok(world::abis_of(&world::machines_of(&sysroot)).map(Machine::new).collect())
}

/// The closure of many files, and what is not in it.
#[derive(Debug)]
pub struct Survey {
    /// Everything that was found.
    pub closure: Closure,
    /// Why the rest was not, in the order of the request.
    pub failures: Vec<Failure>,
}

/// Like [`resolve`], but a directory means every dynamic ELF file below it, and a failure does not end the survey.
/// For a question about programs, not for an image: name services and preloaded libraries are left out.
///
/// # Errors
/// The sysroot cannot be opened.
pub fn survey(options: &Options, roots: &[Root]) -> Result<Survey, Failure> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let image = ImageFacts::default();
    let world = World::new(&objects, options, &image);
    let (mut programs, mut failures) = (Vec::new(), Vec::new());
    for (root, name) in roots.iter().enumerate() {
        match world.program(root, name) {
            Ok(Program { path, .. }) if sysroot.is_dir(&path) => {
                let files = dynamic_files(&objects, &[path]).into_iter();
                let program = |path: &PathBuf| Program { root, path: path.clone(), opener: None };
                programs.extend(files.map(|opened| program(&opened.path)));
            }
            Ok(program) => programs.push(program),
            Err(failure) => failures.push(failure),
        }
    }
    let mut merge = Merge::new(objects.names());
    let mut abis = Vec::new();
    trace_all(&world, &programs, |traced| {
        merge.add_all(traced.dependencies);
        abis.extend(traced.abis);
        failures.extend(traced.failures);
        Ok(())
    })?;
    Ok(Survey { closure: merge.into_closure(world.machine(&abis)), failures })
}

/// Every path that the loader tries for `soname` in the closure of `roots`: once for each object that names it. Where
/// no object names it, the search of the first root is shown.
///
/// # Errors
/// The first root that does not have a process, and why.
pub fn why_not(options: &Options, roots: &[Root], soname: &OsStr) -> Result<Vec<Attempt>, Failure> {
    let sysroot = open_sysroot(options)?;
    let objects = Objects::new(&sysroot);
    let image = ImageFacts::default();
    let world = World::new(&objects, options, &image);
    let mut attempts = Vec::new();
    for root in roots {
        let path = world.locate(root)?;
        let program = world.open_program(&path, &[])?;
        let Some(mut process) = start(&world.trees[0], program, &[])? else { continue };
        // The file that ends the walk is among the attempts for its name.
        let _ = process.load_all();
        let mut requesters = process.requesters(soname);
        if requesters.is_empty() {
            requesters.push(0);
        }
        for by in requesters {
            attempts.extend(process.attempts(by, soname));
        }
    }
    Ok(attempts)
}

fn open_sysroot(options: &Options) -> Result<Sysroot, Error> {
    Sysroot::new(&options.sysroot)
        .map_err(|error| Error::Sysroot { path: options.sysroot.clone(), errno: errno(&error) })
}
