//! Data that programs read by convention, and that no ELF file names: terminal descriptions, locales, time zones,
//! character sets, certificates.
//!
//! Each kind is one file below: where it lies, and how a person names it. What nobody asked for and is taken by
//! default comes along only where something in the image reads it, and may be missing; what was asked for may not.

use std::path::PathBuf;

use crate::cause::Cause;
use crate::closure::Closure;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::name_pattern::NamePattern;
use crate::recipe::{Asked, Data};
use crate::sysroot::Sysroot;

mod certificates;
mod charset;
mod locale;
mod terminal;
mod time_zone;

pub use certificates::is_bundle;

/// One path that some data asks for; a directory stands for everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datum {
    /// Where it lies, in the sysroot and in the image.
    pub path: PathBuf,
    /// Who wants it.
    pub cause: Cause,
}

/// What was asked for and is not there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {what} `{name}` on the build host{}\n  hint: {hint}", places(searched))]
pub struct Absent {
    /// What kind of data.
    pub what: &'static str,
    /// As asked for.
    pub name: String,
    /// Where it was looked for.
    pub searched: Vec<String>,
    /// What usually brings it.
    pub hint: &'static str,
}

fn places(searched: &[String]) -> String {
    if searched.is_empty() { String::new() } else { format!("\n  searched: {}", searched.join(", ")) }
}

/// What one search gives.
type Search = Result<Vec<PathBuf>, Absent>;

/// All data that an image of `closure` shall have.
pub fn find(wanted: &Data, closure: &Closure, sysroot: &Sysroot) -> Result<Vec<Datum>, Error> {
    let mut finder = Finder { sysroot, closure, found: Vec::new() };
    finder.by_default(
        "terminal",
        wanted.terminfo.as_deref(),
        &terminal::DEFAULT,
        terminal::is_reader,
        |name| terminal::find(sysroot, name),
    )?;
    finder.by_default("locale", wanted.locales.as_deref(), &locale::DEFAULT, locale::is_reader, |name| {
        locale::find(sysroot, name)
    })?;
    finder.asked("time zone", &wanted.timezones, |name| time_zone::find(sysroot, name))?;
    let modules = charset::directories(closure);
    finder.asked("character set", &wanted.charsets, |name| charset::find(sysroot, &modules, name))?;
    if let Some(at) = &wanted.certificates {
        let bundle = certificates::find(sysroot).map_err(|absent| Error::Absent(absent).at(at))?;
        finder.add(bundle, &Cause::data("certificates of public authorities", None));
    }
    Ok(finder.found)
}

struct Finder<'a> {
    sysroot: &'a Sysroot,
    closure: &'a Closure,
    found: Vec<Datum>,
}

impl Finder<'_> {
    /// What a person asked for, or else the usual, for the first library that reads it.
    fn by_default(
        &mut self,
        what: &str,
        asked: Option<&[Asked<NamePattern>]>,
        usual: &[&str],
        is_reader: fn(&str) -> bool,
        search: impl Fn(&NamePattern) -> Search,
    ) -> Result<(), Error> {
        if let Some(asked) = asked {
            return self.asked(what, asked, search);
        }
        let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_reader);
        let Some(reader) = self.closure.members.iter().find(|member| name(&member.path)) else {
            return Ok(());
        };
        let reader = ImagePath::new(&reader.path)
            .map_err(|unfit| Error::Unfit { path: reader.path.clone(), unfit })?;
        for name in usual {
            let pattern = NamePattern::known(name);
            // Nobody asked: a build host that has none makes an image that has none.
            let paths = search(&pattern).unwrap_or_default();
            self.add(paths, &Cause::data(&format!("{what} `{name}`"), Some(&reader)));
        }
        Ok(())
    }

    fn asked(
        &mut self,
        what: &str,
        asked: &[Asked<NamePattern>],
        search: impl Fn(&NamePattern) -> Search,
    ) -> Result<(), Error> {
        for Asked { value: pattern, at } in asked {
            let paths = search(pattern).map_err(|absent| Error::Absent(absent).at(at))?;
            self.add(paths, &Cause::data(&format!("{what} `{pattern}`"), None));
        }
        Ok(())
    }

    fn add(&mut self, paths: Vec<PathBuf>, cause: &Cause) {
        let there = |path: &PathBuf| self.sysroot.stat(path).is_ok();
        debug_assert!(paths.iter().all(there), "{paths:?}");
        self.found.extend(paths.into_iter().map(|path| Datum { path, cause: cause.clone() }));
    }
}

/// What is in a directory, by name; one that is not there has nothing in it.
fn children(sysroot: &Sysroot, directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = sysroot.list(directory).unwrap_or_default();
    entries.into_iter().map(|entry| directory.join(entry.name)).collect()
}

/// The last name of a path, when it is text: a name that is none can match no pattern.
fn last_name(path: &std::path::Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn absent(what: &'static str, name: &str, searched: &[&str], hint: &'static str) -> Absent {
    let searched = searched.iter().map(|place| (*place).to_owned()).collect();
    Absent { what, name: name.to_owned(), searched, hint }
}

#[cfg(test)]
mod fixture {
    use crate::sysroot::Sysroot;

    /// A tree of empty files.
    pub fn tree(files: &[&str]) -> (tempfile::TempDir, Sysroot) {
        let dir = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().expect("below")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let sysroot = Sysroot::new(dir.path()).expect("a directory");
        (dir, sysroot)
    }
}
