//! /etc/ld.so.cache in glibc's "new" format, alone or after a table of the old one (glibc elf/cache.c).
//!
//! Nothing in the file is trusted: every offset is checked, and no number in it decides how much is allocated.

use std::cmp::Ordering;

use crate::arch::cpu::Level;

mod write;

pub(super) use write::{Library, render};

/// The libraries that ldconfig(8) found. Lookups work on the file's bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Cache {
    /// The part in the new format; offsets in it count from its start.
    bytes: Vec<u8>,
    /// The number of entries; they are sorted by name, backwards.
    count: usize,
    /// The offsets of the names of the `glibc-hwcaps` directories.
    hwcap_names: Vec<u32>,
}

/// Why bytes are not a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// It starts with the magic of neither format.
    #[error("not an ld.so.cache of glibc")]
    NoMagic,
    /// It is for a machine of the other byte order.
    #[error("ld.so.cache of a big-endian machine")]
    BigEndian,
    /// A table is longer than the file.
    #[error("ld.so.cache is truncated")]
    Truncated,
}

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const SECTION_HWCAPS: u32 = 1;
/// More `glibc-hwcaps` directories than any architecture has.
const HWCAPS_LIMIT: usize = 64;
/// Bit 62 of `hwcap`: the low half is an index into the names of section 1 (elf/dl-cache.h).
const NAMED: u64 = 1 << 62;
/// Bits 32 to 41 may have an ISA level next to it.
const NAMED_MASK: u64 = !0x3ff << 32;
/// `FLAG_ELF`: an entry without a library type; loaders take it.
const FLAG_ANY: u32 = 1;

struct CacheEntry<'a> {
    flags: u32,
    name: &'a [u8],
    path: &'a [u8],
    hwcap: u64,
}

impl Cache {
    /// Reads the file's bytes.
    ///
    /// # Errors
    /// They are not a cache, or not one that this machine can use.
    pub fn parse(bytes: &[u8]) -> Result<Self, CacheError> {
        let bytes = new_part(bytes)?;
        // Byte 28: 0 unset, 2 little, 3 big (elf/dl-cache.h, cache_file_new_flags_endian).
        if bytes.get(28).is_some_and(|flags| flags & 3 == 3) {
            return Err(CacheError::BigEndian);
        }
        let count = word(bytes, 20).ok_or(CacheError::Truncated)? as usize;
        let end = count.checked_mul(NEW_ENTRY).and_then(|size| size.checked_add(NEW_HEADER));
        if end.is_none_or(|end| end > bytes.len()) {
            return Err(CacheError::Truncated);
        }
        Ok(Self { bytes: bytes.to_vec(), count, hwcap_names: hwcap_names(bytes).unwrap_or_default() })
    }

    /// The path for a name on a CPU of `level`: the best named entry, else the first plain one
    /// (elf/dl-cache.c, `search_cache`). `flags` is the architecture's.
    pub fn lookup<'a>(&'a self, name: &[u8], flags: u32, level: Level) -> Option<&'a [u8]> {
        let mut best: Option<(usize, &'a [u8])> = None;
        for entry in self.entries_named(name).filter(|e| e.flags == flags || e.flags == FLAG_ANY) {
            if entry.hwcap == 0 {
                return Some(best.map_or(entry.path, |(_, named)| named));
            }
            // Entries of the hardware directories of glibc ≤ 2.36 have other bits: skipped.
            let Some(directory) = self.hwcap_directory(entry.hwcap) else { continue };
            let rank = level.directories().iter().position(|known| known.as_bytes() == directory);
            if let Some(rank) = rank.filter(|rank| best.is_none_or(|(held, _)| *rank < held)) {
                best = Some((rank, entry.path));
            }
        }
        best.map(|(_, path)| path)
    }

    fn entries_named<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = CacheEntry<'a>> {
        let first = self.first_not_above(name);
        let entries = (first..self.count).map(|index| self.entry(index));
        entries.map_while(|entry| entry).take_while(move |entry| compare(entry.name, name).is_eq())
    }

    /// Binary search in a table that is sorted backwards; a damaged entry counts as smaller than all names.
    fn first_not_above(&self, name: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let is_above = self.entry(middle).is_some_and(|entry| compare(entry.name, name).is_gt());
            if is_above { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn entry(&self, index: usize) -> Option<CacheEntry<'_>> {
        let raw = self.bytes.get(NEW_HEADER + index * NEW_ENTRY..)?;
        Some(CacheEntry {
            flags: word(raw, 0)?,
            name: text(&self.bytes, word(raw, 4)?)?,
            path: text(&self.bytes, word(raw, 8)?)?,
            hwcap: u64::from(word(raw, 16)?) | u64::from(word(raw, 20)?) << 32,
        })
    }

    fn hwcap_directory(&self, hwcap: u64) -> Option<&[u8]> {
        if hwcap & NAMED_MASK != NAMED {
            return None;
        }
        let offset = self.hwcap_names.get((hwcap & 0xffff_ffff) as usize)?;
        text(&self.bytes, *offset)
    }
}

