//! The plan: every path of the image with its content, sorted.
//!
//! The owner of every entry is root and all times are equal, so an entry has only a type, a mode and its provenance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bundle::digest::Digests;
use bundle::provenance::Provenance;
use recipe::image_path::ImagePath;

use crate::gather::bytecode::Patch;

/// All entries of an image to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) entries: BTreeMap<ImagePath, Entry>,
}

/// One name of a file that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HardLink<'a> {
    /// The name that comes first in an archive.
    pub(crate) first: &'a ImagePath,
    /// The place among the names, from 0.
    pub(crate) index: usize,
    /// How many names it has in the image.
    pub(crate) count: usize,
}

impl HardLink<'_> {
    /// Whether an earlier name has the content.
    pub(crate) fn is_repeated(&self) -> bool {
        self.index > 0
    }

    /// Whether no name follows.
    pub(crate) fn is_last(&self) -> bool {
        self.index + 1 == self.count
    }
}

/// One path of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its type, with the content.
    pub(crate) kind: EntryKind,
    /// Permission bits, and the sticky bit of a shared directory; always 0777 for a symbolic link, which has no mode.
    pub(crate) mode: u32,
    /// Why it is in the image. Never empty; the first one added the entry.
    pub(crate) provenance: Vec<Provenance>,
}

/// The types of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(FileSource),
    /// A symbolic link, with its target, in which characters may stand for bytes.
    Symlink(String),
}

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileSource {
    /// A file of the build host.
    Host {
        /// Its path inside the sysroot; mostly its path in the image, too.
        origin: ImagePath,
        /// Its path on the build host: `origin` below the sysroot.
        path: PathBuf,
        /// Its length in bytes when the plan was made.
        size: u64,
        /// Device and inode, if the file has other names, too.
        inode: Option<(u64, u64)>,
        /// The bytes that differ in the image.
        patch: Option<Patch>,
    },
    /// A file that the recipe names with `from`.
    Recipe {
        /// Its path on the build host.
        path: PathBuf,
        /// Its length in bytes when the plan was made.
        size: u64,
    },
    /// Bytes that are part of the plan.
    Inline(Vec<u8>),
}

impl Plan {
    /// All entries, sorted by the bytes of their paths: a directory comes before its contents.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (&ImagePath, &Entry)> {
        self.entries.iter()
    }

    /// All entries, each directory followed at once by its contents: when tar(1) unpacks `/a.x`, it sets the time of `/a`,
    /// and does not do so again after a later `/a/b`.
    pub(crate) fn archive_order(&self) -> Vec<(&ImagePath, &Entry)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.as_str().split('/').cmp(b.as_str().split('/')));
        entries
    }

    /// The files that are one file with several names, in the archive's order; each with its place among the names.
    ///
    /// A file that changes on its way into the image counts separately, and so does one that has another mode there.
    pub(crate) fn hard_links(&self) -> BTreeMap<&ImagePath, HardLink<'_>> {
        let mut names: BTreeMap<_, Vec<&ImagePath>> = BTreeMap::new();
        for (path, entry) in self.archive_order() {
            if let EntryKind::File(FileSource::Host { inode: Some(inode), patch: None, .. }) = &entry.kind {
                names.entry((*inode, entry.mode)).or_default().push(path);
            }
        }
        let mut links = BTreeMap::new();
        for names in names.into_values().filter(|names| names.len() > 1) {
            let (first, count) = (names[0], names.len());
            links.extend(
                names.into_iter().enumerate().map(|(index, path)| (path, HardLink { first, index, count })),
            );
        }
        links
    }

    /// The regular files, in the same order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&ImagePath, &Entry, &FileSource)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.kind {
            EntryKind::File(source) => Some((path, entry, source)),
            _ => None,
        })
    }

    /// The paths that a package may own: those of all entries, and those in the sysroot of all files.
    pub(crate) fn owned_paths(&self) -> BTreeSet<ImagePath> {
        let origins = self.files().filter_map(|(_, _, source)| match source {
            FileSource::Host { origin, .. } => Some(origin.clone()),
            FileSource::Recipe { .. } | FileSource::Inline(_) => None,
        });
        self.entries.keys().cloned().chain(origins).collect()
    }

    /// The entry at `path`, if the plan has one.
    pub(crate) fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The shell that a container starts, if the plan has one. A merged-usr system has `/bin` as a link.
    pub(crate) fn shell(&self) -> Option<&ImagePath> {
        const SHELLS: [&str; 4] = ["/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash"];
        let known = |shell: &&str| ImagePath::parse(shell).ok();
        let path = SHELLS.iter().filter_map(known).find(|path| self.get(path).is_some())?;
        self.entries.get_key_value(&path).map(|(path, _)| path)
    }

    /// The sizes of all regular files together, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().map(|(_, _, source)| source.size()).sum()
    }
}

impl EntryKind {
    /// Its name with an article, for messages: `a directory`.
    pub(crate) fn with_article(&self) -> &'static str {
        match self {
            EntryKind::Directory => "a directory",
            EntryKind::File(FileSource::Host { .. }) => "a file of the build host",
            EntryKind::File(FileSource::Recipe { .. } | FileSource::Inline(_)) => "a file of the recipe",
            EntryKind::Symlink(_) => "a link",
        }
    }
}

impl FileSource {
    /// The length in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            FileSource::Host { size, .. } | FileSource::Recipe { size, .. } => *size,
            FileSource::Inline(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes that differ in the image.
    pub(crate) fn patch(&self) -> Option<&Patch> {
        match self {
            FileSource::Host { patch, .. } => patch.as_ref(),
            FileSource::Recipe { .. } | FileSource::Inline(_) => None,
        }
    }

    /// The digests of the file on the build host; `written` are those of the file in the image. They differ after a patch.
    pub(crate) fn original<'a>(&'a self, written: &'a Digests) -> &'a Digests {
        self.patch().map_or(written, |patch| &patch.original)
    }

    /// The file to read; `None` when the bytes are part of the plan.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            FileSource::Host { path, .. } | FileSource::Recipe { path, .. } => Some(path),
            FileSource::Inline(_) => None,
        }
    }
}

impl Entry {
    /// A directory of mode 0755.
    pub(crate) fn directory(provenance: Provenance) -> Entry {
        Entry { kind: EntryKind::Directory, mode: 0o755, provenance: vec![provenance] }
    }

    /// A symbolic link to `target`.
    pub(crate) fn symlink(target: &str, provenance: Provenance) -> Entry {
        Entry { kind: EntryKind::Symlink(target.to_owned()), mode: 0o777, provenance: vec![provenance] }
    }

    /// A file whose bytes are part of the plan.
    pub(crate) fn inline(bytes: Vec<u8>, mode: u32, provenance: Provenance) -> Entry {
        Entry { kind: EntryKind::File(FileSource::Inline(bytes)), mode, provenance: vec![provenance] }
    }
}

/// The mode in the image for a file of mode `host` on the build host: 0755 if any execute bit is set, else 0644.
///
/// Set-id bits stay, so that nothing changes silently: a guard refuses such a file unless the recipe allows it.
pub(crate) fn fixed_mode(host: u32) -> u32 {
    let runnable = if host & 0o111 != 0 { 0o755 } else { 0o644 };
    runnable | host & 0o6000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_becomes_0755_or_0644_and_keeps_set_id_bits() {
        assert_eq!(
            [0o700, 0o111, 0o666, 0o400, 0o4755].map(fixed_mode),
            [0o755, 0o755, 0o644, 0o644, 0o4755]
        );
    }
}
