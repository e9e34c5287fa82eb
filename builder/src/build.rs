//! From a request to a bundle: closure, plan, guards, bytes, manifest, scripts, each one call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::cause::{Because, Cause};
use crate::closure::{Closure, MemberKind};
use crate::digest::Sha;
use crate::error::Error;
use crate::exec;
use crate::formats::Format;
use crate::image_path::ImagePath;
use crate::include::Inclusion;
use crate::interrupt::Interrupt;
use crate::loader::image_cache;
use crate::manifest::{self, Manifest, Settings};
use crate::packages::{self, Owners};
use crate::plan::{Entry, Kind, Plan, Planner, Source, fixed_mode};
use crate::probe::{FileKind, Probe};
use crate::progress::Progress;
use crate::recipe::{Guard, OwnContent, Recipe};
use crate::render;
use crate::request::{Build, Image};
use crate::resolve::{self, Root};
use crate::staging::Staging;
use crate::wanted::Wanted;
use crate::write::{self, FileDigests, Work};
use crate::{budget, bytecode, guards, sbom, skeleton};

/// The static init that every bundle gets, built together with this program.
pub const INIT: &[u8] = include_bytes!(env!("CAPSULE_INIT_FILE"));

/// What a build made, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Regular files in the image.
    pub files: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// What a person should know about the image, one line each.
    pub warnings: Vec<String>,
}

/// Makes the bundle, or leaves nothing.
pub fn build(request: &Build, interrupt: &Interrupt) -> Result<Summary, Error> {
    if request.formats.contains(&Format::Dir) && !rustix::process::geteuid().is_root() {
        return Err(Error::NeedsRoot { path: request.output.join(Format::Dir.file_name()) });
    }
    let staging = Staging::new(&request.output, request.existing)?;
    let hidden = staging.path().to_path_buf();
    let filled = fill(request, interrupt, &staging).and_then(|summary| staging.commit().map(|()| summary));
    filled.map_err(|error| error.renamed(&hidden, &request.output))
}

fn fill(request: &Build, interrupt: &Interrupt, staging: &Staging) -> Result<Summary, Error> {
    let judged = Judged::new(&request.image)?;
    let passes = request.formats.len().max(1) as u64;
    let progress = Progress::new(judged.plan.bytes() * passes);
    let work = Work { interrupt, progress: &progress, time: request.image.time, md5: &judged.touched };
    let digests = write::write(&judged.plan, staging.path(), &request.formats, INIT, &work)?;
    judged.check_contents(&request.image, &digests)?;
    put_bundle_files(staging, &request.image, &judged, &digests)?;
    interrupt.check()?;
    let mut warnings = judged.warnings.clone();
    if request.formats.contains(&Format::Dir) {
        let tree = staging.path().join(Format::Dir.file_name());
        warnings.extend(unfindable(&judged, &request.image.options, &tree));
    }
    Ok(Summary { warnings, files: judged.plan.files().count(), bytes: judged.plan.bytes() })
}

/// `build.sh` alone: everything is read and judged, nothing is written.
pub fn script(image: &Image, interrupt: &Interrupt) -> Result<String, Error> {
    let judged = Judged::new(image)?;
    let progress = Progress::new(judged.plan.bytes());
    let work = Work { interrupt, progress: &progress, time: image.time, md5: &judged.touched };
    let digests = write::digest(&judged.plan, &work)?;
    judged.check_contents(image, &digests)?;
    render::build_script(&judged.plan, &digests, &image.options.sysroot)
}

/// The image as its own loader will see it, without `--library-path`: where a recipe brings an ld.so.cache of its own,
/// or musl's loader asks, a library can be in the image and still not be found.
fn unfindable(judged: &Judged, options: &resolve::Options, tree: &Path) -> Vec<String> {
    let inside =
        resolve::Options { sysroot: tree.to_path_buf(), library_path: Vec::new(), ..options.clone() };
    let failures = judged
        .programs
        .iter()
        .filter_map(|program| resolve::resolve(&inside, &[Root::Path(program.as_path().into())]).err());
    let mut warnings: Vec<String> = failures.map(|error| format!("inside the image: {error}")).collect();
    warnings.dedup();
    warnings
}

