//! What two traces of the same tests say about an image: what it lacks, and what nobody used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::bytecode;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::packages::{self, Owners};
use crate::quantity::bytes_for_people;
use crate::slice::Exclusion;
use crate::sysroot::Sysroot;
use crate::trace::{MADE_BY_THE_SANDBOX, Trace};

/// What programs ask for and no image needs, with all below it: caches and preferences of the machine, each with a fallback, and what
/// attacks on a compiler ask for.
const DISPENSABLE: [&str; 15] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/usr/lib/locale/locale-archive",
    "/usr/share/locale/locale.alias",
    "/etc/locale.alias",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/localtime",
    "/usr/share/zoneinfo/Etc/UTC",
    "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
    "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules",
    "/etc/ssl/openssl.cnf",
    "/etc/shadow",
];

/// Trees of the sandbox's own, and what the trace itself uses.
const OURS: [&str; 3] = ["/home", "/tmp", "/var/tmp"];

/// As many directories of unused files as a person reads at once.
const SHOWN: usize = 40;

/// The image and what it leaves out on purpose.
pub struct Image<'a> {
    /// What is in it.
    pub manifest: &'a Manifest,
    /// Its tree.
    pub root: &'a Path,
    /// What is left out on purpose.
    pub on_purpose: Vec<Exclusion>,
}

/// What was found.
pub struct Findings {
    tests: usize,
    failed: Vec<String>,
    /// Asked for inside, missing there, and there on this machine.
    missed: BTreeSet<PathBuf>,
    /// Which package brings what is missing.
    owners: Owners,
    /// Opened with all of the machine, and not in the image.
    elsewhere: BTreeSet<PathBuf>,
    /// Regular files of the image that no test opened, with their bytes.
    unused: Vec<(ImagePath, u64)>,
    files: usize,
    bytes: u64,
}

impl Findings {
    /// Compares.
    pub fn new(
        image: &Image<'_>,
        inside: &Trace,
        outside: &Trace,
        tests: usize,
        failed: Vec<String>,
    ) -> Result<Findings, Error> {
        let open = |root: &Path| Sysroot::new(root).map_err(|error| Error::read(root, error));
        let (host, tree) = (open(Path::new("/"))?, open(image.root)?);
        let lacks = |path: &PathBuf| image.lacks(path);
        let missed: BTreeSet<PathBuf> =
            places(&host, &inside.missed).filter(lacks).filter(|path| is_file(&host, path)).collect();
        let mut elsewhere: BTreeSet<PathBuf> =
            places(&host, &outside.read).filter(lacks).filter(|path| is_file(&host, path)).collect();
        elsewhere.retain(|path| !missed.contains(path) && !outside.written.contains(path));
        let mut opened: BTreeSet<PathBuf> = places(&tree, &inside.read).collect();
        // A module whose bytecode is read is used, though not opened.
        let modules: Vec<PathBuf> = opened.iter().filter_map(|path| bytecode::module(path)).collect();
        opened.extend(modules);
        let files: Vec<&Record> = image
            .manifest
            .entries
            .iter()
            .filter(|record| matches!(&record.kind, RecordKind::File { origin: Some(_), .. }))
            .collect();
        let unused = files
            .iter()
            .filter(|record| !opened.contains(record.path.as_path()))
            .map(|record| (record.path.clone(), record.size()))
            .collect();
        let bytes = files.iter().map(|record| record.size()).sum();
        let missing = missed.iter().chain(&elsewhere).filter_map(|path| ImagePath::new(path).ok()).collect();
        let owners = packages::owners(Path::new("/"), &missing)?.unwrap_or_default();
        Ok(Findings { tests, failed, missed, owners, elsewhere, unused, files: files.len(), bytes })
    }

    /// Whether the image does all that the tests ask for. What is unused is for people to judge.
    pub fn is_well(&self) -> bool {
        self.failed.is_empty() && self.missed.is_empty() && self.elsewhere.is_empty()
    }

