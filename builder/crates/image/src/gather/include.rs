//! Expands `include`: files, directories and globs of the build host. A link comes with its target.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use bundle::provenance::{Provenance, ProvenanceKind};
use closure::arch::Machine;
use recipe::image_path::{ImagePath, Unfit};
use recipe::pattern::{Name, Pattern};
use recipe::{Include, RequestId, Spanned};

use crate::error::Error;
use crate::gather::data::RuntimeData;
use crate::gather::probe::{self, Facts, FileKind, Probe};

/// One path that a pattern, a slice or data brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Included {
    /// Its type, mode and size.
    pub(crate) facts: Facts,
    /// Its path in the sysroot; the key of [`Inclusion`] is the one in the image.
    pub(crate) origin: ImagePath,
    /// What brought it in first.
    pub(crate) provenance: Provenance,
    /// The link whose target it is, unless a pattern matches the path itself.
    pub(crate) link: Option<ImagePath>,
    /// The program that opens it, as the recipe names it.
    pub(crate) opener: Option<String>,
}

/// An included file that the kernel or a loader would load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loadable {
    /// Its path in the sysroot.
    pub(crate) path: ImagePath,
    /// The program that opens it, as the recipe names it.
    pub(crate) opener: Option<String>,
}

/// All included paths, by their places in the image.
pub(crate) type Inclusion = BTreeMap<ImagePath, Included>;

/// Expands all patterns.
///
/// # Errors
/// A pattern matches nothing, or a directory cannot be read.
pub(crate) fn expand(includes: &[Spanned<Include>], probe: &Probe) -> Result<Inclusion, Error> {
    let mut walk = Walk::new(probe, Inclusion::new(), Provenance::plain(ProvenanceKind::Included));
    for (index, Spanned { value: Include { pattern, to, opener }, span }) in includes.iter().enumerate() {
        walk.opener.clone_from(opener);
        walk.provenance = Provenance::included(&pattern.text, RequestId::Include(index));
        let before = walk.found.len();
        let matched = match (pattern.walks(), to) {
            (None, Some(to)) => walk.place(pattern, to),
            (None, None) => walk.one(pattern),
            (Some(walks), _) => {
                walks.iter().try_fold(false, |any, names| Ok(walk.search(&ImagePath::root(), names)? || any))
            }
        };
        let matched = matched.map_err(|error| Error::Include {
            pattern: pattern.text.clone(),
            span: span.clone(),
            error,
        })?;
        if !matched && walk.found.len() == before {
            return Err(Error::IncludesNothing { pattern: pattern.text.clone(), span: span.clone() });
        }
    }
    Ok(walk.found)
}

/// Adds the files that a package lists, and links with their targets. Directories are skipped: with them would come the
/// files of other packages. So are absent files: container images remove some on purpose.
pub(crate) fn listed<'p>(
    mut paths: impl Iterator<Item = &'p ImagePath>,
    provenance: Provenance,
    probe: &Probe,
    into: &mut Inclusion,
) -> io::Result<()> {
    let mut walk = Walk::new(probe, std::mem::take(into), provenance);
    let result = paths.try_for_each(|path| walk.add_listed(path));
    *into = walk.found;
    result
}

/// Adds runtime data, with the links on the way to it.
pub(crate) fn add(included: &mut Inclusion, data: &[RuntimeData], probe: &Probe) -> Result<(), Error> {
    for RuntimeData { path, provenance } in data {
        let path = ImagePath::new(path).map_err(|unfit| Error::Unfit { path: path.clone(), unfit })?;
        let mut walk = Walk::new(probe, std::mem::take(included), provenance.clone());
        walk.add(&path, None).map_err(|error| Error::read(path.as_path(), error))?;
        *included = walk.found;
    }
    Ok(())
}

