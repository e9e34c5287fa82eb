//! `include`: files, directories and globs of the build host become entries, links with what they lead to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use crate::cause::{Because, Cause};
use crate::data::Datum;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::pattern::{Name, Pattern};
use crate::probe::{self, Facts, FileKind, Probe};
use crate::recipe::Asked;

/// One path that `include` brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// What stands there: a file, a directory or a link.
    pub facts: Facts,
    /// What brought it in first: a pattern, or data.
    pub cause: Cause,
    /// The link that leads here, when the pattern itself does not match the path.
    pub link: Option<ImagePath>,
}

/// Everything that the patterns match, by path.
pub type Inclusion = BTreeMap<ImagePath, Included>;

/// Expands all patterns. A pattern that matches nothing is an error.
pub fn expand(patterns: &[Asked<Pattern>], probe: &Probe) -> Result<Inclusion, Error> {
    let mut walk = Walk { probe, found: Inclusion::new(), cause: Cause::plain(Because::Included) };
    for Asked { value: pattern, at } in patterns {
        walk.cause = Cause::included(&pattern.text);
        let before = walk.found.len();
        let matched = match pattern.walks() {
            None => walk.one(pattern),
            Some(walks) => {
                walks.iter().try_fold(false, |any, names| Ok(walk.search(&ImagePath::root(), names)? || any))
            }
        };
        let matched = matched.map_err(|error| Error::Include {
            pattern: pattern.text.clone(),
            at: at.clone(),
            error,
        })?;
        if !matched && walk.found.len() == before {
            return Err(Error::IncludesNothing { pattern: pattern.text.clone(), at: at.clone() });
        }
    }
    Ok(walk.found)
}

/// Adds paths that a package lists: links with the file that they lead to, and no directories, as those list more
/// than is wanted. What is listed and not there was removed on purpose, by whoever made the build host's tree.
pub fn listed<'p>(
    mut paths: impl Iterator<Item = &'p ImagePath>,
    name: &str,
    probe: &Probe,
    into: &mut Inclusion,
) -> io::Result<()> {
    let mut walk = Walk { probe, found: std::mem::take(into), cause: Cause::included(name) };
    let result = paths.try_for_each(|path| walk.add_listed(path));
    *into = walk.found;
    result
}

/// Adds data, with the links on the way to it.
pub fn add(included: &mut Inclusion, data: &[Datum], probe: &Probe) -> Result<(), Error> {
    for Datum { path, cause } in data {
        let path = ImagePath::new(path).map_err(|unfit| Error::Unfit { path: path.clone(), unfit })?;
        let mut walk = Walk { probe, found: std::mem::take(included), cause: cause.clone() };
        walk.add(&path, None).map_err(|error| Error::read(path.as_path(), error))?;
        *included = walk.found;
    }
    Ok(())
}

/// The included files that the loader would load: their libraries are needed too.
/// Scripts and relocatable objects are data here; who wants them run names them under `binaries`.
pub fn loadable(included: &Inclusion, probe: &Probe) -> Vec<ImagePath> {
    let files = included.iter().filter(|(_, entry)| entry.facts.kind == FileKind::File);
    files
        .filter(|(path, _)| is_loadable(probe, path).unwrap_or(false))
        .map(|(path, _)| path.clone())
        .collect()
}

/// ELF magic, `e_type` ET_EXEC or ET_DYN in the file's own byte order, and a machine (elf(5)): what is for none is data
/// in ELF's clothes, as Guile's compiled modules are.
fn is_loadable(probe: &Probe, path: &ImagePath) -> io::Result<bool> {
    let mut head = [0; 20];
    File::open(probe.on_host(path))?.read_exact(&mut head)?;
    let kind = if head[5] == 1 { head[16] } else { head[17] };
    Ok(head.starts_with(b"\x7fELF") && (kind == 2 || kind == 3) && head[18..] != [0, 0])
}

struct Walk<'a> {
    probe: &'a Probe,
    found: Inclusion,
    cause: Cause,
}

