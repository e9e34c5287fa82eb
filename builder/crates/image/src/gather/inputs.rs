//! Finds everything that a recipe requests: the closure, included files, data.
//!
//! Data depends on the closure (does a library read it?), and the closure on data (the modules of iconv are libraries).
//! So the closure is resolved first, and once more if data brought libraries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use bundle::layout::NSSWITCH;
use closure::loader::setting::PRELOAD_FILE;
use closure::resolve::{self, ImageFacts, Options, Root};
use closure::sysroot::Sysroot;
use closure::{Closure, Failure, Why, nss};
use recipe::byte_text;
use recipe::image_path::ImagePath;
use recipe::{Binary, OwnContent, Recipe};

use crate::error::Error;
use crate::gather::include::{self, Inclusion, Loadable};
use crate::gather::probe::Probe;
use crate::gather::{data, slice, toolchain};
use crate::request::ImageRequest;

/// The files that the image takes from the build host, before they have places in a plan.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The requested programs and the loadable included files, with all that they need.
    pub(crate) closure: Closure,
    /// The paths that patterns, slices and data bring.
    pub(crate) included: Inclusion,
    /// The places in the image of files that have another path in the sysroot, by that path.
    pub(crate) places: BTreeMap<PathBuf, ImagePath>,
    /// Warnings for the user, one line each.
    pub(crate) warnings: Vec<String>,
}

impl Inputs {
    /// # Errors
    /// A request of the recipe is absent or cannot be read.
    pub(crate) fn find(image: &ImageRequest, probe: &Probe) -> Result<Inputs, Error> {
        let sysroot = &image.options.sysroot;
        let sysroot = Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))?;
        toolchain::verify(&image.recipe, &image.options.sysroot)?;
        let mut included = include::expand(&image.recipe.include, probe)?;
        slice::expand(&image.recipe.slices, &image.options, &mut included)?;
        let text = |path, default| text_of(path, &image.recipe, &included, &sysroot).unwrap_or(default);
        let conf = text(nss::CONF, NSSWITCH.into());
        let facts = ImageFacts {
            name_services: nss::services(&String::from_utf8_lossy(&conf)),
            preload: text(PRELOAD_FILE, Vec::new()),
        };
        let machines = resolve::machines(&image.options)?;
        let loadable = include::loadable(&included, probe, &machines);
        let mut closure = close(&image.options, &facts, &image.recipe, &loadable, probe)?;
        let data = data::find(&image.recipe.data, &closure, &sysroot)?;
        include::add(&mut included, &data, probe)?;
        let with_data = include::loadable(&included, probe, &machines);
        if with_data != loadable {
            closure = close(&image.options, &facts, &image.recipe, &with_data, probe)?;
        }
        let warnings = missing_services(&facts, &closure);
        let places = places(&image.recipe, &included, probe);
        Ok(Inputs { closure, included, places, warnings })
    }
}

fn close(
    options: &Options,
    facts: &ImageFacts,
    recipe: &Recipe,
    loadable: &[Loadable],
    probe: &Probe,
) -> Result<Closure, Error> {
    let requested = recipe.binaries.iter().map(|binary| root(&binary.value, probe));
    let roots: Vec<Root> = requested.chain(loadable.iter().map(included_root)).collect();
    resolve::resolve(options, facts, &roots).map_err(|Failure { root, error }| {
        let error = Error::Resolve(error);
        // The roots after the binaries are included files, whose paths the recipe may not have.
        match root.and_then(|root| recipe.binaries.get(root)) {
            Some(binary) => error.at(&binary.span),
            None => of_included(root.and_then(|root| loadable.get(root - recipe.binaries.len())), error),
        }
    })
}

/// The error about an included file. One that lacks a library may be a plugin, which finds it by means of its program.
fn of_included(file: Option<&Loadable>, error: Error) -> Error {
    match (file, &error) {
        (Some(Loadable { path, opener: None }), Error::Resolve(closure::Error::LibrariesNotFound(_))) => {
            Error::Plugin { path: path.clone(), error: Box::new(error) }
        }
        _ => error,
    }
}

fn root(binary: &Binary, probe: &Probe) -> Root {
    match real_path(binary, probe) {
        Some(path) => Root::Path(path.as_path().into()),
        None => named_root(&binary.name),
    }
}

fn named_root(name: &str) -> Root {
    let text = byte_text::to_os(name);
    if name.starts_with('/') { Root::Path(text.into()) } else { Root::Name(text) }
}

fn included_root(file: &Loadable) -> Root {
    let path = file.path.as_path().to_owned();
    match &file.opener {
        Some(opener) => Root::Plugin { path, opener: Box::new(named_root(opener)) },
        None => Root::Path(path),
    }
}

/// The path, without a link in it, of a program that has another place in the image. The links on the way to it are not
/// needed there.
fn real_path(binary: &Binary, probe: &Probe) -> Option<ImagePath> {
    binary.to.as_ref()?;
    let path = ImagePath::parse(&binary.name).ok()?;
    probe.follow(&path).ok().map(|lookup| lookup.end)
}

/// The places in the image of files that have another path in the sysroot, by that path.
fn places(recipe: &Recipe, included: &Inclusion, probe: &Probe) -> BTreeMap<PathBuf, ImagePath> {
    let binaries = recipe.binaries.iter().filter_map(|binary| {
        Some((real_path(&binary.value, probe)?.as_path().to_owned(), binary.value.to.clone()?))
    });
    let moved = included.iter().filter(|(place, entry)| **place != entry.origin);
    moved.map(|(place, entry)| (entry.origin.as_path().to_owned(), place.clone())).chain(binaries).collect()
}

/// The content of a file in the image; `None` if neither the recipe nor a pattern brings it. An unreadable file counts as
/// empty: copying it will fail with a better error.
fn text_of(path: &str, recipe: &Recipe, included: &Inclusion, sysroot: &Sysroot) -> Option<Vec<u8>> {
    let path = ImagePath::parse(path).expect("a normal path");
    let read = |mut file: File| {
        let mut text = Vec::new();
        file.read_to_end(&mut text).map(|_| text)
    };
    let text = match recipe.files.get(&path).map(|file| &file.value.content) {
        Some(OwnContent::Inline(text)) => return Some(text.clone().into_bytes()),
        Some(OwnContent::From(from)) => File::open(from).and_then(read),
        None => sysroot.open(included.get(&path)?.origin.as_path()).and_then(read),
    };
    Some(text.unwrap_or_default())
}

/// A warning for each name service whose module the build host does not have. libc skips such a service silently
/// (nsswitch.conf(5)), which is rarely intended.
fn missing_services(facts: &ImageFacts, closure: &Closure) -> Vec<String> {
    let whys = || closure.members.iter().flat_map(|member| &member.reasons).map(|reason| &reason.why);
    let is_found =
        |name: &str| whys().any(|why| matches!(why, Why::NssModule { service } if service == name));
    let modules =
        facts.name_services.iter().filter_map(|service| Some((service, nss::module(service, None)?)));
    let missing = modules.filter(|(service, _)| !is_found(service));
    missing
        .map(|(service, module)| {
            let module = module.to_string_lossy();
            format!("{} names the service `{service}`, but its module {module} was not found", nss::CONF)
        })
        .collect()
}
