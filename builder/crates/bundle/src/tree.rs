//! `capsule verify`: a bundle's tree against its manifest. Only `rootfs/` and `init` are looked at.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::digest::{Hasher, Sha};
use crate::error::{Error, cause};
use crate::image_path::ImagePath;
use crate::manifest::{Manifest, Record, RecordKind};

/// What is not as the manifest says; empty when all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// Entries that were compared.
    compared: usize,
    /// Path and what is wrong with it, sorted.
    found: Vec<(String, String)>,
}

impl Differences {
    /// True when the bundle is as it was built.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Compares every entry, and looks for files that no entry names.
pub fn verify(bundle: &Path) -> Result<Differences, Error> {
    let manifest = Manifest::load(bundle)?;
    let tree = bundle.join("rootfs");
    if !tree.is_dir() {
        return Err(Error::NotABundle { path: bundle.to_path_buf(), missing: "rootfs" });
    }
    let compared = manifest.entries.par_iter().map(|record| compare(record, &tree)).collect::<Vec<_>>();
    let mut found: Vec<(String, String)> = compared.into_iter().flatten().collect();
    let known: BTreeSet<&ImagePath> = manifest.entries.iter().map(|record| &record.path).collect();
    strangers(&tree, &tree, &known, &mut found).map_err(|(path, error)| Error::Read { path, error })?;
    found.extend(compare_init(&bundle.join("init"), &manifest.init));
    found.sort();
    Ok(Differences { compared: manifest.entries.len() + 1, found })
}

fn compare(record: &Record, tree: &Path) -> Option<(String, String)> {
    let what = match difference(record, &record.path.below(tree)) {
        Ok(None) => return None,
        Ok(Some(what)) => what,
        Err(error) => cause(&error),
    };
    Some((record.path.to_string(), what))
}

fn difference(record: &Record, place: &Path) -> io::Result<Option<String>> {
    let facts = match fs::symlink_metadata(place) {
        Ok(facts) => facts,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some("is missing".to_owned())),
        Err(e) => return Err(e),
    };
    let mode = format!("{:04o}", facts.permissions().mode() & 0o7777);
    let owner = (facts.uid(), facts.gid());
    let content = match &record.kind {
        RecordKind::Directory => (!facts.is_dir()).then(|| "is no directory".to_owned()),
        RecordKind::Symlink { target } => match fs::read_link(place) {
            Ok(text) if text == Path::new(target) => None,
            Ok(text) => Some(format!("leads to `{}`, not to `{target}`", text.display())),
            Err(_) => Some("is no link".to_owned()),
        },
        RecordKind::File { .. } if !facts.is_file() => Some("is no regular file".to_owned()),
        RecordKind::File { size, .. } if *size != facts.len() => {
            Some(format!("has {} bytes, not {size}", facts.len()))
        }
        RecordKind::File { sha256, .. } => (hash(place)? != *sha256).then(|| "has other content".to_owned()),
    };
    Ok(content.or_else(|| {
        if owner != (0, 0) {
            Some(format!("belongs to {}:{}, not to root", owner.0, owner.1))
        } else if mode != record.mode && !facts.is_symlink() {
            Some(format!("has mode {mode}, not {}", record.mode))
        } else {
            None
        }
    }))
}

fn compare_init(init: &Path, expected: &Sha) -> Option<(String, String)> {
    let what = match hash(init) {
        Ok(found) if found == *expected => return None,
        Ok(_) => "is another program".to_owned(),
        Err(error) => cause(&error),
    };
    Some(("init".to_owned(), what))
}

fn hash(place: &Path) -> io::Result<Sha> {
    struct Into(Hasher);
    impl io::Write for Into {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut into = Into(Hasher::new(false));
    io::copy(&mut File::open(place)?, &mut into)?;
    Ok(into.0.finish().sha)
}

/// Files of the tree that the manifest does not name.
fn strangers(
    directory: &Path,
    tree: &Path,
    known: &BTreeSet<&ImagePath>,
    found: &mut Vec<(String, String)>,
) -> Result<(), (PathBuf, io::Error)> {
    let at = |error| (directory.to_path_buf(), error);
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let place = entry.path();
        let inside = Path::new("/").join(place.strip_prefix(tree).unwrap_or(&place));
        let named = ImagePath::new(&inside).is_ok_and(|path| known.contains(&path));
        if !named {
            found.push((
                inside.to_string_lossy().escape_debug().to_string(),
                "is not in the manifest".to_owned(),
            ));
        } else if entry.file_type().map_err(at)?.is_dir() {
            strangers(&place, tree, known, found)?;
        }
    }
    Ok(())
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, what) in &self.found {
            writeln!(f, "{path} {what}")?;
        }
        writeln!(f, "{} entries compared, {} differ", self.compared, self.found.len())
    }
}