    /// For people; `all` lists every unused file.
    pub fn render(&self, all: bool) -> String {
        let mut text = format!("{} tests, {} failed\n", self.tests, self.failed.len());
        list(&mut text, "", self.failed.iter());
        let named = |path: &PathBuf| {
            let owner = ImagePath::new(path).ok().and_then(|path| self.owners.get(&path));
            let package =
                owner.map(|owner| format!("  (package {})", owner.package.name)).unwrap_or_default();
            format!("{}{package}", path.display())
        };
        let _infallible = writeln!(
            text,
            "{} files are asked for in the image and missing there, and are on this machine",
            self.missed.len()
        );
        list(&mut text, "  ", self.missed.iter().map(named));
        let _infallible =
            writeln!(text, "{} more are opened when all of this machine is there", self.elsewhere.len());
        list(&mut text, "  ", self.elsewhere.iter().map(named));
        let unused: u64 = self.unused.iter().map(|(_, size)| size).sum();
        let _infallible = writeln!(
            text,
            "{} of {} files are opened by no test: {} of {}",
            self.unused.len(),
            self.files,
            bytes_for_people(unused),
            bytes_for_people(self.bytes)
        );
        if all {
            list(
                &mut text,
                "  ",
                self.unused.iter().map(|(path, size)| format!("{path}  {}", bytes_for_people(*size))),
            );
        } else {
            list(&mut text, "  ", self.by_directory().into_iter());
        }
        text
    }

    /// The directories with the most unused bytes.
    fn by_directory(&self) -> Vec<String> {
        let mut directories: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (path, size) in &self.unused {
            let above = path.parent().map(|parent| parent.to_string()).unwrap_or_default();
            let sum = directories.entry(above).or_default();
            *sum = (sum.0 + 1, sum.1 + size);
        }
        let mut rows: Vec<_> = directories.into_iter().collect();
        rows.sort_by_key(|(name, (_, bytes))| (std::cmp::Reverse(*bytes), name.clone()));
        let more = rows.len().saturating_sub(SHOWN);
        rows.truncate(SHOWN);
        let mut lines: Vec<String> = rows
            .into_iter()
            .map(|(name, (files, bytes))| format!("{:>9}  {files:>5} in {name}", bytes_for_people(bytes)))
            .collect();
        if more > 0 {
            lines.push(format!("and {more} more directories; `--all` lists every file"));
        }
        lines
    }
}

impl Image<'_> {
    /// Whether a path of the machine could be in the image, is not, and not on purpose.
    fn lacks(&self, path: &Path) -> bool {
        let Ok(inside) = ImagePath::new(path) else { return false };
        let is_ours = MADE_BY_THE_SANDBOX.iter().chain(&OURS).any(|tree| path.starts_with(tree));
        let is_left_out = DISPENSABLE.iter().any(|place| path.starts_with(place))
            || self.on_purpose.iter().any(|exclusion| exclusion.leaves_out(&inside));
        !is_ours && !is_left_out && self.manifest.get(&inside).is_none()
    }
}

fn list(text: &mut String, indent: &str, lines: impl Iterator<Item = impl std::fmt::Display>) {
    for line in lines {
        let _infallible = writeln!(text, "{indent}{line}");
    }
}

/// The files that paths lead to, with the links on the way.
fn places<'a>(root: &'a Sysroot, paths: &'a BTreeSet<PathBuf>) -> impl Iterator<Item = PathBuf> + 'a {
    paths
        .iter()
        .filter_map(|path| root.trail(path).ok())
        .flat_map(|trail| trail.links.into_iter().map(|link| link.path).chain([trail.file]))
}

/// A directory that is missing matters only for the files in it, and these are opened when it is there.
fn is_file(root: &Sysroot, path: &Path) -> bool {
    root.stat(path).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
    })
}
