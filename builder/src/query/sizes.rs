//! How many bytes of an image come from each package.

use std::collections::BTreeMap;
use std::fmt;

use bundle::human_bytes;
use bundle::manifest::{Manifest, Record, RecordKind};

/// The files of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share<'a> {
    /// A package's id, [`UNOWNED`] or [`GENERATED`].
    pub(super) origin: &'a str,
    /// Regular files, the largest first.
    pub(super) files: Vec<&'a Record>,
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sizes<'a> {
    /// The largest first.
    pub(super) shares: Vec<Share<'a>>,
    pub(super) bytes: u64,
}

/// Files of the build host that no package owns.
const UNOWNED: &str = "no package";
/// Files whose content is the recipe's or capsule's own.
const GENERATED: &str = "capsule and recipe";

/// Adds up the regular files of a manifest.
pub(super) fn sizes(manifest: &Manifest) -> Sizes<'_> {
    let mut by_origin: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in &manifest.entries {
        if let RecordKind::File { origin, .. } = &record.kind {
            let unowned = if origin.is_some() { UNOWNED } else { GENERATED };
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
                human_bytes(*bytes),
                percent(*bytes, self.bytes)
            )?;
        }
        let files: usize = self.shares.iter().map(|share| share.files.len()).sum();
        writeln!(f, "{:width$}  {files:>6}  {:>9}  {:>5.1}%", "total", human_bytes(self.bytes), 100.0)
    }
}

/// `part` of `whole` in percent; 0 if `whole` is 0.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
