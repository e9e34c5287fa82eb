//! Which packages an image has files of, and the files in it by which a scanner finds them.

use std::collections::BTreeSet;
use std::path::Path;

use bundle::package::Package;
use bundle::provenance::{Provenance, ProvenanceKind};
use recipe::image_path::ImagePath;

use crate::error::Error;
use crate::gather::dpkg::{self, Owners};
use crate::plan::entry::{Entry, EntryKind, FileSource, Plan};
use crate::plan::planner::Planner;

/// One file for each package; scanners of distroless images read them there.
const STATUS: &str = "/var/lib/dpkg/status.d";

/// The packages that own entries of the plan.
pub(crate) fn packages<'a>(plan: &Plan, owners: Option<&'a Owners>) -> BTreeSet<&'a Package> {
    plan.entries().filter_map(|(path, entry)| owner(path, entry, owners)).collect()
}

/// The package that owns an entry.
pub(crate) fn owner<'a>(path: &ImagePath, entry: &Entry, owners: Option<&'a Owners>) -> Option<&'a Package> {
    let path = match &entry.kind {
        EntryKind::File(FileSource::Host { origin, .. }) => origin,
        _ => path,
    };
    comes_from_host(entry).then(|| dpkg::owner(owners?, path)).flatten()
}

/// Whether the entry was taken from the build host. A link does not say so itself; only the recipe and the base files
/// bring other ones.
fn comes_from_host(entry: &Entry) -> bool {
    match &entry.kind {
        EntryKind::Directory => false,
        EntryKind::File(source) => matches!(source, FileSource::Host { .. }),
        EntryKind::Symlink(_) => {
            !matches!(entry.provenance[0].kind, ProvenanceKind::Recipe | ProvenanceKind::Sandbox)
        }
    }
}

/// The plan with the control file of each package. A file that it has already stays.
pub(crate) fn with_status(plan: Plan, owners: Option<&Owners>, sysroot: &Path) -> Result<Plan, Error> {
    let controls = dpkg::controls(sysroot, &packages(&plan, owners))?;
    let mut names = BTreeSet::new();
    let mut planner = Planner::from(plan);
    for (package, control) in controls {
        // Two architectures of a package are two files.
        let is_first = names.insert(package.name.clone());
        let name = if is_first { package.name.clone() } else { package.id() };
        let path = format!("{STATUS}/{name}");
        let path = ImagePath::parse(&path).map_err(|unfit| Error::Unfit { path: path.into(), unfit })?;
        let provenance = Provenance::data("status of a package, for scanners", None);
        planner.add_default(path, Entry::inline(control.into_bytes(), 0o644, provenance))?;
    }
    Ok(planner.finish()?)
}