impl Walk<'_> {
    fn one(&mut self, pattern: &Pattern) -> io::Result<bool> {
        let path = ImagePath::parse(&pattern.text).map_err(io::Error::other)?;
        match self.probe.follow(&path) {
            Ok(_) => self.add(&path, None).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Adds what `names` match below `directory`, which is spelt as the pattern spells it.
    fn search(&mut self, directory: &ImagePath, names: &[Name]) -> io::Result<bool> {
        let Some((first, rest)) = names.split_first() else {
            return self.add(directory, None).map(|()| true);
        };
        if let Name::Literal(name) = first {
            let next = probe::join(directory, name)?;
            return if self.exists(&next)? { self.search(&next, rest) } else { Ok(false) };
        }
        let mut matched = false;
        if matches!(first, Name::AnyDepth) && !rest.is_empty() {
            matched |= self.search(directory, rest)?;
        }
        for name in self.names(directory)?.iter().filter(|name| first.matches(name)) {
            let next = probe::join(directory, name)?;
            matched |= match first {
                Name::AnyDepth if rest.is_empty() => self.add(&next, None).map(|()| true)?,
                // Not into links: one that leads upwards would never end.
                Name::AnyDepth => self.is_directory(&next)? && self.search(&next, names)?,
                _ => self.search(&next, rest)?,
            };
        }
        Ok(matched)
    }

    /// Whether something stands there; a link that leads nowhere counts.
    fn exists(&self, path: &ImagePath) -> io::Result<bool> {
        match self.probe.follow_directories(path).and_then(|place| self.probe.facts(&place)) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn is_directory(&self, path: &ImagePath) -> io::Result<bool> {
        let place = self.probe.follow_directories(path)?;
        Ok(self.probe.facts(&place)?.kind == FileKind::Directory)
    }

    /// The names in a directory; none for what is no directory.
    fn names(&self, directory: &ImagePath) -> io::Result<Vec<String>> {
        match self.probe.follow(directory) {
            Ok(route) if route.facts.kind == FileKind::Directory => self.probe.list(&route.end),
            Ok(_) => Ok(Vec::new()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Adds `path` as it was spelt: the links in it, then what it leads to, with everything below that.
    fn add(&mut self, path: &ImagePath, link: Option<&ImagePath>) -> io::Result<()> {
        let route = match self.probe.follow(path) {
            Ok(route) => route,
            // A link that leads nowhere on the build host leads nowhere in the image: kept as it is.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return self.add_dangling(path),
            Err(e) => return Err(e),
        };
        let mut leader = link.cloned();
        for followed in route.links {
            let facts = self.probe.facts(&followed.path)?;
            let by = if followed.is_last { leader.replace(followed.path.clone()) } else { None };
            self.insert(followed.path, facts, by);
        }
        let known = self.found.contains_key(&route.end);
        let is_directory = route.facts.kind == FileKind::Directory;
        self.insert(route.end.clone(), route.facts, leader);
        if is_directory && !known {
            for name in self.probe.list(&route.end)? {
                self.add(&probe::join(&route.end, &name)?, None)?;
            }
        }
        Ok(())
    }

    fn add_listed(&mut self, path: &ImagePath) -> io::Result<()> {
        let facts = match self.probe.facts(path) {
            Ok(facts) => facts,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        match facts.kind {
            FileKind::Directory => Ok(()),
            FileKind::Symlink(_) if self.leads_to_directory(path)? => {
                self.insert(path.clone(), facts, None);
                Ok(())
            }
            _ => self.add(path, None),
        }
    }

    fn leads_to_directory(&self, path: &ImagePath) -> io::Result<bool> {
        match self.probe.follow(path) {
            Ok(route) => Ok(route.facts.kind == FileKind::Directory),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn add_dangling(&mut self, path: &ImagePath) -> io::Result<()> {
        let place = self.probe.follow_directories(path)?;
        let facts = self.probe.facts(&place)?;
        self.insert(place, facts, None);
        Ok(())
    }

    fn insert(&mut self, path: ImagePath, facts: Facts, link: Option<ImagePath>) {
        let cause = &self.cause;
        self.found.entry(path).or_insert_with(|| Included { facts, cause: cause.clone(), link });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Place;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let below = |path: &str| root.path().join(path);
        fs::create_dir_all(below("usr/share/x/deep/er")).expect("made");
        fs::create_dir_all(below("usr/lib")).expect("made");
        symlink("usr/lib", below("lib")).expect("made");
        symlink(".", below("usr/share/x/self")).expect("made");
        symlink("../../lib/target", below("usr/share/x/link")).expect("made");
        for file in
            ["usr/lib/target", "usr/share/x/a.txt", "usr/share/x/deep/b.txt", "usr/share/x/deep/er/c.txt"]
        {
            fs::write(below(file), file).expect("made");
        }
        root
    }

    fn included(pattern: &str) -> Vec<String> {
        let asked = [Asked { value: Pattern::new(pattern).expect("a pattern"), at: Place::CommandLine }];
        let found = expand(&asked, &Probe::new(tree().path())).expect("expanded");
        found.into_keys().map(String::from).collect()
    }

    #[test]
    fn only_what_is_for_a_machine_can_be_loaded() {
        let root = tree();
        let mut head = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[3, 0], &[62, 0], &[0; 44]].concat();
        let mut loadable = |machine| {
            head[18] = machine;
            fs::write(root.path().join("usr/lib/x"), &head).expect("written");
            is_loadable(&Probe::new(root.path()), &ImagePath::parse("/usr/lib/x").expect("a path"))
        };
        assert!(loadable(62).expect("read") && !loadable(0).expect("read"));
    }

    #[test]
    fn a_link_brings_what_it_leads_to() {
        assert_eq!(included("/usr/share/x/link"), ["/usr/lib/target", "/usr/share/x/link"]);
    }

    #[test]
    fn a_path_through_a_linked_directory_brings_the_link() {
        assert_eq!(included("/lib/target"), ["/lib", "/usr/lib/target"]);
        assert_eq!(included("/{lib,usr/lib}/tar*"), ["/lib", "/usr/lib/target"]);
    }

    #[test]
    fn a_directory_brings_everything_below_it_once() {
        let all = ["/usr/share/x", "/usr/share/x/a.txt", "/usr/share/x/deep", "/usr/share/x/deep/b.txt"];
        let found = included("/usr/share/x/");
        assert!(all.iter().all(|path| found.contains(&(*path).to_owned())), "{found:?}");
        assert!(found.contains(&"/usr/share/x/self".to_owned()) && found.len() == 9, "{found:?}");
    }

    #[test]
    fn two_stars_cross_directories_and_end_at_links_that_circle() {
        let found = included("/usr/share/**/*.txt");
        assert_eq!(found, ["/usr/share/x/a.txt", "/usr/share/x/deep/b.txt", "/usr/share/x/deep/er/c.txt"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let asked =
            [Asked { value: Pattern::new("/usr/share/*.md").expect("a pattern"), at: Place::CommandLine }];
        let error = expand(&asked, &Probe::new(tree().path())).expect_err("nothing there");
        assert!(error.to_string().starts_with("`/usr/share/*.md` matches nothing"), "{error}");
    }
}
