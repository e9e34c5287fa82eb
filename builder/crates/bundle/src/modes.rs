//! `MODES`: type and mode of every path of a bundle, in a form that a shell script can make with find(1) to compare.
//!
//! ```text
//! d 0755 rootfs/usr
//! f 0644 rootfs/etc/passwd
//! l rootfs/bin -> usr/bin
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use recipe::byte_text;

use crate::error::Error;
use crate::layout;
use crate::manifest::{Manifest, RecordKind};

/// The name of the file in a bundle. It has a line about itself, too.
pub const FILE_NAME: &str = "MODES";

/// The lines, by the path in the bundle.
pub type Modes = BTreeMap<String, String>;

/// The line about a directory; `mode` is four octal digits.
pub fn directory(path: &str, mode: &str) -> String {
    format!("d {mode} {path}")
}

/// The line about a regular file.
pub fn file(path: &str, mode: &str) -> String {
    format!("f {mode} {path}")
}

/// The line about a symbolic link, which has no mode.
fn link(path: &str, target: &str) -> String {
    format!("l {path} -> {target}")
}

/// The lines about `rootfs/` and everything in it.
pub fn of_tree(manifest: &Manifest) -> Modes {
    let line = |record: &crate::manifest::Record| {
        let path = layout::in_tree(&record.path);
        let line = match &record.kind {
            RecordKind::Directory => directory(&path, &record.mode),
            RecordKind::File { .. } => file(&path, &record.mode),
            RecordKind::Symlink { target } => link(&path, target),
        };
        (path, line)
    };
    manifest.entries.iter().map(line).collect()
}

/// The bytes of the file: names are in it as the kernel takes them.
pub fn bytes(modes: &Modes) -> Vec<u8> {
    let lines: String = modes.values().flat_map(|line| [line, "\n"]).collect();
    byte_text::to_bytes(&lines).into_owned()
}

/// Reads the lines of a bundle; `None` for a bundle that is older than this file.
///
/// # Errors
/// The file cannot be read.
pub fn load(bundle: &Path) -> Result<Option<Vec<String>>, Error> {
    let bytes = layout::read_optional(&bundle.join(FILE_NAME))?;
    Ok(bytes.map(|bytes| byte_text::from_bytes(&bytes).lines().map(str::to_owned).collect()))
}

/// Whether a line is about `rootfs/` or something in it.
pub fn is_of_tree(line: &str) -> bool {
    let path = match line.split_once(' ') {
        Some(("l", path)) => Some(path),
        Some((_, rest)) => rest.split_once(' ').map(|(_, path)| path),
        None => None,
    };
    let below = path.and_then(|path| path.strip_prefix(layout::ROOTFS));
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Type (`d` or `f`), mode and path of a line about another part of a bundle, where no name has a blank.
pub fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line.splitn(3, ' ');
    Some((words.next()?, words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_the_tree_are_told_from_others() {
        let of_tree =
            [directory("rootfs", "0755"), file("rootfs/a b", "0644"), link("rootfs/bin", "usr/bin")];
        assert!(of_tree.iter().all(|line| is_of_tree(line)));
        let others = [file("rootfs.tar", "0644"), directory("box", "0755"), String::new(), "l".to_owned()];
        assert!(!others.iter().any(|line| is_of_tree(line)));
        assert_eq!(parts("f 0644 oci/index.json"), Some(("f", "0644", "oci/index.json")));
    }
}
