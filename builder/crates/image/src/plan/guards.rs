//! Guards: files that an image should not take silently from the machine that builds it.
//!
//! An error about such a file contains the line of the recipe that allows it. Links and directories have no content, so
//! the guards ignore them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use bundle::digest::FileDigests;
use bundle::provenance::{Provenance, ProvenanceKind};
use recipe::image_path::ImagePath;
use recipe::{Allowance, Guard, Recipe, RequestId, Spanned};

use crate::error::{Error, Refused};
use crate::gather::data;
use crate::gather::dpkg::{self, Owners};
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan};

/// The files that a guard refuses by owner, place or mode, before anything is copied.
pub(crate) fn refused_files(
    plan: &Plan,
    owners: Option<&Owners>,
    recipe: &Recipe,
) -> Result<Vec<Refused>, Error> {
    let named = named_by_path(plan, recipe);
    let mut refused = Vec::new();
    for (path, origin, file) in host_files(plan) {
        let mut guards = suspicions(origin, file, owners)?;
        // The guard is for what comes along unasked: a user who writes the path means this file.
        guards.retain(|guard| *guard != Guard::Unowned || !named.contains(path));
        refused.extend(
            guards
                .into_iter()
                .filter(|guard| !is_allowed(*guard, path, &recipe.allow))
                .map(|guard| (path.clone(), guard)),
        );
    }
    Ok(refused)
}

/// The programs that the user named by their paths, with what these lead to when they are links.
fn named_by_path(plan: &Plan, recipe: &Recipe) -> BTreeSet<ImagePath> {
    with_link_targets(plan, |provenance| names_path(provenance, recipe))
}

/// The entries that are in the image for a reason of this kind, with what these lead to when they are links.
pub(crate) fn with_link_targets(plan: &Plan, is_it: impl Fn(&Provenance) -> bool) -> BTreeSet<ImagePath> {
    let is_named = |entry: &Entry| entry.provenance.iter().any(&is_it);
    let mut named: BTreeSet<ImagePath> =
        plan.entries().filter(|(_, entry)| is_named(entry)).map(|(path, _)| path.clone()).collect();
    loop {
        let is_target = |entry: &Entry| {
            let mut links = entry.provenance.iter().filter(|one| one.kind == ProvenanceKind::LinkTarget);
            links.any(|one| one.by.as_ref().is_some_and(|by| named.contains(by)))
        };
        let targets = plan.entries().filter(|(path, entry)| !named.contains(*path) && is_target(entry));
        let targets: Vec<ImagePath> = targets.map(|(path, _)| path.clone()).collect();
        if targets.is_empty() {
            return named;
        }
        named.extend(targets);
    }
}

fn names_path(provenance: &Provenance, recipe: &Recipe) -> bool {
    match provenance.request {
        Some(RequestId::Binary(at)) => recipe.binaries[at].value.name.starts_with('/'),
        _ => false,
    }
}

/// Notes in the provenance of each program that it belongs to no package and is in the image because its path was named.
pub(crate) fn record_unowned(plan: &mut Plan, owners: Option<&Owners>, recipe: &Recipe) {
    let Some(owners) = owners else { return };
    for path in named_by_path(plan, recipe) {
        let Some(entry) = plan.entries.get_mut(&path) else { continue };
        let EntryKind::File(FileSource::Host { origin, .. }) = &entry.kind else { continue };
        if dpkg::owner(owners, origin).is_some() || data::is_bundle(origin.as_path()) {
            continue;
        }
        let leads_to_it =
            |one: &&mut Provenance| names_path(one, recipe) || one.kind == ProvenanceKind::LinkTarget;
        if let Some(provenance) = entry.provenance.iter_mut().find(leads_to_it) {
            provenance.rule = Some("no package owns it".to_owned());
        }
    }
}

