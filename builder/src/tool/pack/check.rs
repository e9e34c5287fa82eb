//! `capsule pack check`: what this machine lacks for packs.

use std::fmt::Write as _;
use std::path::Path;

use bundle::human_bytes;
use image::{ImageRequest, build};
use recipe::{Recipe, packs};

use super::{PackOutput, packages};
use crate::error::Error;

/// Plans each pack's image: an image that can be planned can be built.
pub(super) fn check(names: &[String]) -> Result<PackOutput, Error> {
    let all: Vec<String> = packs::names().map(str::to_owned).collect();
    let names = if names.is_empty() { &all } else { names };
    let mut text = String::new();
    let mut to_install: Vec<String> = Vec::new();
    let mut ok = true;
    for name in names {
        let recipe = packs::whole(name)?;
        let missing = not_installed(&packages(&recipe))?;
        let verdict = plan(recipe).unwrap_or_else(|why| {
            ok = false;
            let verdict = if missing.is_empty() { why } else { format!("lacks {}", missing.join(" ")) };
            to_install.extend(missing);
            verdict
        });
        let _infallible = writeln!(text, "{name:12}  {verdict}");
    }
    if !to_install.is_empty() {
        // Two packs may lack the same package.
        let mut seen = std::collections::HashSet::new();
        to_install.retain(|package| seen.insert(package.clone()));
        let _infallible =
            writeln!(text, "\napt-get install --no-install-recommends {}", to_install.join(" "));
    }
    Ok(PackOutput { text, ok })
}

/// The size of a pack's image, or why it cannot be built.
fn plan(recipe: Recipe) -> Result<String, String> {
    match build::measure(&ImageRequest::of(recipe)) {
        Ok((files, bytes)) => Ok(format!("ok, {files} files, {}", human_bytes(bytes))),
        // A pack of data only, such as terminal descriptions: they are included with the programs that read them.
        Err(image::Error::NothingAsked) => Ok("ok, no files without a program".to_owned()),
        Err(error) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

/// The packages of `wanted` that are not installed, as dpkg knows it.
fn not_installed(wanted: &[&str]) -> Result<Vec<String>, Error> {
    let installed = image::gather::dpkg::files(Path::new("/"), |name| wanted.contains(&name))?;
    Ok(wanted.iter().filter(|name| !installed.contains_key(**name)).map(|name| (*name).to_owned()).collect())
}
