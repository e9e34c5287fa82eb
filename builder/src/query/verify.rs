//! `capsule verify`: a bundle's tree against its manifest, its other files against its lists, and the lists against the
//! manifest.

mod lists;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bundle::layout;
use bundle::manifest::Manifest;
use bundle::tree::{self, Finding};
use bundle::{modes, sums};

use crate::error::Error;

/// Where a bundle differs from its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// How many entries were compared.
    compared: usize,
    /// Each path and what is wrong with it, sorted.
    found: Vec<Finding>,
}

/// A file or directory that cannot be read.
type Unreadable = (PathBuf, io::Error);

impl Differences {
    /// A path and what is wrong with it in each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.found.iter().map(|(path, what)| format!("{path} {what}"))
    }

    /// True if the bundle is as it was built.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Compares every entry and every other file of the bundle, and looks for files that neither the manifest nor the lists
/// name.
pub fn verify(bundle: &Path) -> Result<Differences, Error> {
    let manifest = Manifest::load(bundle)?;
    let root = bundle.join(layout::ROOTFS);
    let sums = sums::load(bundle)?;
    let is_listed = |sums: &sums::Sums| sums.keys().any(|name| lists::is_of_tree(name));
    let must_have_tree = sums.as_ref().is_none_or(is_listed);
    if must_have_tree && !root.is_dir() {
        return Err(bundle::Error::NotABundle { path: bundle.to_path_buf(), missing: layout::ROOTFS }.into());
    }
    let (mut found, mut compared) = (Vec::new(), 0);
    if root.is_dir() {
        found.extend(tree::differences(&manifest, &root)?);
        compared += manifest.entries.len();
    }
    match (&sums, &manifest.init) {
        (Some(sums), _) => {
            compared += sums.keys().filter(|name| !lists::is_of_tree(name)).count();
            found.extend(lists::differences(bundle, sums).map_err(unreadable)?);
            let manifest = must_have_tree.then_some(&manifest);
            found.extend(lists::sums_beside(sums, manifest));
            // A list with another content is one finding, not one for each line.
            if !found.iter().any(|(name, _)| name == modes::FILE_NAME) {
                found.extend(lists::modes_beside(bundle, manifest)?);
            }
        }
        (None, Some(init)) => {
            found.extend(lists::compare_file(bundle, layout::INIT, init));
            compared += 1;
        }
        (None, None) => {}
    }
    found.sort();
    found.dedup();
    Ok(Differences { compared, found })
}

/// Compares only the tree with the manifest.
///
/// # Errors
/// The bundle has no manifest, or a directory of the tree cannot be read.
pub(super) fn verify_tree(bundle: &Path, manifest: &Manifest) -> Result<Differences, Error> {
    let found = tree::differences(manifest, &bundle.join(layout::ROOTFS))?;
    Ok(Differences { compared: manifest.entries.len(), found })
}

fn unreadable((path, error): Unreadable) -> Error {
    Error::read(&path, error)
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{} entries compared, {} differ", self.compared, self.found.len())
    }
}
