//! Slices: the files of an installed Debian package, less what a pack leaves out.
//!
//! Only the package's name is written down, with `*` where that has a version, so that a slice outlives the next
//! version of the package. A package's documentation is never wanted.

use globset::{Glob, GlobMatcher};

use crate::image_path::ImagePath;
use crate::pattern::Pattern;

/// One slice.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The package's name, or a glob for it.
    pub package: String,
    /// The files of it that are wanted; all of them when empty.
    pub include: Vec<Pattern>,
    /// The files that are left out of these.
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

/// Where packages keep what only human readers need.
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

    /// Whether `path`, a file of the package, is wanted.
    pub fn wants(&self, path: &ImagePath) -> bool {
        let documents = DOCUMENTATION.iter().any(|tree| path.as_str().starts_with(tree));
        let included =
            self.include.is_empty() || above_and_itself(path).any(|place| any(&self.include, &place));
        !documents && included && !self.leaves_out(path)
    }

    /// Whether `path` is excluded.
    pub fn leaves_out(&self, path: &ImagePath) -> bool {
        self.exclude.iter().any(|exclusion| exclusion.leaves_out(path))
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
