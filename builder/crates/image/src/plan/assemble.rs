//! Makes one plan of the recipe's own files, the closure, the included files and the base files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bundle::provenance::{Provenance, ProvenanceKind};
use closure::arch::Machine;
use closure::loader::image_cache;
use closure::{Closure, MemberKind, Reason, Why};
use recipe::byte_text;
use recipe::image_path::{ImagePath, Unfit};
use recipe::{OwnContent, Recipe, RequestId};

use crate::error::Error;
use crate::gather::bytecode;
use crate::gather::include::Inclusion;
use crate::gather::inputs::Inputs;
use crate::gather::probe::{FileKind, Probe};
use crate::plan::applet_links;
use crate::plan::base_files;
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan, fixed_mode};
use crate::plan::planner::Planner;
use crate::plan::private;
use crate::request::ImageRequest;

/// The plan of an image, and what was found out on the way.
pub(crate) struct Assembled {
    pub(crate) plan: Plan,
    /// The machine that the image is for.
    pub(crate) machine: Machine,
    /// Warnings for the user, one line each.
    pub(crate) warnings: Vec<String>,
}

/// # Errors
/// A request of the recipe cannot be met, or two entries contradict each other.
pub(crate) fn assemble_plan(image: &ImageRequest) -> Result<Assembled, Error> {
    let recipe = &image.recipe;
    if recipe.asks_for_nothing() {
        return Err(Error::NothingAsked);
    }
    let probe = Probe::new(&image.options.sysroot);
    let inputs = Inputs::find(image, &probe)?;
    let plan = plan_inputs(recipe, &inputs, &probe).map_err(|error| placed_conflict(recipe, error))?;
    // An image of data alone is for the machine of its runner.
    let machine = inputs.closure.machine.unwrap_or_else(bundle::init::machine);
    Ok(Assembled { plan, machine, warnings: inputs.warnings })
}

fn plan_inputs(recipe: &Recipe, inputs: &Inputs, probe: &Probe) -> Result<Plan, Error> {
    let mut planner = Planner::default();
    plan_recipe(&mut planner, recipe)?;
    plan_closure(&mut planner, inputs, recipe, probe)?;
    plan_included(&mut planner, &inputs.included, recipe, probe)?;
    applet_links::add(&mut planner, recipe)?;
    base_files::add(&mut planner, probe)?;
    plan_library_cache(&mut planner, &inputs.closure, probe)?;
    Ok(planner.finish()?)
}

/// Adds an ld.so.cache if the loader would not find a library of the closure without it (ld.so(8)). One of the recipe's
/// own stays.
fn plan_library_cache(planner: &mut Planner, closure: &Closure, probe: &Probe) -> Result<(), Error> {
    let Some(bytes) = image_cache::cache(closure, probe.root()) else { return Ok(()) };
    let path = ImagePath::parse(image_cache::PATH).expect("a normal path");
    let provenance = Provenance::plain(ProvenanceKind::LibraryCache);
    Ok(planner.add_default(path, Entry::inline(bytes, 0o644, provenance))?)
}

/// A conflict about a file or link of the recipe, with its place there.
fn placed_conflict(recipe: &Recipe, error: Error) -> Error {
    let Error::Plan(conflict) = &error else { return error };
    let files = |path| recipe.files.get(path).map(|file| &file.span);
    let links = |path| recipe.symlinks.get(path).map(|link| &link.span);
    let span = conflict.paths().find_map(|path| files(path).or_else(|| links(path))).cloned();
    match span {
        Some(span) => error.at(&span),
        None => error,
    }
}

fn plan_recipe(planner: &mut Planner, recipe: &Recipe) -> Result<(), Error> {
    let provenance = || Provenance::plain(ProvenanceKind::Recipe);
    for (path, file) in &recipe.files {
        let source = match &file.value.content {
            OwnContent::Inline(text) => FileSource::Inline(text.clone().into_bytes()),
            OwnContent::From(from) => recipe_file(from).map_err(|error| error.at(&file.span))?,
        };
        planner.add(
            path.clone(),
            Entry { kind: EntryKind::File(source), mode: file.value.mode, provenance: vec![provenance()] },
        )?;
    }
    for (path, target) in &recipe.symlinks {
        planner.add(path.clone(), Entry::symlink(&target.value, provenance()))?;
    }
    Ok(())
}

fn recipe_file(from: &Path) -> Result<FileSource, Error> {
    let path = std::path::absolute(from).map_err(|error| Error::read(from, error))?;
    let metadata = std::fs::metadata(&path).map_err(|error| Error::read(&path, error))?;
    if !metadata.is_file() {
        return Err(Error::read(
            &path,
            io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"),
        ));
    }
    Ok(FileSource::Recipe { path, size: metadata.len() })
}