fn put_bundle_files(
    staging: &Staging,
    image: &Image,
    judged: &Judged,
    digests: &FileDigests,
) -> Result<(), Error> {
    let limits: BTreeMap<String, String> =
        image.recipe.limits.iter().map(|(name, amount)| ((*name).to_owned(), amount.clone())).collect();
    let languages = image.recipe.languages.iter();
    let languages = languages.map(|(name, language)| (name.clone(), language.value.clone())).collect();
    let settings = Settings { time: image.time, init: Sha::of(INIT), limits, languages };
    let limits = settings.limits.clone();
    let manifest = Manifest::new(&judged.plan, digests, judged.owners.as_ref(), settings);
    staging.put(sbom::FILE_NAME, sbom::sbom(&manifest)?.as_bytes(), 0o644)?;
    staging.put("init", INIT, 0o755)?;
    staging.put_directory(exec::BOX)?;
    let json = manifest.to_json()?;
    staging.put(manifest::FILE_NAME, json.as_bytes(), 0o644)?;
    staging.put(
        "build.sh",
        render::build_script(&judged.plan, digests, &image.options.sysroot)?.as_bytes(),
        0o755,
    )?;
    staging.put("install.sh", render::install_script()?.as_bytes(), 0o755)?;
    let run = render::run_script(&limits, &Sha::of(json.as_bytes()))?;
    staging.put("run.sh", run.as_bytes(), 0o755)
}

/// A plan that may be written: within its budget, and past the guards that need no content.
struct Judged {
    plan: Plan,
    owners: Option<Owners>,
    /// Files whose content is still to be compared with their package's.
    touched: BTreeSet<ImagePath>,
    /// What a person asked to run.
    programs: Vec<ImagePath>,
    /// What a person should know.
    warnings: Vec<String>,
}

impl Judged {
    fn new(image: &Image) -> Result<Judged, Error> {
        let (plan, warnings) = plan(image)?;
        budget::check(&plan, &image.recipe.budget)?;
        let owners = packages::owners(
            &image.options.sysroot,
            &plan.entries().map(|(path, _)| path.clone()).collect(),
        )?;
        guards::check_files(&plan, owners.as_ref(), &image.recipe.allow)
            .map_err(|error| placed_refusal(&image.recipe, &plan, error))?;
        let touched = guards::touched(&plan, owners.as_ref())?;
        let requested = |entry: &Entry| entry.causes.iter().any(|cause| cause.because == Because::Requested);
        let programs =
            plan.entries().filter(|(_, entry)| requested(entry)).map(|(path, _)| path.clone()).collect();
        Ok(Judged { plan, owners, touched, programs, warnings })
    }

    fn check_contents(&self, image: &Image, digests: &FileDigests) -> Result<(), Error> {
        guards::check_contents(&self.plan, self.owners.as_ref(), digests, &image.recipe.allow)
            .map_err(|error| placed_refusal(&image.recipe, &self.plan, error))
    }
}

/// The paths that the image would have; nothing is written.
pub fn paths(image: &Image) -> Result<BTreeSet<PathBuf>, Error> {
    Ok(plan(image)?.0.entries().map(|(path, _)| path.as_path().to_path_buf()).collect())
}

/// All that the guards would refuse of the image; everything is read, nothing is written.
pub fn refused(image: &Image) -> Result<Vec<(ImagePath, Guard)>, Error> {
    let (plan, _) = plan(image)?;
    let owners =
        packages::owners(&image.options.sysroot, &plan.entries().map(|(path, _)| path.clone()).collect())?;
    let allowed = &image.recipe.allow;
    let mut refused = refusals(guards::check_files(&plan, owners.as_ref(), allowed))?;
    let md5 = guards::touched(&plan, owners.as_ref())?;
    let (interrupt, progress) = (Interrupt::never(), Progress::new(plan.bytes()));
    let work = Work { interrupt: &interrupt, progress: &progress, time: image.time, md5: &md5 };
    let digests = write::digest(&plan, &work)?;
    refused.extend(refusals(guards::check_contents(&plan, owners.as_ref(), &digests, allowed))?);
    Ok(refused)
}