/// The part in the new format: the whole file, or the part after the old table.
fn new_part(bytes: &[u8]) -> Result<&[u8], CacheError> {
    if bytes.starts_with(NEW_MAGIC) {
        return Ok(bytes);
    }
    if !bytes.starts_with(OLD_MAGIC) {
        return Err(CacheError::NoMagic);
    }
    let count = word(bytes, 12).ok_or(CacheError::Truncated)? as usize;
    let end = count.checked_mul(OLD_ENTRY).and_then(|size| size.checked_add(OLD_HEADER));
    let start = end.and_then(|end| end.checked_next_multiple_of(8)).ok_or(CacheError::Truncated)?;
    let rest = bytes.get(start..).ok_or(CacheError::Truncated)?;
    if rest.starts_with(NEW_MAGIC) { Ok(rest) } else { Err(CacheError::NoMagic) }
}

/// The offsets of the names of the `glibc-hwcaps` directories, from the extension that follows the strings.
fn hwcap_names(bytes: &[u8]) -> Option<Vec<u32>> {
    let extension = bytes.get(word(bytes, 32)? as usize..)?;
    if word(extension, 0)? != EXTENSION_MAGIC {
        return None;
    }
    let mut sections = extension.get(8..)?.chunks_exact(16).take(word(extension, 4)? as usize);
    let section = sections.find(|s| word(s, 0) == Some(SECTION_HWCAPS))?;
    let start = word(section, 8)? as usize;
    let end = start.checked_add(word(section, 12)? as usize)?;
    bytes.get(start..end)?.chunks_exact(4).take(HWCAPS_LIMIT).map(|raw| word(raw, 0)).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..)?.get(..4)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

fn text(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let rest = bytes.get(at as usize..)?;
    let end = rest.iter().position(|&b| b == 0)?;
    Some(&rest[..end])
}

/// glibc's `_dl_cache_libcmp`: runs of digits compare as numbers, and a digit is above any other character.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (left, right) = (digits(a), digits(b));
                let order = comparable(&a[..left]).cmp(&comparable(&b[..right]));
                if order.is_ne() {
                    return order;
                }
                (a, b) = (&a[left..], &b[right..]);
            }
            (Some(x), _) if x.is_ascii_digit() => return Ordering::Greater,
            (_, Some(y)) if y.is_ascii_digit() => return Ordering::Less,
            (x, y) if x != y => return x.cmp(&y),
            _ => (a, b) = (&a[1..], &b[1..]),
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len())
}

