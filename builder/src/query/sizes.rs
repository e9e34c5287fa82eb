//! Where an image's bytes come from: a table by package.

use std::collections::BTreeMap;
use std::fmt;

use crate::manifest::{Manifest, Record, RecordKind};
use crate::quantity::bytes_for_people;

/// One origin of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share<'a> {
    /// A package's id, or what else the files come from.
    pub origin: &'a str,
    /// Its regular files, the largest first.
    pub files: Vec<&'a Record>,
    /// Bytes in them.
    pub bytes: u64,
}

/// All origins, the largest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes<'a> {
    /// The origins.
    pub shares: Vec<Share<'a>>,
    /// Bytes in all of them.
    pub bytes: u64,
}

/// Files of the build host that no package owns.
const UNOWNED: &str = "no package";
/// Files that the recipe or the sandbox wrote.
const OURS: &str = "capsule and recipe";

/// Adds up the regular files of a manifest.
pub fn sizes(manifest: &Manifest) -> Sizes<'_> {
    let mut by_origin: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &manifest.entries {
        if let RecordKind::File { origin, .. } = &record.kind {
            let unowned = if origin.is_some() { UNOWNED } else { OURS };
            by_origin.entry(record.package.as_deref().unwrap_or(unowned)).or_default().push(record);
        }
    }
    let mut shares: Vec<Share<'_>> =
        by_origin.into_iter().map(|(origin, files)| share(origin, files)).collect();
    shares.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.origin.cmp(b.origin)));
    let bytes = shares.iter().map(|share| share.bytes).sum();
    Sizes { shares, bytes }
}

fn share<'a>(origin: &'a str, mut files: Vec<&'a Record>) -> Share<'a> {
    files.sort_by(|a, b| b.size().cmp(&a.size()).then(a.path.cmp(&b.path)));
    let bytes = files.iter().map(|file| file.size()).sum();
    Share { origin, files, bytes }
}

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.shares.iter().map(|share| share.origin.len()).max().unwrap_or(0).max("total".len());
        writeln!(f, "{:width$}  {:>6}  {:>9}  {:>6}", "package", "files", "bytes", "share")?;
        for Share { origin, files, bytes } in &self.shares {
            writeln!(
                f,
                "{origin:width$}  {:>6}  {:>9}  {:>5.1}%",
                files.len(),
                bytes_for_people(*bytes),
                percent(*bytes, self.bytes)
            )?;
        }
        let files: usize = self.shares.iter().map(|share| share.files.len()).sum();
        writeln!(f, "{:width$}  {files:>6}  {:>9}  {:>5.1}%", "total", bytes_for_people(self.bytes), 100.0)
    }
}

/// `part` of `whole` in percent; an empty whole has no parts.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
