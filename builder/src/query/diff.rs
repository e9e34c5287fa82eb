//! `capsule diff A B`: what differs between two bundles, from their manifests alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use crate::error::Error;
use crate::image_path::ImagePath;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::quantity::bytes_for_people;

/// The difference, ready to be shown. Nothing in it means that the images are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Package versions and settings that changed.
    settings: Vec<String>,
    /// Paths that came, went or changed, sorted by path.
    paths: Vec<(ImagePath, Change)>,
    /// Bytes in regular files, before and after.
    bytes: (u64, u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Came(String),
    Went(String),
    Changed(String),
}

impl Difference {
    /// True when both images have the same content.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.paths.is_empty()
    }
}

/// Reads both manifests and compares them.
pub fn diff(one: &Path, other: &Path) -> Result<Difference, Error> {
    Ok(compare(&Manifest::load(one)?, &Manifest::load(other)?))
}

fn compare(one: &Manifest, other: &Manifest) -> Difference {
    let (before, after) = (by_path(one), by_path(other));
    let all: BTreeSet<&ImagePath> = before.keys().chain(after.keys()).copied().collect();
    let paths = all.into_iter().filter_map(|path| {
        let change = match (before.get(path), after.get(path)) {
            (Some(old), None) => Change::Went(describe(old)),
            (None, Some(new)) => Change::Came(describe(new)),
            (Some(old), Some(new)) => Change::Changed(changes(old, new)?),
            (None, None) => return None,
        };
        Some((path.clone(), change))
    });
    let bytes = |manifest: &Manifest| manifest.entries.iter().map(Record::size).sum();
    Difference { paths: paths.collect(), settings: settings(one, other), bytes: (bytes(one), bytes(other)) }
}

fn by_path(manifest: &Manifest) -> BTreeMap<&ImagePath, &Record> {
    manifest.entries.iter().map(|record| (&record.path, record)).collect()
}

/// What an image is made with, and in which versions.
fn settings(one: &Manifest, other: &Manifest) -> Vec<String> {
    let versions = |manifest: &Manifest| -> BTreeMap<String, String> {
        let packages = manifest
            .packages
            .iter()
            .map(|package| (format!("package {}", package.id()), package.version.clone()));
        let limits = manifest.limits.iter().map(|(name, amount)| (format!("limit {name}"), amount.clone()));
        let init = ("init".to_owned(), manifest.init.to_string());
        packages.chain(limits).chain([init, ("time".to_owned(), manifest.time.to_string())]).collect()
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
        RecordKind::Symlink { target } => format!("link to {target}"),
        RecordKind::File { size, .. } => bytes_for_people(*size),
    }
}

/// What changed at a path that both have; `None` when only its reasons did, or nothing.
fn changes(old: &Record, new: &Record) -> Option<String> {
    let mut changed = Vec::new();
    match (&old.kind, &new.kind) {
        (RecordKind::File { sha256: a, .. }, RecordKind::File { sha256: b, .. }) if a == b => {}
        (RecordKind::File { .. }, RecordKind::File { .. }) => {
            let sizes = (bytes_for_people(old.size()), bytes_for_people(new.size()));
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
        for setting in &self.settings {
            writeln!(f, "~ {setting}")?;
        }
        for (path, change) in &self.paths {
            match change {
                Change::Came(what) => writeln!(f, "+ {path}  {what}")?,
                Change::Went(what) => writeln!(f, "- {path}  {what}")?,
                Change::Changed(what) => writeln!(f, "~ {path}  {what}")?,
            }
        }
        let (before, after) = self.bytes;
        writeln!(
            f,
            "{} paths differ, {} -> {}",
            self.paths.len(),
            bytes_for_people(before),
            bytes_for_people(after)
        )
    }
}
