//! What two traces of the same tests say about an image: which files it lacks, and which ones no test used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bundle::human_bytes;
use bundle::manifest::{Manifest, Record, RecordKind};
use closure::sysroot::Sysroot;
use image::gather::bytecode;
use image::gather::dpkg::{self, Owners};
use recipe::image_path::ImagePath;
use recipe::slice::Exclusion;

use crate::error::Error;
use crate::tool::trace::{MADE_BY_THE_SANDBOX, Trace};

/// Files and trees that programs look for and that no image needs: caches and preferences of the machine, for each of
/// which the C library has a fallback, and what attacks on a compiler look for (/etc/shadow).
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

/// Trees that the sandbox makes, and that the trace itself uses.
const OURS: [&str; 3] = ["/home", "/tmp", "/var/tmp"];

/// How many directories of unused files are listed without `--all`.
const MAX_DIRECTORIES: usize = 40;

/// The image whose tests were traced.
pub(super) struct TracedImage<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) root: &'a Path,
    /// What the pack leaves out on purpose.
    pub(super) exclusions: Vec<Exclusion>,
}

pub(super) struct Findings {
    tests: usize,
    /// A line for each test that failed.
    failed: Vec<String>,
    /// Files that tests looked for with the image as their root, which only this machine has.
    missed: BTreeSet<PathBuf>,
    /// Files that tests opened with all of this machine as their root, which the image does not have.
    elsewhere: BTreeSet<PathBuf>,
    /// The packages of `missed` and `elsewhere`.
    owners: Owners,
    /// Regular files of the image that no test opened, with their bytes.
    unused: Vec<(ImagePath, u64)>,
    /// How many regular files the image has from the build host, and their bytes.
    files: usize,
    bytes: u64,
}

impl Findings {
    /// Compares a trace with the image as the root (`inside`) with one of all of this machine (`outside`).
    pub(super) fn new(
        image: &TracedImage<'_>,
        inside: &Trace,
        outside: &Trace,
        tests: usize,
        failed: Vec<String>,
    ) -> Result<Findings, Error> {
        let open = |root: &Path| Sysroot::new(root).map_err(|error| Error::read(root, error));
        let (host, tree) = (open(Path::new("/"))?, open(image.root)?);
        let lacking = |paths| -> BTreeSet<PathBuf> {
            places(&host, paths).filter(|path| image.lacks(path) && is_file(&host, path)).collect()
        };
        let missed = lacking(&inside.missed);
        let mut elsewhere = lacking(&outside.read);
        elsewhere.retain(|path| !missed.contains(path) && !outside.written.contains(path));
        let missing = missed.iter().chain(&elsewhere).filter_map(|path| ImagePath::new(path).ok()).collect();
        let owners = dpkg::owners(Path::new("/"), &missing)?.unwrap_or_default();
        let opened = opened(&tree, inside);
        let from_host = |record: &&Record| matches!(&record.kind, RecordKind::File { origin: Some(_), .. });
        let files: Vec<&Record> = image.manifest.entries.iter().filter(from_host).collect();
        let unused = files.iter().filter(|record| !opened.contains(record.path.as_path()));
        Ok(Findings {
            tests,
            failed,
            missed,
            elsewhere,
            owners,
            unused: unused.map(|record| (record.path.clone(), record.size())).collect(),
            files: files.len(),
            bytes: files.iter().map(|record| record.size()).sum(),
        })
    }

    /// Whether every test passed and the image has all the files that they look for. Unused files are not a mistake:
    /// whether to leave them out is for the pack's author to decide.
    pub(super) fn ok(&self) -> bool {
        self.failed.is_empty() && self.missed.is_empty() && self.elsewhere.is_empty()
    }

    /// `all` lists every unused file, instead of their directories.
    pub(super) fn render(&self, all: bool) -> String {
        let mut text = format!("{} tests, {} failed\n", self.tests, self.failed.len());
        list(&mut text, "", self.failed.iter());
        let _infallible = writeln!(
            text,
            "{} files that the tests look for are missing from the image and exist on this machine",
            self.missed.len()
        );
        list(&mut text, "  ", self.missed.iter().map(|path| self.with_package(path)));
        let _infallible =
            writeln!(text, "{} more are opened when all of this machine is the root", self.elsewhere.len());
        list(&mut text, "  ", self.elsewhere.iter().map(|path| self.with_package(path)));
        let unused: u64 = self.unused.iter().map(|(_, size)| size).sum();
        let _infallible = writeln!(
            text,
            "{} of {} files are opened by no test: {} of {}",
            self.unused.len(),
            self.files,
            human_bytes(unused),
            human_bytes(self.bytes)
        );
        if all {
            let files = self.unused.iter().map(|(path, size)| format!("{path}  {}", human_bytes(*size)));
            list(&mut text, "  ", files);
        } else {
            list(&mut text, "  ", self.by_directory().into_iter());
        }
        text
    }