/// The included files that the kernel or the loader would load: the image needs their libraries, too. Scripts and
/// relocatable objects count as data; a script that is to run belongs to `binaries`. So do files for another machine than
/// `machines`, such as the libraries of a cross compiler.
pub(crate) fn loadable(included: &Inclusion, probe: &Probe, machines: &[Machine]) -> Vec<Loadable> {
    let files = included.iter().filter(|(_, entry)| entry.facts.kind == FileKind::File);
    files
        .filter(|(_, entry)| is_loadable(probe, &entry.origin, machines).unwrap_or(false))
        .map(|(_, entry)| Loadable { path: entry.origin.clone(), opener: entry.opener.clone() })
        .collect()
}

/// Whether the file has ELF's magic, `e_type` ET_EXEC or ET_DYN in its own byte order, and one of the machines (elf(5)).
/// Guile's compiled modules are ELF files for EM_NONE, which no loader takes. In a tree without a loader any machine fits.
fn is_loadable(probe: &Probe, path: &ImagePath, machines: &[Machine]) -> io::Result<bool> {
    let mut head = [0; 20];
    File::open(probe.on_host(path))?.read_exact(&mut head)?;
    let Some(machine) = Machine::of_elf(&head) else { return Ok(false) };
    let kind = if head[5] == 1 { head[16] } else { head[17] };
    let fits = machines.is_empty() || machines.contains(&machine);
    Ok(fits && (kind == 2 || kind == 3) && head[18..] != [0, 0])
}

