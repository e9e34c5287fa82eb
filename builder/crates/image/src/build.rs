//! From a request to a bundle: plan, guards, files, manifest, scripts, each one call.
//!
//! The other functions answer questions about an image with the same first stages and write nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bundle::digest::{FileDigests, Sha};
use bundle::init::Runner;
use bundle::layout;
use bundle::manifest::{self, Manifest, Settings};
use bundle::sbom;
use closure::arch::Machine;
use closure::resolve::{self, ImageFacts, Root};

use crate::error::{Error, Refused};
use crate::plan::assemble::assemble_plan;
use crate::plan::check::CheckedPlan;
use crate::plan::{foreign_program, start_hints};
use crate::request::ImageRequest;
use crate::write::context::{ImageStart, WriteContext};
use crate::write::formats::Format;
use crate::write::image::Written;
use crate::write::interrupt::Interrupt;
use crate::write::manifest::manifest;
use crate::write::progress::Progress;
use crate::write::staging::{Existing, Staging};
use crate::write::{image, scripts};

/// The request for a bundle.
#[derive(Debug)]
pub struct BuildRequest {
    /// The image.
    pub image: ImageRequest,
    /// The bundle's directory.
    pub output: PathBuf,
    /// What to do when that exists.
    pub existing: Existing,
    /// The formats of the image in it; may be empty.
    pub formats: Formats,
    /// The runner, where it is not to be capsule's own.
    pub init: Option<PathBuf>,
}

/// Which formats are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formats {
    /// Those that the user names: it is an error if one cannot be made.
    Chosen(BTreeSet<Format>),
    /// The usual ones, of those that can be made.
    Usual,
}

impl Formats {
    /// The formats of an image for `machine`, of which `runner` says whether there is an init.
    fn of(&self, machine: Machine, runner: Option<&[u8]>) -> Result<BTreeSet<Format>, Error> {
        let fits = |format: &Format| runner.is_some() || !format.needs_runner();
        match self {
            Formats::Usual => Ok(Format::USUAL.into_iter().filter(fits).collect()),
            Formats::Chosen(formats) => match formats.iter().find(|format| !fits(format)) {
                Some(format) => Err(Error::NoRunner { format: format.word(), machine: machine.name() }),
                None => Ok(formats.clone()),
            },
        }
    }

    /// Whether the image as a directory is one of them.
    pub fn have_directory(&self) -> bool {
        match self {
            Formats::Usual => Format::USUAL.contains(&Format::Dir),
            Formats::Chosen(formats) => formats.contains(&Format::Dir),
        }
    }
}

/// The size of a finished image, and warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Regular files in the image.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Warnings for the user, one line each.
    pub warnings: Vec<String>,
}

/// Makes the bundle. After an error or a signal, nothing of it is left.
///
/// # Errors
/// See [`Error`].
pub fn build(request: &BuildRequest, interrupt: &Interrupt) -> Result<Summary, Error> {
    if request.formats.have_directory() && !rustix::process::geteuid().is_root() {
        return Err(Error::NeedsRoot { path: request.output.join(Format::Dir.file_name()) });
    }
    let staging = Staging::new(&request.output, request.existing)?;
    let hidden = staging.path().to_path_buf();
    let filled = fill(request, interrupt, &staging).and_then(|summary| staging.commit().map(|()| summary));
    filled.map_err(|error| error.renamed(&hidden, &request.output))
}

fn fill(request: &BuildRequest, interrupt: &Interrupt, staging: &Staging) -> Result<Summary, Error> {
    let checked = CheckedPlan::new(&request.image)?;
    let runner = runner(request.init.as_deref(), checked.machine)?;
    let runner = runner.as_deref();
    let formats = request.formats.of(checked.machine, runner)?;
    let Written { digests, sums } = write_formats(request, &formats, (&checked, runner), interrupt, staging)?;
    checked.check_contents(&request.image.recipe, &digests)?;
    let manifest = put_bundle_files(staging, &request.image, (&checked, runner), &digests)?;
    staging.put_lists(formats.contains(&Format::Dir).then_some(&manifest), sums)?;
    interrupt.check()?;
    let mut warnings = checked.warnings.clone();
    warnings.extend(start_hints::warnings(&request.image.recipe, &checked.plan));
    match runner {
        Some(_) => warnings.extend(foreign_program::warnings(&checked.plan, checked.machine)),
        None => warnings.push(no_runner(checked.machine, &formats)),
    }
    if formats.contains(&Format::Dir) {
        let tree = staging.path().join(Format::Dir.file_name());
        warnings.extend(unfindable(&checked, &request.image.options, &tree));
    }
    Ok(Summary { warnings, files: checked.plan.files().count(), bytes: checked.plan.bytes() })
}

/// The init of the bundle; `None` when none was given and capsule's own does not run on the image's machine.
fn runner(given: Option<&Path>, machine: Machine) -> Result<Option<Cow<'static, [u8]>>, Error> {
    let runner = given.map_or_else(|| Ok(Runner::own()), Runner::load)?;
    match given {
        _ if runner.machine == machine => Ok(Some(runner.bytes)),
        None => Ok(None),
        Some(path) => Err(Error::RunnerOfOther {
            path: path.to_path_buf(),
            runner: runner.machine.name(),
            machine: machine.name(),
        }),
    }
}

