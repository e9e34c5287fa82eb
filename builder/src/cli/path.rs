//! Paths as a shell's user means them.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Whether it is a name to look up: `bash`, not `./bash` or `bin/bash`.
pub(super) fn is_bare(path: &Path) -> bool {
    path.components().count() == 1 && !path.has_root() && !path.starts_with(".") && !path.starts_with("..")
}

/// The path from the root, without looking at the file system.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::read(path, error))
}
