//! `capsule diff A B`: compares two bundles by their manifests, and each tree with its own manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use bundle::human_bytes;
use bundle::layout;
use bundle::manifest::{Manifest, Record, RecordKind};
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::error::Error;
use crate::query::verify;

/// What differs between two images; empty if they are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// A line for each file of a tree that is not as its own manifest says.
    changed_since: Vec<String>,
    /// A line for each package version or setting that changed.
    settings: Vec<String>,
    /// Sorted by path.
    paths: Vec<(ImagePath, Change)>,
    /// Bytes in regular files, before and after.
    bytes: (u64, u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Added(String),
    Removed(String),
    Changed(String),
}

impl Difference {
    /// True if both images have the same content.
    pub fn is_empty(&self) -> bool {
        self.changed_since.is_empty() && self.settings.is_empty() && self.paths.is_empty()
    }
}

/// Reads both manifests and compares them, and the trees that have changed since.
///
/// # Errors
/// A bundle whose manifest or tree cannot be read.
pub fn diff(one: &Path, other: &Path) -> Result<Difference, Error> {
    let (before, after) = (Manifest::load(one)?, Manifest::load(other)?);
    let mut changed = changed_since(one, &before)?;
    if one != other {
        changed.extend(changed_since(other, &after)?);
    }
    Ok(Difference { changed_since: changed, ..compare(&before, &after) })
}

fn changed_since(bundle: &Path, manifest: &Manifest) -> Result<Vec<String>, Error> {
    if !bundle.join(layout::ROOTFS).is_dir() {
        return Ok(Vec::new());
    }
    let found = verify::verify_tree(bundle, manifest)?;
    Ok(found.lines().map(|line| format!("{} differs from its manifest: {line}", bundle.display())).collect())
}

fn compare(one: &Manifest, other: &Manifest) -> Difference {
    let (before, after) = (by_path(one), by_path(other));
    let all: BTreeSet<&ImagePath> = before.keys().chain(after.keys()).copied().collect();
    let paths = all.into_iter().filter_map(|path| {
        let change = match (before.get(path), after.get(path)) {
            (Some(old), None) => Change::Removed(describe(old)),
            (None, Some(new)) => Change::Added(describe(new)),
            (Some(old), Some(new)) => Change::Changed(changes(old, new)?),
            (None, None) => return None,
        };
        Some((path.clone(), change))
    });
    let bytes = |manifest: &Manifest| manifest.entries.iter().map(Record::size).sum();
    Difference {
        changed_since: Vec::new(),
        paths: paths.collect(),
        settings: settings(one, other),
        bytes: (bytes(one), bytes(other)),
    }
}

fn by_path(manifest: &Manifest) -> BTreeMap<&ImagePath, &Record> {
    manifest.entries.iter().map(|record| (&record.path, record)).collect()
}

/// Packages, limits, init and time, if they differ.
fn settings(one: &Manifest, other: &Manifest) -> Vec<String> {
    let versions = |manifest: &Manifest| -> BTreeMap<String, String> {
        let packages = manifest
            .packages
            .iter()
            .map(|package| (format!("package {}", package.id()), package.version.clone()));
        let limits = manifest.limits.iter().map(|(name, amount)| (format!("limit {name}"), amount.clone()));
        let init = manifest.init.as_ref().map(|init| ("init".to_owned(), init.to_string()));
        let architecture = ("architecture".to_owned(), manifest.architecture.clone());
        let time = ("time".to_owned(), manifest.time.to_string());
        packages.chain(limits).chain(init).chain([architecture, time]).collect()
    };
    let (before, after) = (versions(one), versions(other));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let shown = |version: Option<&String>| version.map_or("none", String::as_str).to_owned();
    changed.map(|name| format!("{name}: {} -> {}", shown(before.get(name)), shown(after.get(name)))).collect()
}

fn describe(record: &Record) -> String {
    match &record.kind {
        RecordKind::Directory => "directory".to_owned(),
        RecordKind::Symlink { target } => format!("link to {}", byte_text::shown(target)),
        RecordKind::File { size, .. } => human_bytes(*size),
    }
}

/// What changed at a path that both images have; `None` if nothing did, or only why it is there.
fn changes(old: &Record, new: &Record) -> Option<String> {
    let mut changed = Vec::new();
    match (&old.kind, &new.kind) {
        (RecordKind::File { sha256: a, .. }, RecordKind::File { sha256: b, .. }) if a == b => {}
        (RecordKind::File { .. }, RecordKind::File { .. }) => {
            let sizes = (human_bytes(old.size()), human_bytes(new.size()));
            changed.push(format!("content, {} -> {}", sizes.0, sizes.1));
        }
        (a, b) if a != b => changed.push(format!("{} -> {}", describe(old), describe(new))),
        _ => {}
    }
    if old.mode != new.mode {
        changed.push(format!("mode {} -> {}", old.mode, new.mode));
    }
    (!changed.is_empty()).then(|| changed.join("; "))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.changed_since {
            writeln!(f, "! {line}")?;
        }
        for setting in &self.settings {
            writeln!(f, "~ {setting}")?;
        }
        for (path, change) in &self.paths {
            match change {
                Change::Added(what) => writeln!(f, "+ {path}  {what}")?,
                Change::Removed(what) => writeln!(f, "- {path}  {what}")?,
                Change::Changed(what) => writeln!(f, "~ {path}  {what}")?,
            }
        }
        let (before, after) = self.bytes;
        writeln!(f, "{} paths differ, {} -> {}", self.paths.len(), human_bytes(before), human_bytes(after))
    }
}
