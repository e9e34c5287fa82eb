//! `SHA256SUMS`: the digest of every file of a bundle, for sha256sum(1).

use std::collections::BTreeMap;
use std::path::Path;

use recipe::byte_text;

use crate::digest::Sha;
use crate::error::Error;
use crate::layout;
use crate::manifest::{Manifest, RecordKind};

/// The name of the file in a bundle. It does not have its own digest.
pub const FILE_NAME: &str = "SHA256SUMS";

/// Digests by the path in the bundle.
pub type Sums = BTreeMap<String, Sha>;

/// The digests of the files in `rootfs/`.
pub fn of_tree(manifest: &Manifest) -> Sums {
    let files = manifest.entries.iter().filter_map(|record| match &record.kind {
        RecordKind::File { sha256, .. } => Some((layout::in_tree(&record.path), sha256.clone())),
        RecordKind::Directory | RecordKind::Symlink { .. } => None,
    });
    files.collect()
}

/// The bytes of the file: names are in it as the kernel takes them.
pub fn bytes(sums: &Sums) -> Vec<u8> {
    let lines: String = sums.iter().map(|(name, sha)| line(sha.as_str(), name) + "\n").collect();
    byte_text::to_bytes(&lines).into_owned()
}

/// A line for `sha256sum --check`, without its end. A backslash in the name is doubled, and another one starts the line
/// (coreutils manual, cksum output modes).
pub fn line(sha: &str, name: &str) -> String {
    if name.contains('\\') {
        return format!("\\{sha}  {}", name.replace('\\', "\\\\"));
    }
    format!("{sha}  {name}")
}

/// Reads the sums of a bundle; `None` for a bundle that is older than this file.
///
/// # Errors
/// The file cannot be read, or a line of it is not one that [`bytes`] writes.
pub fn load(bundle: &Path) -> Result<Option<Sums>, Error> {
    let path = bundle.join(FILE_NAME);
    let Some(bytes) = layout::read_optional(&path)? else { return Ok(None) };
    read(&byte_text::from_bytes(&bytes)).map(Some).map_err(|line| Error::Sums { path, line })
}

/// The error is the first line that is not valid.
fn read(text: &str) -> Result<Sums, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| parse(line).ok_or_else(|| line.to_owned())).collect()
}

fn parse(line: &str) -> Option<(String, Sha)> {
    let (sha, name) = line.split_once("  ")?;
    match sha.strip_prefix('\\') {
        Some(sha) => Some((name.replace("\\\\", "\\"), Sha::parse(sha)?)),
        None => Some((name.to_owned(), Sha::parse(sha)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let names = ["init", "oci/x", "rootfs/a  b", "rootfs/back\\slash\\", "rootfs/caf\u{10FFE9}"];
        let sums: Sums = names.iter().map(|name| ((*name).to_owned(), Sha::of(name.as_bytes()))).collect();
        assert_eq!(read(&byte_text::from_bytes(&bytes(&sums))), Ok(sums));
        assert_eq!(read("x  y\n"), Err("x  y".to_owned()));
    }
}
