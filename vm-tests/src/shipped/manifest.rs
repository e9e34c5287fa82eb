//! The manifest against the list of digests.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::finding;
use super::lists::Lists;

/// What is read of `manifest.json`.
#[derive(Deserialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    /// Of a file.
    sha256: Option<String>,
}

/// Files of the tree whose digests differ in both, and those that are in one of them only.
pub(super) fn differences(manifest: &[u8], lists: &Lists) -> Result<Vec<String>, String> {
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|cause| format!("`manifest.json` is not valid: {cause}"))?;
    let files = manifest.entries.into_iter().filter_map(|entry| Some((bytes(&entry.path), entry.sha256?)));
    let files: BTreeMap<Vec<u8>, String> = files.collect();
    let in_tree =
        |name: &[u8]| name.strip_prefix(b"rootfs").map(<[u8]>::to_vec).filter(|path| path.starts_with(b"/"));
    let listed = lists.sums.iter().filter_map(|(name, sum)| Some((in_tree(name)?, sum.clone())));
    let listed: BTreeMap<Vec<u8>, String> = listed.collect();
    // A bundle of archives alone lists no tree.
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let differ = |path: &&Vec<u8>| files.get(*path) != listed.get(*path);
    let differ = files.keys().chain(listed.keys()).filter(differ).map(|path| {
        let what = format!("has another digest of {} than SHA256SUMS", String::from_utf8_lossy(path));
        finding(b"manifest.json", &what)
    });
    Ok(differ.collect())
}

/// The bytes of a name. JSON has characters only: a byte that is part of none is one of U+10FF80 to U+10FFFF there.
fn bytes(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in name.chars() {
        match u32::from(character) {
            code @ 0x10_FF80..=0x10_FFFF => bytes.push((code & 0xff) as u8),
            _ => bytes.extend(character.to_string().as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_no_text_is_that_byte_again() {
        assert_eq!(bytes("/caf\u{10FFE9} \u{e9}"), b"/caf\xe9 \xc3\xa9");
    }
}
