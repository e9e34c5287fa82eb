//! The tree against the manifest.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use closure::errno::clause;
use rayon::prelude::*;
use recipe::byte_text;
use recipe::image_path::ImagePath;

use crate::digest;
use crate::error::Error;
use crate::manifest::{Manifest, Record, RecordKind};

/// A path, and what is wrong with it.
pub type Finding = (String, String);

/// Every entry that differs, and every file that is not an entry.
///
/// # Errors
/// A directory of the tree cannot be read.
pub fn differences(manifest: &Manifest, tree: &Path) -> Result<Vec<Finding>, Error> {
    let entries = manifest.entries.par_iter().map(|record| compare(record, tree)).collect::<Vec<_>>();
    with_unlisted(manifest, tree, entries.into_iter().flatten().collect())
}

/// The same, in the calling thread alone: a process that has other threads may not enter a user namespace (unshare(2),
/// EINVAL), and the threads of a pool do not end.
///
/// # Errors
/// A directory of the tree cannot be read.
pub fn differences_without_threads(manifest: &Manifest, tree: &Path) -> Result<Vec<Finding>, Error> {
    with_unlisted(
        manifest,
        tree,
        manifest.entries.iter().filter_map(|record| compare(record, tree)).collect(),
    )
}

fn with_unlisted(manifest: &Manifest, tree: &Path, mut found: Vec<Finding>) -> Result<Vec<Finding>, Error> {
    let known: BTreeSet<&ImagePath> = manifest.entries.iter().map(|record| &record.path).collect();
    find_unlisted(tree, tree, &known, &mut found)?;
    found.sort();
    Ok(found)
}

fn compare(record: &Record, tree: &Path) -> Option<Finding> {
    let what = match difference(record, &record.path.below(tree)) {
        Ok(None) => return None,
        Ok(Some(what)) => what,
        Err(error) => clause(&error),
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
        RecordKind::Directory => (!facts.is_dir()).then(|| "is not a directory".to_owned()),
        RecordKind::Symlink { target } => match fs::read_link(place) {
            Ok(text) if text == Path::new(&byte_text::to_os(target)) => None,
            Ok(text) => {
                Some(format!("is a link to `{}`, not to `{}`", text.display(), byte_text::shown(target)))
            }
            Err(_) => Some("is not a symbolic link".to_owned()),
        },
        RecordKind::File { .. } if !facts.is_file() => Some("is not a regular file".to_owned()),
        RecordKind::File { size, .. } if *size != facts.len() => {
            Some(format!("has {} bytes, not {size}", facts.len()))
        }
        RecordKind::File { sha256, .. } => {
            (digest::of_file(place)? != *sha256).then(|| "has different content".to_owned())
        }
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

/// Files of the tree that the manifest does not name.
fn find_unlisted(
    directory: &Path,
    tree: &Path,
    known: &BTreeSet<&ImagePath>,
    found: &mut Vec<Finding>,
) -> Result<(), Error> {
    let at = |error| Error::read(directory, error);
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let place = entry.path();
        let inside = Path::new("/").join(place.strip_prefix(tree).unwrap_or(&place));
        let named = ImagePath::new(&inside).is_ok_and(|path| known.contains(&path));
        if !named {
            found.push((
                byte_text::shown(&byte_text::from_os(inside.as_os_str())).escape_debug().to_string(),
                "is not in the manifest".to_owned(),
            ));
        } else if entry.file_type().map_err(at)?.is_dir() {
            find_unlisted(&place, tree, known, found)?;
        }
    }
    Ok(())
}
