//! Digests, types and modes of everything in an unfinished bundle, for the lists in it.

use bundle::digest::Sha;
use bundle::manifest::Manifest;
use bundle::modes::{self, Modes};
use bundle::sums::{self, Sums};

/// What a bundle holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) sums: Sums,
    pub(crate) modes: Modes,
}

impl Listing {
    /// A file, with the directories in which it lies.
    pub(crate) fn file(&mut self, name: &str, mode: u32, sha: Sha) {
        let directories = name.match_indices('/').map(|(at, _)| &name[..at]);
        directories.for_each(|directory| self.directory(directory));
        self.modes.insert(name.to_owned(), modes::file(name, &format!("{mode:04o}")));
        self.sums.insert(name.to_owned(), sha);
    }

    /// A directory of mode 0755.
    pub(crate) fn directory(&mut self, name: &str) {
        self.modes.insert(name.to_owned(), modes::directory(name, "0755"));
    }

    /// The image as a directory.
    pub(crate) fn tree(&mut self, manifest: &Manifest) {
        self.modes.extend(modes::of_tree(manifest));
        self.sums.extend(sums::of_tree(manifest));
    }

    /// One of the lists, which is not finished yet.
    pub(crate) fn itself(&mut self, name: &str) {
        self.modes.insert(name.to_owned(), modes::file(name, "0644"));
    }
}