/// The files whose MD5 has to be compared with the one in their package: those that changed after dpkg unpacked them.
///
/// No call can set a file's ctime back (inode(7)), so a file whose ctime is not later than that of dpkg's list has the
/// content that dpkg gave it. In a container image, whose layers were unpacked later, every file is compared.
pub(crate) fn touched(plan: &Plan, owners: Option<&Owners>) -> Result<BTreeSet<ImagePath>, Error> {
    let mut touched = BTreeSet::new();
    for (path, origin, file) in host_files(plan) {
        let Some(owner) = owners.and_then(|owners| owners.get(origin)) else { continue };
        let metadata = fs::metadata(file).map_err(|error| Error::read(file, error))?;
        if owner.md5.is_some() && (metadata.ctime(), metadata.ctime_nsec()) > owner.listed_at {
            touched.insert(path.clone());
        }
    }
    Ok(touched)
}

/// The files whose MD5 differs from the one in their package.
pub(crate) fn refused_contents(
    plan: &Plan,
    owners: Option<&Owners>,
    digests: &FileDigests,
    allowed: &[Spanned<Allowance>],
) -> Vec<Refused> {
    let differs = |path: &ImagePath, source: &FileSource| {
        let FileSource::Host { origin, .. } = source else { return false };
        let shipped = owners.and_then(|owners| owners.get(origin)).and_then(|owner| owner.md5.as_ref());
        let found = digests.get(path).and_then(|written| source.original(written).md5.as_ref());
        matches!((shipped, found), (Some(shipped), Some(found)) if shipped != found)
    };
    let modified = plan
        .files()
        .filter(|(path, _, source)| differs(path, source) && !is_allowed(Guard::Modified, path, allowed));
    modified.map(|(path, _, _)| (path.clone(), Guard::Modified)).collect()
}

fn host_files(plan: &Plan) -> impl Iterator<Item = (&ImagePath, &ImagePath, &Path)> {
    plan.files().filter_map(|(path, _, source)| match source {
        FileSource::Host { origin, path: file, .. } => Some((path, origin, file.as_path())),
        FileSource::Recipe { .. } | FileSource::Inline(_) => None,
    })
}

fn suspicions(origin: &ImagePath, file: &Path, owners: Option<&Owners>) -> Result<Vec<Guard>, Error> {
    let metadata = fs::symlink_metadata(file).map_err(|error| Error::read(file, error))?;
    let mode = metadata.permissions().mode();
    let is_shim = is_shim(origin.as_str());
    let found = [
        (Guard::Shim, is_shim),
        // No package owns a shim, but the refusal as a shim already says that it should not be here.
        (
            Guard::Unowned,
            !is_shim
                && !data::is_bundle(origin.as_path())
                && owners.is_some_and(|owners| dpkg::owner(owners, origin).is_none()),
        ),
        (Guard::Setuid, mode & 0o6000 != 0),
        (Guard::Capabilities, has_capabilities(file)?),
        (Guard::WorldWritable, mode & 0o002 != 0),
    ];
    Ok(found.into_iter().filter_map(|(guard, found)| found.then_some(guard)).collect())
}

/// Directories of version managers (pyenv, asdf, rustup, volta, pkgx). A program there only looks up another program
/// and starts that one, which the image would not have.
const SHIM_PLACES: [&str; 4] = ["/shims/", "/.cargo/bin/", "/.volta/bin/", "/.pkgx/"];

fn is_shim(path: &str) -> bool {
    SHIM_PLACES.iter().any(|place| path.contains(place))
}

fn has_capabilities(file: &Path) -> Result<bool, Error> {
    use rustix::io::Errno;
    match rustix::fs::lgetxattr(file, "security.capability", &mut [0_u8; 64][..]) {
        // ERANGE: the attribute is longer than the buffer (getxattr(2)), so it exists.
        Ok(_) | Err(Errno::RANGE) => Ok(true),
        // The file has no such attribute, or its file system supports none.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(Error::read(file, errno.into())),
    }
}

pub(crate) fn is_allowed(guard: Guard, path: &ImagePath, allowed: &[Spanned<Allowance>]) -> bool {
    allowed.iter().any(|Spanned { value, .. }| value.guard == guard && value.pattern.matches(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_is_recognised_by_its_directory() {
        assert!(is_shim("/root/.pyenv/shims/python3"));
        assert!(is_shim("/home/me/.cargo/bin/rustc"));
        assert!(!is_shim("/usr/bin/python3.11"));
    }
}