/// A number of any length as a value to compare: how many digits it has without leading zeros, and these.
fn comparable(digits: &[u8]) -> (usize, &[u8]) {
    let start = digits.iter().position(|&b| b != b'0').unwrap_or(digits.len());
    (digits.len() - start, &digits[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with these entries, in this order: name, path, hwcap.
    fn cache(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let start = NEW_HEADER + entries.len() * NEW_ENTRY;
        let mut put = |text: &str| {
            let at = (start + strings.len()) as u32;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at.to_le_bytes()
        };
        let mut table = Vec::new();
        for (name, path, hwcap) in entries {
            table.extend([0x0303u32.to_le_bytes(), put(name), put(path), [0; 4]].concat());
            table.extend(hwcap.to_le_bytes());
        }
        let (v2, v3) = (put("x86-64-v2"), put("x86-64-v3"));
        while !(start + strings.len()).is_multiple_of(4) {
            strings.push(0);
        }
        let extension = (start + strings.len()) as u32;
        let mut out = NEW_MAGIC.to_vec();
        out.extend((entries.len() as u32).to_le_bytes());
        out.extend([0; 4]);
        out.extend([2, 0, 0, 0]);
        out.extend(extension.to_le_bytes());
        out.extend([0; 12]);
        out.extend(table);
        out.extend(strings);
        for word in [EXTENSION_MAGIC, 1, SECTION_HWCAPS, 0, extension + 24, 8] {
            out.extend(word.to_le_bytes());
        }
        out.extend([v2, v3].concat());
        out
    }

    fn look(bytes: &[u8], name: &str, level: Level) -> Option<String> {
        let cache = Cache::parse(bytes).unwrap();
        cache.lookup(name.as_bytes(), 0x0303, level).map(|path| String::from_utf8(path.to_vec()).unwrap())
    }

    #[test]
    fn the_best_directory_that_the_cpu_allows_wins() {
        let bytes = cache(&[
            ("libz.so.1", "/v2/libz.so.1", NAMED),
            ("libz.so.1", "/v3/libz.so.1", NAMED | 1),
            ("libz.so.1", "/libz.so.1", 0),
        ]);
        assert_eq!(look(&bytes, "libz.so.1", Level::Baseline).as_deref(), Some("/libz.so.1"));
        assert_eq!(look(&bytes, "libz.so.1", Level::V2).as_deref(), Some("/v2/libz.so.1"));
        assert_eq!(look(&bytes, "libz.so.1", Level::V4).as_deref(), Some("/v3/libz.so.1"));
    }

    #[test]
    fn numbers_compare_as_numbers() {
        let bytes = cache(&[("libx.so.10", "/ten", 0), ("libx.so.9", "/nine", 0), ("libx.so.01", "/one", 0)]);
        assert_eq!(look(&bytes, "libx.so.10", Level::Baseline).as_deref(), Some("/ten"));
        assert_eq!(look(&bytes, "libx.so.9", Level::Baseline).as_deref(), Some("/nine"));
        assert_eq!(look(&bytes, "libx.so.1", Level::Baseline).as_deref(), Some("/one"));
        assert_eq!(look(&bytes, "libx.so.2", Level::Baseline), None);
    }

    #[test]
    fn an_entry_for_another_kind_of_library_does_not_count() {
        let mut bytes = cache(&[("libx.so.1", "/x", 0)]);
        bytes[NEW_HEADER..NEW_HEADER + 4].copy_from_slice(&3u32.to_le_bytes());
        assert_eq!(look(&bytes, "libx.so.1", Level::Baseline), None);
    }

    #[test]
    fn a_cache_after_an_old_table_is_found() {
        let mut bytes = b"ld.so-1.7.0\0\x01\0\0\0".to_vec();
        bytes.extend([0; 12 + 4]);
        bytes.extend(cache(&[("libx.so.1", "/x", 0)]));
        assert_eq!(look(&bytes, "libx.so.1", Level::Baseline).as_deref(), Some("/x"));
    }

    #[test]
    fn damage_is_an_error() {
        let good = cache(&[("libx.so.1", "/x", 0)]);
        assert_eq!(Cache::parse(b"nonsense"), Err(CacheError::NoMagic));
        assert_eq!(Cache::parse(&good[..30]), Err(CacheError::Truncated));
        let mut counts_too_many = good.clone();
        counts_too_many[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Cache::parse(&counts_too_many), Err(CacheError::Truncated));
        let mut big_endian = good;
        big_endian[28] = 3;
        assert_eq!(Cache::parse(&big_endian), Err(CacheError::BigEndian));
    }
}
