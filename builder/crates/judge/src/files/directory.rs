//! The files of a directory, with their sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bundle::FileError;

use super::{MOST_FILES, name};
use crate::error::{Error, Mistake};

/// Lists all regular files below `root`, and links to such files.
pub(super) fn list(root: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let real = fs::canonicalize(root).map_err(|error| FileError::read(root, error))?;
    let mut listing = Listing { root, real, sizes: BTreeMap::new() };
    listing.directory("")?;
    Ok(listing.sizes)
}

struct Listing<'a> {
    root: &'a Path,
    /// The root without links, to see where links lead.
    real: PathBuf,
    sizes: BTreeMap<String, u64>,
}

impl Listing<'_> {
    fn directory(&mut self, below: &str) -> Result<(), Error> {
        let place = self.root.join(below);
        let read = |error| FileError::read(&place, error);
        for entry in fs::read_dir(&place).map_err(read)? {
            let entry = entry.map_err(read)?;
            let part = entry.file_name();
            let name = format!("{below}{}", part.to_string_lossy());
            if name::is_hidden(&part.to_string_lossy()) {
                continue;
            }
            if part.to_str().is_none() {
                return Err(self.refuse(&name, "its name is not UTF-8"));
            }
            if let Some(what) = name::mistake(&name) {
                return Err(self.refuse(&name, what));
            }
            let kind = entry.file_type().map_err(read)?;
            match kind {
                _ if kind.is_dir() => self.directory(&format!("{name}/"))?,
                _ if kind.is_symlink() => self.link(&name)?,
                _ if kind.is_file() => self.add(name, entry.metadata().map_err(read)?.len())?,
                _ => return Err(self.refuse(&name, "it is not a regular file")),
            }
        }
        Ok(())
    }

    /// A link to a file of the problem is that file. One to a directory would give files two names.
    fn link(&mut self, name: &str) -> Result<(), Error> {
        let place = self.root.join(name);
        let is_relative = fs::read_link(&place).is_ok_and(|target| target.is_relative());
        if !is_relative {
            return Err(self.refuse(name, "it is an absolute link"));
        }
        let Ok(target) = fs::canonicalize(&place) else {
            return Err(self.refuse(name, "it is a link to nothing"));
        };
        if !target.starts_with(&self.real) {
            return Err(self.refuse(name, "it is a link out of the problem"));
        }
        let facts = fs::metadata(&target).map_err(|error| FileError::read(&place, error))?;
        if !facts.is_file() {
            return Err(self.refuse(name, "it is a link to what is not a file"));
        }
        self.add(name.to_owned(), facts.len())
    }

    fn add(&mut self, name: String, size: u64) -> Result<(), Error> {
        if self.sizes.len() == MOST_FILES {
            return Err(self.refuse(&name, &format!("the problem has more than {MOST_FILES} files")));
        }
        self.sizes.insert(name, size);
        Ok(())
    }

    fn refuse(&self, name: &str, what: &str) -> Error {
        Error::Mistake { problem: self.root.to_path_buf(), mistake: Mistake::new(name, what) }
    }
}