    fn with_package(&self, path: &Path) -> String {
        let owner = ImagePath::new(path).ok().and_then(|path| self.owners.get(&path));
        let package = owner.map(|owner| format!("  (package {})", owner.package.name)).unwrap_or_default();
        format!("{}{package}", path.display())
    }

    /// The directories with the most unused bytes.
    fn by_directory(&self) -> Vec<String> {
        let mut directories: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (path, size) in &self.unused {
            let above = path.parent().map(|parent| parent.to_string()).unwrap_or_default();
            let sum = directories.entry(above).or_default();
            *sum = (sum.0 + 1, sum.1 + size);
        }
        let mut directories: Vec<_> = directories.into_iter().collect();
        directories.sort_by_key(|(name, (_, bytes))| (std::cmp::Reverse(*bytes), name.clone()));
        let more = directories.len().saturating_sub(MAX_DIRECTORIES);
        directories.truncate(MAX_DIRECTORIES);
        let mut lines: Vec<String> = directories
            .into_iter()
            .map(|(name, (files, bytes))| format!("{:>9}  {files:>5} in {name}", human_bytes(bytes)))
            .collect();
        if more > 0 {
            lines.push(format!("and {more} more directories; `--all` lists every file"));
        }
        lines
    }
}

/// The files that a trace in the image looked for, and that only this machine has.
pub(in crate::tool) fn missed_files(
    manifest: &Manifest,
    root: &Path,
    inside: &Trace,
) -> Result<BTreeSet<PathBuf>, Error> {
    let image = TracedImage { manifest, root, exclusions: Vec::new() };
    let host = Sysroot::new(Path::new("/")).map_err(|error| Error::read("/".as_ref(), error))?;
    let missed = places(&host, &inside.missed).filter(|path| image.lacks(path) && is_file(&host, path));
    Ok(missed.collect())
}

impl TracedImage<'_> {
    /// Whether the image could have this file of the machine and does not, without having excluded it on purpose.
    fn lacks(&self, path: &Path) -> bool {
        let Ok(inside) = ImagePath::new(path) else { return false };
        let is_sandbox = MADE_BY_THE_SANDBOX.iter().chain(&OURS).any(|tree| path.starts_with(tree));
        let is_excluded = DISPENSABLE.iter().any(|place| path.starts_with(place))
            || self.exclusions.iter().any(|exclusion| exclusion.leaves_out(&inside));
        !is_sandbox && !is_excluded && self.manifest.get(&inside).is_none()
    }
}

fn list(text: &mut String, indent: &str, lines: impl Iterator<Item = impl std::fmt::Display>) {
    for line in lines {
        let _infallible = writeln!(text, "{indent}{line}");
    }
}

/// The files of the image that a trace opened.
fn opened(tree: &Sysroot, trace: &Trace) -> BTreeSet<PathBuf> {
    let mut opened: BTreeSet<PathBuf> = places(tree, &trace.read).collect();
    // Python opens the bytecode alone, and would not use it without its module.
    let modules: Vec<PathBuf> = opened.iter().filter_map(|path| bytecode::module(path)).collect();
    opened.extend(modules);
    opened
}

/// The files that paths lead to, with the links on the way.
fn places<'a>(root: &'a Sysroot, paths: &'a BTreeSet<PathBuf>) -> impl Iterator<Item = PathBuf> + 'a {
    paths
        .iter()
        .filter_map(|path| root.resolve_path(path).ok())
        .flat_map(|resolved| resolved.links.into_iter().map(|link| link.path).chain([resolved.file]))
}

/// A missing directory counts only by the files in it, and programs open those when it exists.
fn is_file(root: &Sysroot, path: &Path) -> bool {
    root.stat(path).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
    })
}
