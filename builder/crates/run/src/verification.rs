//! `--verify`: a bundle's tree against its manifest, before anything of it starts.

use std::path::Path;

use bundle::layout;
use bundle::manifest::Manifest;
use bundle::tree;
use rustix::process::geteuid;

use crate::error::Error;

/// Compares the tree with the manifest. An operator's own programs can change it afterwards, a submission cannot: it has
/// the tree read-only.
///
/// To be called before this process enters a user namespace: there root's files belong to nobody.
///
/// # Errors
/// The tree has changed, or cannot be read.
pub(crate) fn verify(bundle: &Path) -> Result<(), Error> {
    let (manifest, root) = (Manifest::load(bundle)?, bundle.join(layout::ROOTFS));
    let found = match geteuid().is_root() {
        true => tree::differences(&manifest, &root)?,
        // An ordinary user's process needs a user namespace next.
        false => tree::differences_without_threads(&manifest, &root)?,
    };
    let Some((path, what)) = found.first() else { return Ok(()) };
    Err(Error::Changed {
        bundle: bundle.to_path_buf(),
        first: format!("{path} {what}"),
        others: found.len() - 1,
    })
}
