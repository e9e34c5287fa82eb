//! Data that programs read at run time, and that no ELF file names: terminal descriptions, locales, time zones, character
//! sets, certificates.
//!
//! Each kind has a file: the paths on the build host, and the names in a recipe. Terminals and locales have defaults,
//! which an image gets only if a library in it reads them; the build host may lack them. Data that the recipe names must
//! exist.

use std::path::{Path, PathBuf};

use bundle::provenance::Provenance;
use closure::Closure;
use closure::sysroot::Sysroot;
use recipe::image_path::ImagePath;
use recipe::name_pattern::NamePattern;
use recipe::{Data, Spanned};

use crate::error::{Absent, Error};
use crate::gather::os_release;

mod certificates;
mod charset;
mod locale;
mod terminal;
mod time_zone;

pub(crate) use certificates::is_bundle;

/// One file or directory of data; a directory is taken with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeData {
    /// The path in the sysroot, and in the image.
    pub(crate) path: PathBuf,
    /// The library that reads it, or the request of the recipe.
    pub(crate) provenance: Provenance,
}

/// The paths that one name or pattern stands for.
type Search = Result<Vec<PathBuf>, Absent>;

/// All data for an image that has `closure` and requests `data`.
///
/// # Errors
/// Data that the recipe names is not in the sysroot.
pub(crate) fn find(data: &Data, closure: &Closure, sysroot: &Sysroot) -> Result<Vec<RuntimeData>, Error> {
    let mut finder = Finder { sysroot, closure, found: Vec::new() };
    finder.requested_or_default(
        "terminal",
        data.terminfo.as_deref(),
        &terminal::DEFAULT,
        terminal::is_reader,
        |name| terminal::find(sysroot, name),
    )?;
    finder.requested_or_default(
        "locale",
        data.locales.as_deref(),
        &locale::DEFAULT,
        locale::is_reader,
        |name| locale::find(sysroot, name),
    )?;
    finder.requested("time zone", &data.timezones, |name| time_zone::find(sysroot, name))?;
    let modules = charset::directories(closure);
    finder.requested("character set", &data.charsets, |name| charset::find(sysroot, &modules, name))?;
    if let Some(span) = &data.certificates {
        let bundle = certificates::find(sysroot).map_err(|absent| Error::Absent(absent).at(span))?;
        finder.add(bundle, &Provenance::data("certificates of public authorities", None));
    }
    if let Some(span) = &data.scan {
        let exists = |place: &&&str| sysroot.stat(Path::new(place)).is_ok();
        let place = os_release::PLACES.iter().find(exists).ok_or_else(|| {
            let hint = "without it no scanner knows which packages these are: remove `scan`";
            Error::Absent(absent("file", "os-release", &os_release::PLACES, hint)).at(span)
        })?;
        finder.add(
            vec![PathBuf::from(place)],
            &Provenance::data("name of the distribution, for scanners", None),
        );
    }
    Ok(finder.found)
}

struct Finder<'a> {
    sysroot: &'a Sysroot,
    closure: &'a Closure,
    found: Vec<RuntimeData>,
}

impl Finder<'_> {
    /// The data that the recipe names; without any, the defaults, if a library of the closure reads them.
    fn requested_or_default(
        &mut self,
        what: &str,
        requested: Option<&[Spanned<NamePattern>]>,
        defaults: &[&str],
        is_reader: fn(&str) -> bool,
        search: impl Fn(&NamePattern) -> Search,
    ) -> Result<(), Error> {
        if let Some(patterns) = requested {
            return self.requested(what, patterns, search);
        }
        let reads = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_reader);
        let Some(reader) = self.closure.members.iter().find(|member| reads(&member.path)) else {
            return Ok(());
        };
        let reader = ImagePath::new(&reader.path)
            .map_err(|unfit| Error::Unfit { path: reader.path.clone(), unfit })?;
        for name in defaults {
            let pattern = NamePattern::known(name);
            // A default that the build host does not have is left out.
            let paths = search(&pattern).unwrap_or_default();
            self.add(paths, &Provenance::data(&format!("{what} `{name}`"), Some(&reader)));
        }
        Ok(())
    }

    fn requested(
        &mut self,
        what: &str,
        patterns: &[Spanned<NamePattern>],
        search: impl Fn(&NamePattern) -> Search,
    ) -> Result<(), Error> {
        for Spanned { value: pattern, span } in patterns {
            let paths = search(pattern).map_err(|absent| Error::Absent(absent).at(span))?;
            self.add(paths, &Provenance::data(&format!("{what} `{pattern}`"), None));
        }
        Ok(())
    }

    fn add(&mut self, paths: Vec<PathBuf>, provenance: &Provenance) {
        let exists = |path: &PathBuf| self.sysroot.stat(path).is_ok();
        debug_assert!(paths.iter().all(exists), "{paths:?}");
        self.found.extend(paths.into_iter().map(|path| RuntimeData { path, provenance: provenance.clone() }));
    }
}

/// The paths in a directory, sorted; empty if it cannot be read.
fn children(sysroot: &Sysroot, directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = sysroot.list(directory).unwrap_or_default();
    entries.into_iter().map(|entry| directory.join(entry.name)).collect()
}

/// The last name of a path; empty, which no pattern matches, if it is not UTF-8.
fn last_name(path: &std::path::Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn absent(what: &'static str, name: &str, searched: &[&str], hint: &'static str) -> Absent {
    let searched = searched.iter().map(|place| (*place).to_owned()).collect();
    Absent { what, name: name.to_owned(), searched, hint }
}

#[cfg(test)]
mod fixture {
    use closure::sysroot::Sysroot;

    /// A tree of empty files.
    pub(super) fn tree(files: &[&str]) -> (tempfile::TempDir, Sysroot) {
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
