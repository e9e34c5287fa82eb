//! Guards against the build host: files that an image should not silently take from whatever machine built it.
//!
//! Each is refused with the line that allows it. Links and directories carry no content and are not judged.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::data;
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::packages::{self, Owners};
use crate::plan::{Plan, Source};
use crate::recipe::{Allowance, Asked, Guard};
use crate::write::FileDigests;

/// As many refused files as a person reads at once.
const SHOWN: usize = 20;

/// The refused files, each with the guard that refuses it. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals(Vec<(ImagePath, Guard)>);

impl Refusals {
    /// The first of them.
    pub fn first(&self) -> &ImagePath {
        &self.0[0].0
    }

    /// All of them.
    pub fn all(self) -> Vec<(ImagePath, Guard)> {
        self.0
    }
}

/// What can be judged before anything is copied.
pub fn check_files(plan: &Plan, owners: Option<&Owners>, allowed: &[Asked<Allowance>]) -> Result<(), Error> {
    let mut refused = Vec::new();
    for (path, origin, file) in host_files(plan) {
        let guards = suspicions(origin, file, owners)?;
        refused.extend(
            guards
                .into_iter()
                .filter(|guard| !is_allowed(*guard, path, allowed))
                .map(|guard| (path.clone(), guard)),
        );
    }
    refuse(refused)
}

/// The files whose MD5 must be compared with their package's: those touched since dpkg unpacked them.
///
/// A file's ctime cannot be set back, so one that is not later than dpkg's own list has dpkg's content.
/// Where file times say nothing (a container image's layers were unpacked later), everything is compared.
pub fn touched(plan: &Plan, owners: Option<&Owners>) -> Result<BTreeSet<ImagePath>, Error> {
    let mut touched = BTreeSet::new();
    for (path, origin, file) in host_files(plan) {
        let Some(owner) = owners.and_then(|owners| owners.get(origin)) else { continue };
        let facts = fs::metadata(file).map_err(|error| Error::read(file, error))?;
        if owner.md5.is_some() && (facts.ctime(), facts.ctime_nsec()) > owner.settled {
            touched.insert(path.clone());
        }
    }
    Ok(touched)
}

/// What can be judged once the contents were read.
pub fn check_contents(
    plan: &Plan,
    owners: Option<&Owners>,
    digests: &FileDigests,
    allowed: &[Asked<Allowance>],
) -> Result<(), Error> {
    let differs = |path: &ImagePath, source: &Source| {
        let Source::Host { origin, .. } = source else { return false };
        let shipped = owners.and_then(|owners| owners.get(origin)).and_then(|owner| owner.md5.as_ref());
        let found = digests.get(path).and_then(|written| source.original(written).md5.as_ref());
        matches!((shipped, found), (Some(shipped), Some(found)) if shipped != found)
    };
    let modified = plan
        .files()
        .filter(|(path, _, source)| differs(path, source) && !is_allowed(Guard::Modified, path, allowed));
    refuse(modified.map(|(path, _, _)| (path.clone(), Guard::Modified)).collect())
}

fn refuse(refused: Vec<(ImagePath, Guard)>) -> Result<(), Error> {
    if refused.is_empty() { Ok(()) } else { Err(Error::Guard(Refusals(refused))) }
}

fn host_files(plan: &Plan) -> impl Iterator<Item = (&ImagePath, &ImagePath, &Path)> {
    plan.files().filter_map(|(path, _, source)| match source {
        Source::Host { origin, path: file, .. } => Some((path, origin, file.as_path())),
        Source::Own { .. } | Source::Inline(_) => None,
    })
}

fn suspicions(origin: &ImagePath, file: &Path, owners: Option<&Owners>) -> Result<Vec<Guard>, Error> {
    let facts = fs::symlink_metadata(file).map_err(|error| Error::read(file, error))?;
    let mode = facts.permissions().mode();
    let is_shim = is_shim(origin.as_str());
    let found = [
        (Guard::Shim, is_shim),
        // A shim is never a package's; one refusal that says what it is, is enough.
        (
            Guard::Unowned,
            !is_shim
                && !data::is_bundle(origin.as_path())
                && owners.is_some_and(|owners| packages::owner(owners, origin).is_none()),
        ),
        (Guard::Setuid, mode & 0o6000 != 0),
        (Guard::Capabilities, has_capabilities(file)?),
        (Guard::WorldWritable, mode & 0o002 != 0),
    ];
    Ok(found.into_iter().filter_map(|(guard, found)| found.then_some(guard)).collect())
}

/// Places where version managers keep programs that only look up which program to start.
const SHIM_PLACES: [&str; 4] = ["/shims/", "/.cargo/bin/", "/.volta/bin/", "/.pkgx/"];

fn is_shim(path: &str) -> bool {
    SHIM_PLACES.iter().any(|place| path.contains(place))
}

fn has_capabilities(file: &Path) -> Result<bool, Error> {
    use rustix::io::Errno;
    match rustix::fs::lgetxattr(file, "security.capability", &mut [0_u8; 64][..]) {
        Ok(_) | Err(Errno::RANGE) => Ok(true),
        // No such attribute, or a file system that has none at all.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(Error::read(file, errno.into())),
    }
}

fn is_allowed(guard: Guard, path: &ImagePath, allowed: &[Asked<Allowance>]) -> bool {
    allowed.iter().any(|Asked { value, .. }| value.guard == guard && value.pattern.matches(path))
}

/// What is wrong with a file that `guard` refuses, as the end of a sentence about it.
pub fn verdict(guard: Guard) -> &'static str {
    match guard {
        Guard::Unowned => "belongs to no package of the build host",
        Guard::Modified => "differs from what its package shipped",
        Guard::Shim => "is a version manager's shim, not the program itself",
        Guard::Setuid => "is set-user-id or set-group-id",
        Guard::Capabilities => "has file capabilities",
        Guard::WorldWritable => "can be written by everybody on the build host",
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(path, guard)] = self.0.as_slice() {
            write!(f, "`{path}` {}\n  hint: ", verdict(*guard))?;
            return allow_line(f, path, *guard);
        }
        write!(f, "{} files should not come from this build host", self.0.len())?;
        for (path, guard) in self.0.iter().take(SHOWN) {
            write!(f, "\n  `{path}` {}\n    hint: ", verdict(*guard))?;
            allow_line(f, path, *guard)?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

fn allow_line(f: &mut fmt::Formatter<'_>, path: &ImagePath, guard: Guard) -> fmt::Result {
    let key = guard.key();
    write!(f, "if that is meant: {key} = [\"{path}\"] under [allow] in the recipe, or --allow {key}={path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_is_one_line_and_the_line_that_allows_it() {
        let refusals = Refusals(vec![(ImagePath::parse("/usr/bin/su").expect("normal"), Guard::Setuid)]);
        assert_eq!(
            refusals.to_string(),
            "`/usr/bin/su` is set-user-id or set-group-id\n  hint: if that is meant: setuid = [\"/usr/bin/su\"] under [allow] in the recipe, or --allow setuid=/usr/bin/su"
        );
    }

    #[test]
    fn shims_are_known_by_their_place() {
        assert!(is_shim("/root/.pyenv/shims/python3"));
        assert!(is_shim("/home/me/.cargo/bin/rustc"));
        assert!(!is_shim("/usr/bin/python3.11"));
    }
}