struct Walk<'a> {
    probe: &'a Probe,
    found: Inclusion,
    provenance: Provenance,
    /// The program that opens what is found.
    opener: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(probe: &'a Probe, found: Inclusion, provenance: Provenance) -> Walk<'a> {
        Walk { probe, found, provenance, opener: None }
    }

    fn one(&mut self, pattern: &Pattern) -> io::Result<bool> {
        let path = ImagePath::parse(&pattern.text).map_err(io::Error::other)?;
        match self.probe.follow(&path) {
            Ok(_) => self.add(&path, None).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Adds what the pattern names, and everything below it, at `to` in the image. A link that leads out of it keeps its
    /// target at the target's own path.
    fn place(&mut self, pattern: &Pattern, to: &ImagePath) -> io::Result<bool> {
        let path = ImagePath::parse(&pattern.text).map_err(io::Error::other)?;
        let from = match self.probe.follow(&path) {
            Ok(lookup) => lookup.end,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        let mut apart = Walk::new(self.probe, Inclusion::new(), self.provenance.clone());
        apart.opener.clone_from(&self.opener);
        apart.add(&from, None)?;
        let moved = |path: &ImagePath| moved(path, &from, to);
        for (path, entry) in apart.found {
            let place = moved(&path).map_err(io::Error::other)?;
            let link = entry.link.as_ref().map(moved).transpose().map_err(io::Error::other)?;
            self.found.entry(place).or_insert(Included { link, ..entry });
        }
        Ok(true)
    }

    /// Adds the paths below `directory` that `names` match; `directory` may lead through links, as the pattern does.
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
                // `**` does not follow links: the walk of one to a directory above would never end.
                Name::AnyDepth => self.is_directory(&next)? && self.search(&next, names)?,
                _ => self.search(&next, rest)?,
            };
        }
        Ok(matched)
    }

    /// Whether the path exists. A link without a target does.
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

    /// The names in a directory; none if the path is absent or not a directory.
    fn names(&self, directory: &ImagePath) -> io::Result<Vec<String>> {
        match self.probe.follow(directory) {
            Ok(lookup) if lookup.facts.kind == FileKind::Directory => self.probe.list(&lookup.end),
            Ok(_) => Ok(Vec::new()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Adds `path`: the links in it, then its target, with everything below that.
    fn add(&mut self, path: &ImagePath, link: Option<&ImagePath>) -> io::Result<()> {
        let lookup = match self.probe.follow(path) {
            Ok(lookup) => lookup,
            // A link without a target on the build host stays one in the image.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return self.add_dangling(path),
            Err(e) => return Err(e),
        };
        let mut leader = link.cloned();
        for hop in lookup.links {
            let link = probe::image_path(&hop.path)?;
            let facts = self.probe.facts(&link)?;
            let by = if hop.is_last { leader.replace(link.clone()) } else { None };
            self.insert(link, facts, by);
        }
        let is_known = self.found.contains_key(&lookup.end);
        let is_directory = lookup.facts.kind == FileKind::Directory;
        self.insert(lookup.end.clone(), lookup.facts, leader);
        if is_directory && !is_known {
            for name in self.probe.list(&lookup.end)? {
                self.add(&probe::join(&lookup.end, &name)?, None)?;
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
            Ok(lookup) => Ok(lookup.facts.kind == FileKind::Directory),
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
        let (provenance, opener) = (&self.provenance, &self.opener);
        let origin = path.clone();
        let included =
            || Included { facts, origin, provenance: provenance.clone(), link, opener: opener.clone() };
        self.found.entry(path).or_insert_with(included);
    }
}

/// The place of `path` when `from` and everything below it lies at `to`.
fn moved(path: &ImagePath, from: &ImagePath, to: &ImagePath) -> Result<ImagePath, Unfit> {
    match path.as_path().strip_prefix(from.as_path()) {
        Ok(rest) if rest.as_os_str().is_empty() => Ok(to.clone()),
        Ok(rest) => ImagePath::new(&to.as_path().join(rest)),
        Err(_) => Ok(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::Span;
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
        let patterns =
            [Spanned { value: Pattern::new(pattern).expect("a pattern").into(), span: Span::CommandLine }];
        let found = expand(&patterns, &Probe::new(tree().path())).expect("expanded");
        found.into_keys().map(String::from).collect()
    }

    #[test]
    fn an_elf_file_without_a_machine_is_not_loadable() {
        let root = tree();
        let mut head = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[3, 0], &[62, 0], &[0; 44]].concat();
        let mut loadable = |machine| {
            head[18] = machine;
            fs::write(root.path().join("usr/lib/x"), &head).expect("written");
            is_loadable(&Probe::new(root.path()), &ImagePath::parse("/usr/lib/x").expect("a path"), &[])
        };
        assert!(loadable(62).expect("read") && !loadable(0).expect("read"));
    }

    #[test]
    fn a_link_brings_its_target() {
        assert_eq!(included("/usr/share/x/link"), ["/usr/lib/target", "/usr/share/x/link"]);
    }

    #[test]
    fn a_directory_with_another_place_takes_its_links_along() {
        let pattern = Pattern::new("/usr/share/x/deep").expect("a pattern");
        let to = Some(ImagePath::parse("/opt/y").expect("normal"));
        let includes = [Spanned { value: Include { pattern, to, opener: None }, span: Span::CommandLine }];
        let root = tree();
        symlink("b.txt", root.path().join("usr/share/x/deep/inner")).expect("made");
        symlink("../a.txt", root.path().join("usr/share/x/deep/outer")).expect("made");
        let found = expand(&includes, &Probe::new(root.path())).expect("expanded");
        let shown = |(path, entry): (&ImagePath, &Included)| format!("{path} of {}", entry.origin);
        let shown: Vec<String> = found.iter().map(shown).collect();
        let deep = "/usr/share/x/deep";
        let expected = [
            format!("/opt/y of {deep}"),
            format!("/opt/y/b.txt of {deep}/b.txt"),
            format!("/opt/y/er of {deep}/er"),
            format!("/opt/y/er/c.txt of {deep}/er/c.txt"),
            format!("/opt/y/inner of {deep}/inner"),
            format!("/opt/y/outer of {deep}/outer"),
            "/usr/share/x/a.txt of /usr/share/x/a.txt".to_owned(),
        ];
        assert_eq!(shown, expected);
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
    fn two_stars_match_at_any_depth_and_do_not_follow_links() {
        let found = included("/usr/share/**/*.txt");
        assert_eq!(found, ["/usr/share/x/a.txt", "/usr/share/x/deep/b.txt", "/usr/share/x/deep/er/c.txt"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let patterns = [Spanned {
            value: Pattern::new("/usr/share/*.md").expect("a pattern").into(),
            span: Span::CommandLine,
        }];
        let error = expand(&patterns, &Probe::new(tree().path())).expect_err("nothing there");
        assert!(error.to_string().starts_with("`/usr/share/*.md` matches nothing"), "{error}");
    }
}
