//! /proc/self/mountinfo: which mounts there are below a directory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The mount points at and below a directory, parents first; each once.
pub(crate) fn below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(of(&fs::read("/proc/self/mountinfo")?, directory))
}

fn of(table: &[u8], directory: &Path) -> Vec<PathBuf> {
    let lines = table.split(|byte| *byte == b'\n');
    let places = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(unescaped);
    let mut places: Vec<PathBuf> = places.filter(|place| place.starts_with(directory)).collect();
    places.sort();
    places.dedup();
    places
}

/// Blanks, tabs, line feeds and backslashes are octal numbers there (proc_pid_mountinfo(5)).
fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let number =
            after.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, number) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_directory_come_after_those_above() {
        let table = b"1 0 8:1 / / rw - ext4 /dev/a rw\n3 2 8:1 /x /box/a\\040b/c rw - ext4 /dev/a rw\n\
            2 1 8:1 / /box/a\\040b rw - ext4 /dev/a rw\n4 1 8:1 / /boxes rw - ext4 /dev/a rw\n";
        assert_eq!(of(table, Path::new("/box")), [Path::new("/box/a b"), Path::new("/box/a b/c")]);
    }
}
