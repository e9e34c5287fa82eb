//! Everything that a recipe asks for, found on the build host: the closure, included files, data.
//!
//! Data depends on the closure (which library would read it?), and the closure on data (modules of iconv are
//! libraries): the closure is made first, and once more where data brought libraries.

use std::fs::File;
use std::io::Read;

use crate::closure::{Closure, Why};
use crate::data;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::include::{self, Inclusion};
use crate::loader;
use crate::nss;
use crate::probe::Probe;
use crate::recipe::{OwnContent, Recipe};
use crate::request::Image;
use crate::resolve::{self, Options, Root};
use crate::skeleton;
use crate::slice;
use crate::sysroot::Sysroot;

/// What was asked for, and what that needs.
#[derive(Debug)]
pub struct Wanted {
    /// What the loader asks for.
    pub closure: Closure,
    /// What patterns and data bring.
    pub included: Inclusion,
    /// The part of it that the loader would load, sorted.
    pub loadable: Vec<ImagePath>,
    /// What a person should know, one line each.
    pub warnings: Vec<String>,
}

impl Wanted {
    /// Finds everything that `image` asks for.
    pub fn find(image: &Image, probe: &Probe) -> Result<Wanted, Error> {
        let sysroot = &image.options.sysroot;
        let sysroot = Sysroot::new(sysroot).map_err(|error| Error::read(sysroot, error))?;
        let mut included = include::expand(&image.recipe.include, probe)?;
        slice::expand(&image.recipe.slices, &image.options, &mut included)?;
        let text = |path, ours| text_of(path, &image.recipe, &included, &sysroot).unwrap_or(ours);
        let conf = text(nss::CONF, skeleton::NSSWITCH.into());
        let options = Options {
            name_services: nss::services(&String::from_utf8_lossy(&conf)),
            preload: text(loader::PRELOAD_FILE, Vec::new()),
            ..image.options.clone()
        };
        let mut loadable = include::loadable(&included, probe);
        let mut closure = close(&options, &image.recipe, &loadable)?;
        let data = data::find(&image.recipe.data, &closure, &sysroot)?;
        include::add(&mut included, &data, probe)?;
        let without_data = std::mem::replace(&mut loadable, include::loadable(&included, probe));
        if without_data != loadable {
            closure = close(&options, &image.recipe, &loadable)?;
        }
        let warnings = missing_services(&options, &closure);
        Ok(Wanted { closure, included, loadable, warnings })
    }
}

fn close(options: &Options, recipe: &Recipe, loadable: &[ImagePath]) -> Result<Closure, Error> {
    let asked = recipe.binaries.iter().map(|binary| root(&binary.value));
    let roots: Vec<Root> =
        asked.chain(loadable.iter().map(|path| Root::Path(path.as_path().into()))).collect();
    resolve::resolve(options, &roots).map_err(|error| placed(options, recipe, error))
}

fn root(name: &str) -> Root {
    if name.starts_with('/') { Root::Path(name.into()) } else { Root::Name(name.into()) }
}

/// The resolver does not know recipes: the first binary that fails alone is the one to point at.
fn placed(options: &Options, recipe: &Recipe, error: resolve::Error) -> Error {
    for binary in &recipe.binaries {
        if let Err(alone) = resolve::resolve(options, &[root(&binary.value)]) {
            return Error::Resolve(alone).at(&binary.at);
        }
    }
    Error::Resolve(error)
}

/// What will stand in a file of the image that says what else is loaded; `None` where neither the recipe nor a pattern
/// brings it. A file that cannot be read is told of where it is copied.
fn text_of(path: &str, recipe: &Recipe, included: &Inclusion, sysroot: &Sysroot) -> Option<Vec<u8>> {
    let path = ImagePath::parse(path).expect("a normal path");
    let read = |mut file: File| {
        let mut text = Vec::new();
        file.read_to_end(&mut text).map(|_| text)
    };
    let text = match recipe.files.get(&path).map(|file| &file.value.content) {
        Some(OwnContent::Inline(text)) => return Some(text.clone().into_bytes()),
        Some(OwnContent::From(from)) => File::open(from).and_then(read),
        None if included.contains_key(&path) => sysroot.open(path.as_path()).and_then(read),
        None => return None,
    };
    Some(text.unwrap_or_default())
}

/// Services that need a module which is nowhere: libc passes over them, but hardly anybody wants that.
fn missing_services(options: &Options, closure: &Closure) -> Vec<String> {
    let whys = || closure.members.iter().flat_map(|member| &member.reasons).map(|reason| &reason.why);
    let is_there =
        |name: &str| whys().any(|why| matches!(why, Why::NssModule { service } if service == name));
    let modules =
        options.name_services.iter().filter_map(|service| Some((service, nss::module(service, None)?)));
    let missing = modules.filter(|(service, _)| !is_there(service));
    missing
        .map(|(service, module)| {
            let module = module.to_string_lossy();
            format!("{} names the service `{service}`, and there is no {module} for it", nss::CONF)
        })
        .collect()
}