fn refusals(judgement: Result<(), Error>) -> Result<Vec<(ImagePath, Guard)>, Error> {
    match judgement {
        Ok(()) => Ok(Vec::new()),
        Err(Error::Guard(refusals)) => Ok(refusals.all()),
        Err(error) => Err(error),
    }
}

/// Files and bytes that the image would have; nothing is written.
pub fn measure(image: &Image) -> Result<(usize, u64), Error> {
    let (plan, _) = plan(image)?;
    Ok((plan.files().count(), plan.bytes()))
}

/// Everything the image asks for, settled, and what a person should know about it.
fn plan(image: &Image) -> Result<(Plan, Vec<String>), Error> {
    let recipe = &image.recipe;
    if recipe.asks_for_nothing() {
        return Err(Error::NothingAsked);
    }
    let probe = Probe::new(&image.options.sysroot);
    let wanted = Wanted::find(image, &probe)?;
    let plan = settle(recipe, &wanted, &probe).map_err(|error| placed_conflict(recipe, error))?;
    Ok((plan, wanted.warnings))
}

fn settle(recipe: &Recipe, wanted: &Wanted, probe: &Probe) -> Result<Plan, Error> {
    let mut planner = Planner::default();
    plan_recipe(&mut planner, recipe)?;
    plan_closure(&mut planner, wanted, recipe, probe)?;
    plan_included(&mut planner, &wanted.included, recipe, probe)?;
    skeleton::add(&mut planner, probe)?;
    plan_library_cache(&mut planner, &wanted.closure, probe)?;
    Ok(planner.finish()?)
}

/// The loader's cache, where a library needs one to be found; a recipe that brings its own keeps it.
fn plan_library_cache(planner: &mut Planner, closure: &Closure, probe: &Probe) -> Result<(), Error> {
    let Some(bytes) = image_cache::cache(closure, probe.root()) else { return Ok(()) };
    let path = ImagePath::parse(image_cache::PATH).expect("a normal path");
    let cause = Cause::plain(Because::LibraryCache);
    Ok(planner.fallback(path, Entry::inline(bytes, 0o644, cause))?)
}

/// A conflict about something that the recipe brings is pointed at there.
fn placed_conflict(recipe: &Recipe, error: Error) -> Error {
    let Error::Plan(conflict) = &error else { return error };
    let files = |path| recipe.files.get(path).map(|file| &file.at);
    let links = |path| recipe.symlinks.get(path).map(|link| &link.at);
    let at = conflict.paths().find_map(|path| files(path).or_else(|| links(path))).cloned();
    match at {
        Some(at) => error.at(&at),
        None => error,
    }
}

/// A refused file is pointed at where it was asked for, if it was a person who did.
fn placed_refusal(recipe: &Recipe, plan: &Plan, error: Error) -> Error {
    let Error::Guard(refusals) = &error else { return error };
    let path = refusals.first();
    let Some(cause) = plan.get(path).map(|entry| &entry.causes[0]) else { return error };
    let at = match cause.because {
        Because::Requested => {
            recipe.binaries.iter().find(|binary| names(&binary.value, path)).map(|binary| &binary.at)
        }
        Because::Included => {
            let same = |text: &String| Some(text) == cause.name.as_ref();
            recipe.include.iter().find(|asked| same(&asked.value.text)).map(|asked| &asked.at)
        }
        _ => None,
    };
    match at.cloned() {
        Some(at) => error.at(&at),
        None => error,
    }
}

