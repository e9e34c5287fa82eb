//! `capsule pack`: lists and shows packs, says what this machine lacks for them, brings what comes from elsewhere, and
//! says whether they hold too much or too little.

mod check;
mod client;
mod fetch;
mod findings;
mod trace;
mod unpack;

pub(in crate::tool) use findings::missed_files;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use image::write::interrupt::Interrupt;
use recipe::{Recipe, packs};

use crate::error::Error;

/// One call of `capsule pack`.
#[derive(Debug)]
pub enum PackRequest {
    /// Lists the packs that come with capsule.
    List,
    /// Prints one pack.
    Show(String),
    /// Says what this machine lacks for these packs, or for all if the list is empty.
    Check(Vec<String>),
    /// Brings what the toolchain of a pack names.
    Fetch(PackFetch),
    /// Says which files the tests of a pack use.
    Trace(PackTrace),
}

/// A pack whose toolchain is brought.
#[derive(Debug)]
pub struct PackFetch {
    /// The path of its file.
    pub name: String,
    /// Whether to make the lock again, of the newest versions.
    pub update: bool,
}

/// A pack whose tests are traced.
#[derive(Debug)]
pub struct PackTrace {
    /// A name, or the path of a file.
    pub name: String,
    /// Directories with programs to trace in addition to the pack's own tests.
    pub tests: Vec<PathBuf>,
    /// Whether every file that is never opened is listed, instead of their directories.
    pub all: bool,
}

/// What `capsule pack` prints.
#[derive(Debug)]
pub struct PackOutput {
    /// Ends with a newline.
    pub text: String,
    /// False if a pack lacks something, or if one of its tests failed: the exit code is then 1.
    pub ok: bool,
}

/// Runs one `capsule pack` command. Only what leaves a directory to remove installs the `interrupt`.
///
/// # Errors
/// An unknown pack, a mistake in one, and whatever prevents a trace or the fetching of a toolchain.
pub fn pack(
    request: &PackRequest,
    interrupt: impl Fn() -> Result<Interrupt, Error>,
) -> Result<PackOutput, Error> {
    match request {
        PackRequest::List => list().map(|text| PackOutput { text, ok: true }),
        PackRequest::Show(name) => show(name).map(|text| PackOutput { text, ok: true }),
        PackRequest::Check(names) => check::check(names),
        PackRequest::Fetch(request) => fetch::fetch(request, &interrupt()?),
        PackRequest::Trace(request) => trace::trace(request, &interrupt()?),
    }
}

fn list() -> Result<String, Error> {
    let mut text = format!("{:12}  {:28}  {:12}  {}\n", "pack", "language", "source", "Debian packages");
    for name in packs::names() {
        let recipe = packs::whole(name)?;
        let language = recipe.languages.get(name).map(|language| &language.value);
        let title = language.map_or("-", |language| language.title.as_deref().unwrap_or(name));
        let source = language.map_or("-", |language| language.source.usual());
        let _infallible =
            writeln!(text, "{name:12}  {title:28}  {source:12}  {}", packages(&recipe).join(" "));
    }
    Ok(text)
}

fn show(name: &str) -> Result<String, Error> {
    // A pack with a mistake is refused: users start their own from what is printed.
    packs::whole(name)?;
    match packs::text(name) {
        Some(text) => Ok(text.to_owned()),
        None => fs::read_to_string(name).map_err(|error| Error::read(Path::new(name), error)),
    }
}

/// The Debian packages that a recipe names, each once, in its order.
fn packages(recipe: &Recipe) -> Vec<&str> {
    let mut packages: Vec<&str> = Vec::new();
    for package in &recipe.apt {
        if !packages.contains(&package.as_str()) {
            packages.push(package);
        }
    }
    packages
}
