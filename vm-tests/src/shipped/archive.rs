//! The bootable archive: newc entries (kernel documentation, driver-api/early-userspace/buffer-format), compared with
//! the bundle's lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::finding;
use super::lists::{self, Lists};
use crate::random::to_hex;

const HEADER: usize = 110;
const MAGIC: &[u8] = b"070701";
const TRAILER: &[u8] = b"TRAILER!!!";

/// What the archive has besides the bundle's files: mount points, and what the kernel opens for init.
const FOR_BOOTING: [&[u8]; 4] = [b"dev", b"dev/console", b"proc", b"sys"];
const RUNNER: &[u8] = b"init";

/// Type bits of a mode (inode(7)).
const TYPE: u32 = 0o170000;
const DIRECTORY: u32 = 0o040000;
const FILE: u32 = 0o100000;
const LINK: u32 = 0o120000;

/// One entry.
pub(super) struct Entry {
    name: Vec<u8>,
    mode: u32,
    inode: u32,
    /// Of a link, its target.
    content: Vec<u8>,
}

/// All entries before the trailer.
fn read_entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..at + HEADER)?;
        let fields = header.strip_prefix(MAGIC)?;
        let field = |index: usize| {
            let digits = std::str::from_utf8(fields.get(index * 8..index * 8 + 8)?).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        let (size, name_size) = (field(6)? as usize, field(11)? as usize);
        let name = bytes.get(at + HEADER..(at + HEADER).checked_add(name_size)?)?.strip_suffix(b"\0")?;
        if name == TRAILER {
            return Some(entries);
        }
        let start = (at + HEADER + name_size).next_multiple_of(4);
        let content = bytes.get(start..start.checked_add(size)?)?.to_vec();
        entries.push(Entry { name: name.to_vec(), mode: field(1)?, inode: field(0)?, content });
        at = (start + size).next_multiple_of(4);
    }
}

/// Reads an archive, which may be compressed.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let mut bytes = super::read(path)?;
    let wrong = |what: &str| format!("`{}` {what}", path.display());
    if path.extension().is_some_and(|extension| extension == "zst") {
        bytes = zstd::decode_all(&*bytes).map_err(|cause| wrong(&format!("cannot be unpacked: {cause}")))?;
    }
    read_entries(&bytes).ok_or_else(|| wrong("is not an archive in newc form"))
}

/// Where the archive is not what the lists have.
pub(super) fn differences(entries: &[Entry], lists: &Lists) -> Vec<String> {
    // Of several names of one inode only the last entry has the content.
    let contents: BTreeMap<u32, &Vec<u8>> = entries
        .iter()
        .filter(|entry| !entry.content.is_empty())
        .map(|entry| (entry.inode, &entry.content))
        .collect();
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for entry in entries {
        if entry.name != RUNNER && !is_of_tree(&entry.name) {
            if !FOR_BOOTING.contains(&entry.name.as_slice()) {
                wrong.push(finding(&entry.name, "is only in the archive"));
            }
            continue;
        }
        let content = contents.get(&entry.inode).copied().unwrap_or(&entry.content);
        if !lists.modes.contains(&line(entry)) || !has_content(entry, content, lists) {
            wrong.push(finding(&entry.name, "differs in the archive"));
        }
        found.insert(entry.name.as_slice());
    }
    let listed = lists.modes.iter().filter_map(|line| path_of(line));
    let missing = listed.filter(|name| is_of_tree(name) && !found.contains(name));
    wrong.extend(missing.map(|name| finding(name, "is missing in the archive")));
    wrong
}

fn has_content(entry: &Entry, content: &[u8], lists: &Lists) -> bool {
    entry.mode & TYPE != FILE
        || lists.sums.get(&entry.name).is_some_and(|sum| *sum == to_hex(&Sha256::digest(content)))
}

/// The line that `MODES` has to have about it.
fn line(entry: &Entry) -> Vec<u8> {
    match entry.mode & TYPE {
        DIRECTORY => lists::mode('d', entry.mode, &entry.name),
        FILE => lists::mode('f', entry.mode, &entry.name),
        LINK => lists::link(&entry.name, &entry.content),
        _ => entry.name.clone(), // a device is in no list
    }
}

fn is_of_tree(name: &[u8]) -> bool {
    name == b"rootfs" || name.starts_with(b"rootfs/")
}

/// The path in a line of `MODES`.
fn path_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"l ") {
        Some(link) => {
            let end = link.windows(4).position(|window| window == b" -> ")?;
            link.get(..end)
        }
        None => line.get("f 0644 ".len()..),
    }
}