fn plan_closure(planner: &mut Planner, inputs: &Inputs, recipe: &Recipe, probe: &Probe) -> Result<(), Error> {
    for member in &inputs.closure.members {
        let unfit = |unfit| Error::Unfit { path: member.path.clone(), unfit };
        let path = ImagePath::new(&member.path).map_err(unfit)?;
        for (place, provenance) in provenance_of(&path, &member.reasons, recipe, inputs).map_err(unfit)? {
            let entry = match &member.kind {
                MemberKind::File => host_file(&path, probe, provenance)?,
                MemberKind::Symlink { target } => {
                    let plain = Provenance::plain(ProvenanceKind::LinkTarget);
                    Entry { provenance, ..Entry::symlink(&byte_text::from_os(target), plain) }
                }
            };
            planner.add(place, entry)?;
        }
    }
    Ok(())
}

/// The places of a member in the image, with the provenance of each for the manifest, from the resolver's reasons.
///
/// The resolver's roots are the binaries and, after them, the included files. An included file has no provenance here:
/// `plan_included` adds it with its own. A binary may have another place than its path; where something else needs it,
/// too, it has both.
fn provenance_of(
    path: &ImagePath,
    reasons: &[Reason],
    recipe: &Recipe,
    inputs: &Inputs,
) -> Result<BTreeMap<ImagePath, Vec<Provenance>>, Unfit> {
    let mut all: BTreeMap<ImagePath, Vec<Provenance>> = BTreeMap::new();
    for reason in reasons {
        let (place, provenance) = match reason.why {
            Why::Requested { root } if root < recipe.binaries.len() => {
                let to = recipe.binaries[root].value.to.as_ref();
                (to.unwrap_or(path), Some(Provenance::requested(RequestId::Binary(root))))
            }
            _ => {
                let place = moved_along(path, reason, inputs).unwrap_or(path);
                (place, Provenance::from_reason(reason, &inputs.places)?)
            }
        };
        let Some(provenance) = provenance else { continue };
        // A program that two requests name keeps the first one.
        let there = all.entry(place.clone()).or_default();
        if !there.iter().any(|other| other.reads_like(&provenance)) {
            there.push(provenance);
        }
    }
    Ok(all)
}

/// The place of a file that has another one in the image, as has the file that needs it: a library that was moved together
/// with its program is not needed at its old path.
fn moved_along<'i>(path: &ImagePath, reason: &Reason, inputs: &'i Inputs) -> Option<&'i ImagePath> {
    let by = reason.by.as_ref()?;
    inputs.places.get(by).and_then(|_| inputs.places.get(path.as_path()))
}

fn plan_included(
    planner: &mut Planner,
    included: &Inclusion,
    recipe: &Recipe,
    probe: &Probe,
) -> Result<(), Error> {
    for (path, entry) in included {
        let provenance = entry.link.as_ref().map_or_else(|| entry.provenance.clone(), Provenance::target_of);
        let planned = match &entry.facts.kind {
            FileKind::Directory => Entry {
                mode: private::included_mode(path, &entry.facts, &recipe.allow),
                ..Entry::directory(provenance)
            },
            FileKind::Symlink(target) => Entry::symlink(target, provenance),
            FileKind::File => {
                let mode = private::included_mode(path, &entry.facts, &recipe.allow);
                // A program or library that is included, too, must be readable for the programs that need it.
                let mode = planner.host_file_mode(path).unwrap_or(mode);
                Entry { mode, ..host_file(&entry.origin, probe, vec![provenance])? }
            }
            FileKind::Special => {
                let error = Error::Special { path: path.clone() };
                return Err(placed(recipe, &entry.provenance, error));
            }
        };
        planner.add(path.clone(), planned)?;
    }
    Ok(())
}

fn host_file(origin: &ImagePath, probe: &Probe, provenance: Vec<Provenance>) -> Result<Entry, Error> {
    let path = probe.on_host(origin);
    let facts = probe.facts(origin).map_err(|error| Error::read(&path, error))?;
    let patch = bytecode::patch(origin, probe).map_err(|error| Error::read(&path, error))?;
    let (size, inode) = (facts.size, facts.inode);
    let source = FileSource::Host { origin: origin.clone(), path, size, inode, patch };
    Ok(Entry { kind: EntryKind::File(source), mode: fixed_mode(facts.mode), provenance })
}

/// `error` with the place in the recipe of the request that `provenance` answers, if it answers one.
pub(super) fn placed(recipe: &Recipe, provenance: &Provenance, error: Error) -> Error {
    match provenance.request {
        Some(request) => error.at(recipe.span(request)),
        None => error,
    }
}
