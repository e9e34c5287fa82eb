//! Makes the manifest of a plan and the digests of its files.

use bundle::digest::FileDigests;
use bundle::manifest::{Manifest, Record, RecordKind, Settings};
use bundle::package::Package;
use recipe::image_path::ImagePath;

use crate::gather::dpkg::Owners;
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan};
use crate::plan::scan;

/// The manifest of `plan`; `digests` has an entry for each of its files.
pub(crate) fn manifest(
    plan: &Plan,
    digests: &FileDigests,
    owners: Option<&Owners>,
    settings: Settings,
) -> Manifest {
    let owner = |path, entry| scan::owner(path, entry, owners);
    let record = |(path, entry)| record(path, entry, digests, owner(path, entry));
    let entries: Vec<Record> = plan.entries().map(record).collect();
    let packages = scan::packages(plan, owners).into_iter().cloned().collect();
    Manifest::new(settings, packages, entries)
}

fn record(path: &ImagePath, entry: &Entry, digests: &FileDigests, owner: Option<&Package>) -> Record {
    let kind = match &entry.kind {
        EntryKind::Directory => RecordKind::Directory,
        EntryKind::Symlink(target) => RecordKind::Symlink { target: target.clone() },
        EntryKind::File(source) => RecordKind::File {
            size: source.size(),
            sha256: digests[path].sha.clone(),
            origin: origin(source),
        },
    };
    Record {
        path: path.clone(),
        mode: format!("{:04o}", entry.mode),
        kind,
        package: owner.map(Package::id),
        why: entry.provenance.clone(),
    }
}

fn origin(source: &FileSource) -> Option<String> {
    match source {
        FileSource::Host { origin, .. } => Some(origin.as_str().to_owned()),
        FileSource::Recipe { .. } | FileSource::Inline(_) => None,
    }
}
