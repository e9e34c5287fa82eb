//! The bundle's files against its lists `SHA256SUMS` and `MODES`, and the lists against the manifest.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bundle::digest::{self, Sha};
use bundle::manifest::Manifest;
use bundle::sums::Sums;
use bundle::{layout, modes, sums};
use closure::errno::clause;
use rayon::prelude::*;
use recipe::byte_text;

use super::{Finding, Unreadable};
use crate::error::Error;

/// Whether a path in a bundle lies in `rootfs/`, which is compared with the manifest.
pub(super) fn is_of_tree(name: &str) -> bool {
    name.strip_prefix(layout::ROOTFS).is_some_and(|rest| rest.starts_with('/'))
}

/// Files outside the tree that differ from their sums, and those without a sum.
pub(super) fn differences(bundle: &Path, sums: &Sums) -> Result<Vec<Finding>, Unreadable> {
    let files = sums.par_iter().filter(|(name, _)| !is_of_tree(name));
    let files: Vec<_> = files.map(|(name, sha)| compare_file(bundle, name, sha)).collect();
    let mut found: Vec<Finding> = files.into_iter().flatten().collect();
    find_unlisted(bundle, "", sums, &mut found)?;
    Ok(found)
}

/// Sums of the tree's files that differ from the manifest.
pub(super) fn sums_beside(sums: &Sums, manifest: Option<&Manifest>) -> Vec<Finding> {
    let expected = manifest.map(sums::of_tree).unwrap_or_default();
    let listed = sums.keys().filter(|name| is_of_tree(name));
    let names: BTreeSet<&String> = listed.chain(expected.keys()).collect();
    let differ = names.into_iter().filter(|name| sums.get(*name) != expected.get(*name));
    differ.map(|name| contradiction(sums::FILE_NAME, name)).collect()
}

/// Modes of the tree's entries that differ from the manifest, and other files that have another mode than listed.
pub(super) fn modes_beside(bundle: &Path, manifest: Option<&Manifest>) -> Result<Vec<Finding>, Error> {
    let Some(lines) = modes::load(bundle)? else { return Ok(Vec::new()) };
    let expected = manifest.map(modes::of_tree).unwrap_or_default();
    let expected: BTreeSet<&String> = expected.values().collect();
    let (listed, others): (BTreeSet<&String>, BTreeSet<&String>) =
        lines.iter().partition(|line| modes::is_of_tree(line));
    let differ = listed.symmetric_difference(&expected).map(|line| contradiction(modes::FILE_NAME, line));
    Ok(differ.chain(others.iter().filter_map(|line| compare_mode(bundle, line))).collect())
}

fn contradiction(list: &str, what: &str) -> Finding {
    (list.to_owned(), format!("does not fit the manifest: `{}`", byte_text::shown(what).escape_debug()))
}

fn compare_mode(bundle: &Path, line: &str) -> Option<Finding> {
    let Some((kind, mode, name)) = modes::parts(line) else {
        return Some((modes::FILE_NAME.to_owned(), format!("has the line `{}`", line.escape_debug())));
    };
    // The sums have already shown a file that is missing.
    let facts = fs::symlink_metadata(bundle.join(name)).ok()?;
    let has_kind = if kind == "d" { facts.is_dir() } else { facts.is_file() };
    let found = format!("{:04o}", facts.permissions().mode() & 0o7777);
    let what = match (has_kind, kind) {
        (false, "d") => "is not a directory".to_owned(),
        (false, _) => "is not a regular file".to_owned(),
        (true, _) if found != mode => format!("has mode {found}, not {mode}"),
        (true, _) => return None,
    };
    Some((name.to_owned(), what))
}

pub(super) fn compare_file(bundle: &Path, name: &str, expected: &Sha) -> Option<Finding> {
    let what = match digest::of_file(&bundle.join(byte_text::to_os(name))) {
        Ok(found) if found == *expected => return None,
        Ok(_) if name == layout::INIT => "is a different program".to_owned(),
        Ok(_) => "has different content".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing".to_owned(),
        Err(error) => clause(&error),
    };
    Some((name.to_owned(), what))
}

/// Parts of a bundle that the sums do not have: the tree, the mount point of submissions, and themselves.
const NOT_IN_SUMS: [&str; 3] = [layout::ROOTFS, layout::WORKSPACE, sums::FILE_NAME];

/// Files of the bundle that the sums do not name.
fn find_unlisted(
    bundle: &Path,
    below: &str,
    sums: &Sums,
    found: &mut Vec<Finding>,
) -> Result<(), Unreadable> {
    let directory = bundle.join(below);
    let at = |error| (directory.clone(), error);
    for entry in fs::read_dir(&directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if NOT_IN_SUMS.contains(&name.as_str()) || sums.contains_key(&name) {
            continue;
        }
        if entry.file_type().map_err(at)?.is_dir() {
            find_unlisted(bundle, &format!("{name}/"), sums, found)?;
        } else {
            found.push((name.escape_debug().to_string(), format!("is not in {}", sums::FILE_NAME)));
        }
    }
    Ok(())
}
