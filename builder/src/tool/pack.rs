//! `capsule pack`: which packs there are, what they say, what this machine lacks for them, and whether they hold too
//! much or too little.

mod check;
mod findings;
mod trace;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::packs;
use crate::recipe::Recipe;

/// What is asked about packs.
#[derive(Debug)]
pub enum Ask {
    /// Which there are.
    List,
    /// What one says.
    Show(String),
    /// What this machine lacks for them; all of them when none is named.
    Check(Vec<String>),
    /// Which files its tests use.
    Trace(Tracing),
}

/// What to trace.
#[derive(Debug)]
pub struct Tracing {
    /// The pack.
    pub name: String,
    /// Directories with programs beside its own tests.
    pub tests: Vec<PathBuf>,
    /// Whether every file that is never opened is listed.
    pub all: bool,
}

/// What is answered.
#[derive(Debug)]
pub struct Answer {
    /// The text, with its newline.
    pub text: String,
    /// Whether nothing is wrong.
    pub is_well: bool,
}

/// Answers.
pub fn pack(ask: &Ask, interrupt: impl Fn() -> Result<Interrupt, Error>) -> Result<Answer, Error> {
    match ask {
        Ask::List => list().map(|text| Answer { text, is_well: true }),
        Ask::Show(name) => show(name).map(|text| Answer { text, is_well: true }),
        Ask::Check(names) => check::check(names),
        Ask::Trace(tracing) => trace::trace(tracing, &interrupt()?),
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
    // Its mistakes first: what is shown shall be good.
    packs::whole(name)?;
    match packs::text(name) {
        Some(text) => Ok(text.to_owned()),
        None => fs::read_to_string(name).map_err(|error: io::Error| Error::read(Path::new(name), error)),
    }
}

/// The packages that a recipe needs, each once, in its order.
fn packages(recipe: &Recipe) -> Vec<&str> {
    let mut packages: Vec<&str> = Vec::new();
    for package in &recipe.apt {
        if !packages.contains(&package.as_str()) {
            packages.push(package);
        }
    }
    packages
}
