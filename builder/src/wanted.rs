//! Everything that a recipe asks for, found on the build host: the closure, included files, data.
//!
//! Data depends on the closure (which library would read it?), and the closure on data (modules of iconv are
//! libraries): the closure is made first, and once more where data brought libraries.

use std::io::Read;
use std::path::PathBuf;

use crate::closure::{Closure, Why};
use crate::data;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::include::{self, Inclusion};
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
        let conf = name_services(&image.recipe, &included, &sysroot);
        let options = Options { name_services: nss::services(&conf), ..image.options.clone() };
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

/// The nsswitch.conf(5) that the image will have: the recipe's, an included one, or ours. What cannot be read is told
/// where it is copied.
fn name_services(recipe: &Recipe, included: &Inclusion, sysroot: &Sysroot) -> String {
    let path = ImagePath::parse(nss::CONF).expect("a normal path");
    let read = |mut file: std::fs::File| {
        let mut text = String::new();
        file.read_to_string(&mut text).map(|_| text)
    };
    let text = match recipe.files.get(&path).map(|file| &file.value.content) {
        Some(OwnContent::Inline(text)) => return text.clone(),
        Some(OwnContent::From(from)) => std::fs::File::open(from).and_then(read),
        None if included.contains_key(&path) => sysroot.open(&PathBuf::from(nss::CONF)).and_then(read),
        None => return skeleton::NSSWITCH.to_owned(),
    };
    text.unwrap_or_default()
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
