//! The bundle's lists of its own files: `SHA256SUMS` and `MODES` (docs/bundle.md), and the files that they describe.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{finding, read, unreadable};
use crate::random::to_hex;

const SUMS: &str = "SHA256SUMS";
const MODES: &str = "MODES";

/// Both lists. Names are bytes, as the kernel takes them.
pub(super) struct Lists {
    /// Digests in hexadecimal, by the path in the bundle.
    pub(super) sums: BTreeMap<Vec<u8>, String>,
    /// Lines of type, mode and path.
    pub(super) modes: BTreeSet<Vec<u8>>,
}

impl Lists {
    pub(super) fn load(bundle: &Path) -> Result<Lists, String> {
        let sums = lines(bundle, SUMS)?.iter().map(|line| sum(line)).collect::<Result<_, _>>()?;
        Ok(Lists { sums, modes: lines(bundle, MODES)?.into_iter().collect() })
    }

    /// Where the files are not as the lists have them.
    pub(super) fn differences(&self, bundle: &Path) -> io::Result<Vec<String>> {
        let mut wrong = Vec::new();
        for (name, sum) in &self.sums {
            let what = match digest(&bundle.join(OsStr::from_bytes(name))) {
                Ok(found) if found == *sum => continue,
                Ok(_) => "has different content".to_string(),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => "is missing".to_string(),
                Err(cause) => cause.to_string(),
            };
            wrong.push(finding(name, &what));
        }
        let mut found = BTreeSet::new();
        walk(bundle, b"", &mut found)?;
        wrong.extend(found.difference(&self.modes).map(|line| finding(line, "is not in MODES")));
        wrong.extend(self.modes.difference(&found).map(|line| finding(line, "is only in MODES")));
        Ok(wrong)
    }
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(to_hex(&hash.finalize()));
        }
        hash.update(&buffer[..len]);
    }
}

fn lines(bundle: &Path, name: &str) -> Result<Vec<Vec<u8>>, String> {
    let path = bundle.join(name);
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(format!("`{}` has no {name}\n  hint: build it again", bundle.display())),
        Err(cause) => return Err(unreadable(&path, &cause)),
    }
    let text = read(&path)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// A line of sha256sum(1): a backslash in front of it says that those in the name are doubled.
fn sum(line: &[u8]) -> Result<(Vec<u8>, String), String> {
    let wrong = || format!("{SUMS}: has the line {:?}", String::from_utf8_lossy(line));
    let (line, is_escaped) = line.strip_prefix(b"\\").map_or((line, false), |line| (line, true));
    let (sum, rest) = line.split_at_checked(64).ok_or_else(wrong)?;
    let name = rest.strip_prefix(b"  ").ok_or_else(wrong)?;
    let name = if is_escaped { unescaped(name) } else { name.to_vec() };
    let sum = String::from_utf8(sum.to_vec()).map_err(|_| wrong())?;
    Ok((name, sum))
}

fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = name.iter();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    plain
}

/// The lines of `MODES` about everything below a directory of the bundle.
fn walk(bundle: &Path, below: &[u8], found: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(bundle.join(OsStr::from_bytes(below)))? {
        let entry = entry?;
        let mut name = below.to_vec();
        if !name.is_empty() {
            name.push(b'/');
        }
        name.extend(entry.file_name().into_vec());
        let facts = entry.metadata()?;
        if facts.is_symlink() {
            found.insert(link(&name, fs::read_link(entry.path())?.as_os_str().as_bytes()));
            continue;
        }
        let kind = if facts.is_dir() { 'd' } else { 'f' };
        found.insert(mode(kind, facts.permissions().mode(), &name));
        if facts.is_dir() {
            walk(bundle, &name, found)?;
        }
    }
    Ok(())
}

/// The line about a directory (`d`) or a file (`f`).
pub(super) fn mode(kind: char, mode: u32, name: &[u8]) -> Vec<u8> {
    [format!("{kind} {:04o} ", mode & 0o7777).as_bytes(), name].concat()
}

/// The line about a symbolic link.
pub(super) fn link(name: &[u8], target: &[u8]) -> Vec<u8> {
    [b"l ", name, b" -> ", target].concat()
}
