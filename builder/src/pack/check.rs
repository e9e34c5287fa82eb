//! What this machine lacks for packs.

use std::fmt::Write as _;
use std::path::Path;

use super::{Answer, packages};
use crate::error::Error;
use crate::quantity::bytes_for_people;
use crate::request::Image;
use crate::{build, packs};

/// Plans each pack's image: what can be planned can be built.
pub fn check(names: &[String]) -> Result<Answer, Error> {
    let all: Vec<String> = packs::names().map(str::to_owned).collect();
    let names = if names.is_empty() { &all } else { names };
    let mut text = String::new();
    let mut lacking: Vec<String> = Vec::new();
    let mut is_well = true;
    for name in names {
        let recipe = packs::whole(name)?;
        let missing = not_installed(&packages(&recipe))?;
        let verdict = match build::measure(&Image::of(recipe)) {
            Ok((files, bytes)) => format!("ok, {files} files, {}", bytes_for_people(bytes)),
            // Terminal descriptions come with the programs that read them.
            Err(Error::NothingAsked) => "ok, nothing by itself".to_owned(),
            Err(error) => {
                is_well = false;
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default();
                if missing.is_empty() { why.to_owned() } else { format!("lacks {}", missing.join(" ")) }
            }
        };
        if !verdict.starts_with("ok") {
            lacking
                .extend(missing.into_iter().filter(|package| !lacking.contains(package)).collect::<Vec<_>>());
        }
        let _infallible = writeln!(text, "{name:12}  {verdict}");
    }
    if !lacking.is_empty() {
        let _infallible = writeln!(text, "\napt-get install --no-install-recommends {}", lacking.join(" "));
    }
    Ok(Answer { text, is_well })
}

/// Those of the packages that dpkg does not know as installed here.
fn not_installed(wanted: &[&str]) -> Result<Vec<String>, Error> {
    let there = crate::packages::files(Path::new("/"), |name| wanted.contains(&name))?;
    Ok(wanted.iter().filter(|name| !there.contains_key(**name)).map(|name| (*name).to_owned()).collect())
}