fn plan_recipe(planner: &mut Planner, recipe: &Recipe) -> Result<(), Error> {
    let cause = || Cause::plain(Because::Recipe);
    for (path, file) in &recipe.files {
        let kind = match &file.value.content {
            OwnContent::Inline(text) => Source::Inline(text.clone().into_bytes()),
            OwnContent::From(from) => own(from).map_err(|error| error.at(&file.at))?,
        };
        planner.want(
            path.clone(),
            Entry { kind: Kind::File(kind), mode: file.value.mode, causes: vec![cause()] },
        )?;
    }
    for (path, target) in &recipe.symlinks {
        planner.want(path.clone(), Entry::symlink(&target.value, cause()))?;
    }
    Ok(())
}

fn own(from: &Path) -> Result<Source, Error> {
    let path = std::path::absolute(from).map_err(|error| Error::read(from, error))?;
    let facts = std::fs::metadata(&path).map_err(|error| Error::read(&path, error))?;
    if !facts.is_file() {
        return Err(Error::read(&path, io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    Ok(Source::Own { path, size: facts.len() })
}

fn plan_closure(planner: &mut Planner, wanted: &Wanted, recipe: &Recipe, probe: &Probe) -> Result<(), Error> {
    for member in &wanted.closure.members {
        let unfit = |unfit| Error::Unfit { path: member.path.clone(), unfit };
        let path = ImagePath::new(&member.path).map_err(unfit)?;
        // The resolver took included files for requests: only a person's own request is one.
        let only_included = wanted.loadable.binary_search(&path).is_ok() && !is_requested(recipe, &path);
        let reasons =
            member.reasons.iter().map(Cause::from_reason).collect::<Result<Vec<_>, _>>().map_err(unfit)?;
        let causes: Vec<Cause> = reasons
            .into_iter()
            .filter(|cause| !(only_included && cause.because == Because::Requested))
            .collect();
        if causes.is_empty() {
            continue;
        }
        let entry = match &member.kind {
            MemberKind::File => host_file(&path, probe, causes)?,
            MemberKind::Symlink { target } => {
                let target = target.to_str().ok_or_else(|| unfit(crate::image_path::Unfit::NotText))?;
                Entry { causes, ..Entry::symlink(target, Cause::plain(Because::LinkTarget)) }
            }
        };
        planner.want(path, entry)?;
    }
    Ok(())
}

fn is_requested(recipe: &Recipe, path: &ImagePath) -> bool {
    recipe.binaries.iter().any(|binary| names(&binary.value, path))
}

/// Whether a person who asks for `binary` means the program at `path`.
fn names(binary: &str, path: &ImagePath) -> bool {
    binary == path.as_str() || Some(binary) == path.as_str().rsplit('/').next()
}

fn plan_included(
    planner: &mut Planner,
    included: &Inclusion,
    recipe: &Recipe,
    probe: &Probe,
) -> Result<(), Error> {
    for (path, entry) in included {
        let cause = entry.link.as_ref().map_or_else(|| entry.cause.clone(), Cause::target_of);
        let wish = match &entry.facts.kind {
            FileKind::Directory => Entry::directory(cause),
            FileKind::Symlink(target) => Entry::symlink(target, cause),
            FileKind::File => host_file(path, probe, vec![cause])?,
            FileKind::Special => {
                let error = Error::Special { path: path.clone() };
                return Err(
                    match recipe
                        .include
                        .iter()
                        .find(|asked| Some(&asked.value.text) == entry.cause.name.as_ref())
                    {
                        Some(asked) => error.at(&asked.at),
                        None => error,
                    },
                );
            }
        };
        planner.want(path.clone(), wish)?;
    }
    Ok(())
}

fn host_file(origin: &ImagePath, probe: &Probe, causes: Vec<Cause>) -> Result<Entry, Error> {
    let path = probe.on_host(origin);
    let facts = probe.facts(origin).map_err(|error| Error::read(&path, error))?;
    let patch = bytecode::patch(origin, probe).map_err(|error| Error::read(&path, error))?;
    let source = Source::Host { origin: origin.clone(), path, size: facts.size, patch };
    Ok(Entry { kind: Kind::File(source), mode: fixed_mode(facts.mode), causes })
}
