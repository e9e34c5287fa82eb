//! A cache in the new format, as ldconfig(8) would write it for libraries outside hardware directories.

use super::{NEW_ENTRY, NEW_HEADER, NEW_MAGIC, compare};

/// One library: the name under which the loader finds it, and its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::loader) struct Library {
    /// [`Arch::cache_flags`](crate::arch::Arch::cache_flags) of its architecture.
    pub(in crate::loader) flags: u32,
    /// The name that a loader searches for.
    pub(in crate::loader) name: Vec<u8>,
    /// The path that it opens then.
    pub(in crate::loader) path: Vec<u8>,
}

/// Byte 28: the file is little-endian (elf/dl-cache.h, cache_file_new_flags_endian_little).
const LITTLE_ENDIAN: u8 = 2;

/// The file's bytes; the order of the libraries does not matter.
pub(in crate::loader) fn render(mut libraries: Vec<Library>) -> Vec<u8> {
    // Backwards by name, for the loader's binary search; the rest of the fields makes the order definite.
    libraries.sort_by(|a, b| compare(&b.name, &a.name).then_with(|| a.cmp(b)));
    libraries.dedup();
    let start = NEW_HEADER + libraries.len() * NEW_ENTRY;
    let (mut table, mut strings) = (Vec::new(), Vec::new());
    for library in &libraries {
        let mut put = |text: &[u8]| {
            let at = (start + strings.len()) as u32;
            strings.extend_from_slice(text);
            strings.push(0);
            at
        };
        for word in [library.flags, put(&library.name), put(&library.path), 0, 0, 0] {
            table.extend(word.to_le_bytes());
        }
    }
    let mut bytes = NEW_MAGIC.to_vec();
    bytes.extend((libraries.len() as u32).to_le_bytes());
    bytes.extend((strings.len() as u32).to_le_bytes());
    bytes.push(LITTLE_ENDIAN);
    // No extensions.
    bytes.resize(NEW_HEADER, 0);
    [bytes, table, strings].concat()
}

#[cfg(test)]
mod tests {
    use super::super::Cache;
    use super::*;
    use crate::arch::cpu::Level;

    #[test]
    fn every_library_is_found_and_their_order_does_not_matter() {
        let library = |name: &str, path: &str, flags| Library { flags, name: name.into(), path: path.into() };
        let some = [
            library("libx.so.9", "/opt/x9", 0x0303),
            library("libx.so.10", "/opt/x10", 0x0303),
            library("liba.so", "/opt/a", 0x0303),
            library("liba.so", "/opt32/a", 0x0003),
        ];
        let bytes = render(some.to_vec());
        let cache = Cache::parse(&bytes).expect("a cache");
        for library in &some {
            let found = cache.lookup(&library.name, library.flags, Level::Baseline);
            assert_eq!(found, Some(&library.path[..]));
        }
        assert_eq!(cache.lookup(b"libx.so.1", 0x0303, Level::Baseline), None);
        assert_eq!(bytes, render(some.into_iter().rev().collect()));
    }
}