fn no_runner(machine: Machine, formats: &BTreeSet<Format>) -> String {
    let words: Vec<&str> = formats.iter().map(|format| format.word()).collect();
    format!(
        "the bundle has no runner, because its programs are for {} and the runner of this capsule is for {}; it has: {}",
        machine.name(),
        bundle::init::machine().name(),
        words.join(", ")
    )
}

fn write_formats(
    request: &BuildRequest,
    formats: &BTreeSet<Format>,
    (checked, runner): (&CheckedPlan, Option<&[u8]>),
    interrupt: &Interrupt,
    staging: &Staging,
) -> Result<Written, Error> {
    let passes = formats.len().max(1) as u64;
    let progress = Progress::new(checked.plan.bytes() * passes);
    let context =
        WriteContext { interrupt, progress: &progress, time: request.image.time, md5: &checked.touched };
    let start = ImageStart {
        machine: checked.machine,
        runner,
        command: checked.plan.shell().or(checked.programs.first()),
    };
    image::write(&checked.plan, staging.path(), formats, start, &context)
}

fn digest(image: &ImageRequest, checked: &CheckedPlan, interrupt: &Interrupt) -> Result<FileDigests, Error> {
    let progress = Progress::new(checked.plan.bytes());
    let context = WriteContext { interrupt, progress: &progress, time: image.time, md5: &checked.touched };
    image::digest(&checked.plan, &context)
}

/// The text of `build.sh`. Everything is read and checked, nothing is written.
///
/// # Errors
/// As [`build`].
pub fn script(image: &ImageRequest, interrupt: &Interrupt) -> Result<Vec<u8>, Error> {
    let checked = CheckedPlan::new(image)?;
    let digests = digest(image, &checked, interrupt)?;
    checked.check_contents(&image.recipe, &digests)?;
    scripts::build_script(&checked.plan, &digests, &image.options.sysroot)
}

/// Resolves the programs once more inside the finished tree, and warns of libraries that the loader will not find there.
/// `--library-path` does not exist inside; the recipe may bring its own ld.so.cache, and musl's loader reads none.
fn unfindable(checked: &CheckedPlan, options: &resolve::Options, tree: &Path) -> Vec<String> {
    let inside =
        resolve::Options { sysroot: tree.to_path_buf(), library_path: Vec::new(), ..options.clone() };
    let failures = checked.programs.iter().filter_map(|program| {
        resolve::resolve(&inside, &ImageFacts::default(), &[Root::Path(program.as_path().into())]).err()
    });
    let mut warnings: Vec<String> = failures.map(|error| format!("inside the image: {error}")).collect();
    warnings.dedup();
    warnings
}

fn put_bundle_files(
    staging: &Staging,
    image: &ImageRequest,
    (checked, runner): (&CheckedPlan, Option<&[u8]>),
    digests: &FileDigests,
) -> Result<Manifest, Error> {
    let settings = settings(image, checked, runner);
    let manifest = manifest(&checked.plan, digests, checked.owners.as_ref(), settings);
    let json = manifest.to_json()?;
    let build = scripts::build_script(&checked.plan, digests, &image.options.sysroot)?;
    staging.put(sbom::FILE_NAME, sbom::sbom(&manifest)?.as_bytes(), 0o644)?;
    staging.put(manifest::FILE_NAME, json.as_bytes(), 0o644)?;
    staging.put("build.sh", &build, 0o755)?;
    let Some(init) = runner else { return Ok(manifest) };
    let run = scripts::run_script(&manifest.limits, &Sha::of(json.as_bytes()))?;
    staging.put(layout::INIT, init, 0o755)?;
    staging.put_directory(layout::WORKSPACE)?;
    staging.put("install.sh", scripts::install_script()?.as_bytes(), 0o755)?;
    staging.put("run.sh", run.as_bytes(), 0o755)?;
    Ok(manifest)
}

fn settings(image: &ImageRequest, checked: &CheckedPlan, runner: Option<&[u8]>) -> Settings {
    let ImageRequest { recipe, time, .. } = image;
    let limits = recipe.limits.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let languages = recipe.languages.iter().map(|(name, language)| (name.clone(), language.value.clone()));
    Settings {
        time: *time,
        architecture: checked.machine.name(),
        init: runner.map(Sha::of),
        limits: limits.collect(),
        languages: languages.collect(),
        distribution: checked.distribution.clone(),
    }
}

/// The paths of the image's entries; nothing is written.
///
/// # Errors
/// The image cannot be planned.
pub fn paths(image: &ImageRequest) -> Result<BTreeSet<PathBuf>, Error> {
    Ok(assemble_plan(image)?.plan.entries().map(|(path, _)| path.as_path().to_path_buf()).collect())
}

/// All files that the guards refuse, also for their contents; everything is read, nothing is written.
///
/// # Errors
/// The image cannot be planned, or a file cannot be read.
pub fn refused(image: &ImageRequest) -> Result<Vec<Refused>, Error> {
    let (checked, mut refused) = CheckedPlan::inspect(image)?;
    let digests = digest(image, &checked, &Interrupt::never())?;
    refused.extend(checked.refused_contents(&image.recipe, &digests));
    Ok(refused)
}

/// The number of regular files in the image, and their bytes; nothing is written.
///
/// # Errors
/// The image cannot be planned.
pub fn measure(image: &ImageRequest) -> Result<(usize, u64), Error> {
    let plan = assemble_plan(image)?.plan;
    Ok((plan.files().count(), plan.bytes()))
}
