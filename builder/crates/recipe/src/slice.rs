//! Slices: the files of an installed Debian package, less what a pack leaves out.
//!
//! What a package documents itself with is never wanted. Which files a package has is dpkg's to say, so a slice
//! outlives the next version of the package: only its name is written down, with `*` where that has a version. With a
//! module of Python comes its bytecode, which dpkg does not know of.

use std::collections::BTreeMap;
use std::io;

use globset::{Glob, GlobMatcher};

use crate::bytecode;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::include::{self, Inclusion};
use crate::packages;
use crate::pattern::Pattern;
use crate::probe::Probe;
use crate::recipe::{Asked, Place};
use crate::resolve;

/// One slice.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The package's name, or a glob for it.
    pub package: String,
    /// What of it is wanted; everything when empty.
    pub include: Vec<Pattern>,
    /// What of that is not.
    pub exclude: Vec<Exclusion>,
}

/// What a slice leaves out.
#[derive(Debug, Clone)]
pub enum Exclusion {
    /// Whatever has this name, and all below it.
    Name(Pattern),
    /// What matches, and all below it.
    Path(Pattern),
}

/// Where packages keep what only people read.
const DOCUMENTATION: [&str; 8] = [
    "/usr/share/doc/",
    "/usr/share/doc-base/",
    "/usr/share/man/",
    "/usr/share/info/",
    "/usr/share/lintian/",
    "/usr/share/bug/",
    "/usr/share/locale/",
    "/usr/share/gdb/",
];

impl Slice {
    /// The compiled glob of a package's name.
    pub fn matcher(package: &str) -> Result<GlobMatcher, globset::Error> {
        Glob::new(package).map(|glob| glob.compile_matcher())
    }

    fn wants(&self, path: &ImagePath) -> bool {
        let documents = DOCUMENTATION.iter().any(|tree| path.as_str().starts_with(tree));
        let included =
            self.include.is_empty() || above_and_itself(path).any(|place| any(&self.include, &place));
        !documents && included && !self.leaves_out(path)
    }

    fn leaves_out(&self, path: &ImagePath) -> bool {
        self.exclude.iter().any(|exclusion| exclusion.leaves_out(path))
    }

    /// What Python made of these files on the build host.
    fn bytecode(&self, files: &[&ImagePath], probe: &Probe) -> io::Result<Vec<ImagePath>> {
        let mut found = bytecode::of_modules(files, probe)?;
        found.retain(|path| !self.leaves_out(path));
        Ok(found)
    }
}

impl Exclusion {
    /// Whether `path` is left out.
    pub fn leaves_out(&self, path: &ImagePath) -> bool {
        match self {
            Exclusion::Name(name) => path
                .as_str()
                .split('/')
                .filter(|part| !part.is_empty())
                .filter_map(|part| ImagePath::parse(&format!("/{part}")).ok())
                .any(|part| name.matches(&part)),
            Exclusion::Path(pattern) => above_and_itself(path).any(|place| pattern.matches(&place)),
        }
    }
}

/// Adds the files of all slices to what `include` brought.
pub fn expand(
    slices: &[Asked<Slice>],
    options: &resolve::Options,
    into: &mut Inclusion,
) -> Result<(), Error> {
    if slices.is_empty() {
        return Ok(());
    }
    let matchers = slices.iter().map(|slice| Slice::matcher(&slice.value.package));
    let matchers = matchers.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Error::read(&options.sysroot, io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
    })?;
    let is_wanted = |name: &str| matchers.iter().any(|matcher| matcher.is_match(name));
    let listed: BTreeMap<String, Vec<ImagePath>> = packages::files(&options.sysroot, is_wanted)?;
    let probe = Probe::new(&options.sysroot);
    for (Asked { value: slice, at }, matcher) in slices.iter().zip(&matchers) {
        let mut packages = listed.iter().filter(|(name, _)| matcher.is_match(name)).peekable();
        if packages.peek().is_none() {
            return Err(Error::NoPackage { package: slice.package.clone(), at: at.clone() });
        }
        for (name, files) in packages {
            let wanted: Vec<&ImagePath> = files.iter().filter(|path| slice.wants(path)).collect();
            let bytecode = slice.bytecode(&wanted, &probe).map_err(|error| failed(name, at, error))?;
            include::listed(wanted.into_iter().chain(&bytecode), &format!("package {name}"), &probe, into)
                .map_err(|error| failed(name, at, error))?;
        }
    }
    Ok(())
}

fn failed(package: &str, at: &Place, error: io::Error) -> Error {
    Error::Include { pattern: format!("package {package}"), at: at.clone(), error }
}

fn any(patterns: &[Pattern], path: &ImagePath) -> bool {
    patterns.iter().any(|pattern| pattern.matches(path))
}

/// The path and each directory above it, but not the root.
fn above_and_itself(path: &ImagePath) -> impl Iterator<Item = ImagePath> {
    std::iter::once(path.clone()).chain(path.ancestors().filter(|above| !above.is_root()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("normal")
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a pattern")
    }

    fn slice(include: &[&str], exclude: Vec<Exclusion>) -> Slice {
        let include = include.iter().map(|text| pattern(text)).collect();
        Slice { package: "p".to_owned(), include, exclude }
    }

    #[test]
    fn a_name_is_left_out_at_any_depth_with_all_below_it() {
        let slice = slice(&[], vec![Exclusion::Name(pattern("/test")), Exclusion::Name(pattern("/*.pyc"))]);
        assert!(slice.wants(&path("/usr/lib/python3.11/json/decoder.py")));
        assert!(!slice.wants(&path("/usr/lib/python3.11/test/x.py")));
        assert!(!slice.wants(&path("/usr/lib/python3.11/sqlite3/test/x.py")));
        assert!(!slice.wants(&path("/usr/lib/python3.11/x.pyc")));
        assert!(slice.wants(&path("/usr/lib/python3.11/unittest/x.py")));
    }

    #[test]
    fn a_path_stands_for_all_below_it() {
        let slice = slice(&["/usr/lib/*"], vec![Exclusion::Path(pattern("/usr/lib/a/b"))]);
        assert!(slice.wants(&path("/usr/lib/a/c/d")));
        assert!(!slice.wants(&path("/usr/lib/a/b/d")));
        assert!(!slice.wants(&path("/usr/share/a")));
    }

    #[test]
    fn documentation_is_never_wanted() {
        assert!(!slice(&[], Vec::new()).wants(&path("/usr/share/doc/p/copyright")));
    }
}
