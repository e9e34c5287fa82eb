//! /etc/ld.so.cache in glibc's "new" format, also where it follows a table of the old one (elf/cache.c).
//!
//! Nothing in the file is trusted: every offset is checked, nothing is allocated by a number that the file gives.

use std::collections::HashMap;

use crate::arch::Level;

/// The libraries that ldconfig(8) knew.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// By name with its numbers normalised; each list in the order of the file.
    entries: HashMap<Vec<u8>, Vec<Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    flags: i32,
    kind: Kind,
    path: Vec<u8>,
}

/// What the `hwcap` field of an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Plain,
    /// A `glibc-hwcaps` subdirectory, by name.
    Named(Vec<u8>),
    /// Bits of glibc ≤ 2.36's hardware directories.
    Legacy,
}

/// Why bytes are no cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// Neither format's magic.
    #[error("not an ld.so.cache of glibc")]
    NoMagic,
    /// For a machine of the other byte order.
    #[error("ld.so.cache of a big-endian machine")]
    BigEndian,
    /// A table that goes beyond the file.
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
/// Bit 62 of `hwcap`: the low half is an index into the names of section 1 (elf/dl-cache.h).
const NAMED: u64 = 1 << 62;
/// Bits 32 to 41 may carry an ISA level beside it.
const NAMED_MASK: u64 = !0x3ff << 32;
/// `FLAG_ELF`: an entry without a library type; loaders take it.
const FLAG_ANY: i32 = 1;

impl Cache {
    /// Reads the file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CacheError> {
        let bytes = new_part(bytes)?;
        // Byte 28: 0 unset, 2 little, 3 big (elf/dl-cache.h, cache_file_new_flags_endian).
        if bytes.get(28).is_some_and(|flags| flags & 3 == 3) {
            return Err(CacheError::BigEndian);
        }
        let count = word(bytes, 20).ok_or(CacheError::Truncated)? as usize;
        let size = count.checked_mul(NEW_ENTRY).ok_or(CacheError::Truncated)?;
        let table = bytes.get(NEW_HEADER..).and_then(|rest| rest.get(..size)).ok_or(CacheError::Truncated)?;
        let names = hwcap_names(bytes).unwrap_or_default();
        let mut cache = Cache::default();
        for raw in table.chunks_exact(NEW_ENTRY) {
            // An entry whose strings lie outside is skipped, as the loader skips it (`_dl_cache_verify_ptr`).
            if let Some((name, entry)) = entry(bytes, raw, &names) {
                cache.entries.entry(normalised(name)).or_default().push(entry);
            }
        }
        Ok(cache)
    }

    /// The path for a name on a CPU of `level`: the best named entry, else the first plain one.
    pub fn lookup(&self, name: &[u8], flags: i32, level: Level) -> Option<&[u8]> {
        let candidates = self.entries.get(&normalised(name))?;
        let fits = |entry: &&Entry| entry.flags == flags || entry.flags == FLAG_ANY;
        let mut best: Option<(usize, &Entry)> = None;
        for entry in candidates.iter().filter(fits) {
            match &entry.kind {
                Kind::Legacy => {}
                Kind::Named(directory) => {
                    let rank = level.directories().iter().position(|known| known.as_bytes() == directory);
                    if let Some(rank) = rank.filter(|rank| best.is_none_or(|(held, _)| *rank < held)) {
                        best = Some((rank, entry));
                    }
                }
                Kind::Plain => return Some(best.map_or(&entry.path, |(_, named)| &named.path)),
            }
        }
        best.map(|(_, entry)| entry.path.as_slice())
    }
}

/// The part in the new format: the whole file, or what follows the old table.
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

fn entry<'a>(bytes: &'a [u8], raw: &[u8], names: &[Vec<u8>]) -> Option<(&'a [u8], Entry)> {
    let flags = word(raw, 0)?.cast_signed();
    let name = text(bytes, word(raw, 4)?)?;
    let path = text(bytes, word(raw, 8)?)?;
    let hwcap = u64::from(word(raw, 16)?) | u64::from(word(raw, 20)?) << 32;
    let kind = match hwcap {
        0 => Kind::Plain,
        named if named & NAMED_MASK == NAMED => {
            let index = (named & 0xffff_ffff) as usize;
            Kind::Named(names.get(index).cloned().unwrap_or_default())
        }
        _ => Kind::Legacy,
    };
    Some((name, Entry { flags, kind, path: path.to_vec() }))
}

/// The names of the `glibc-hwcaps` directories, from the extension that follows the strings.
fn hwcap_names(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let extension = bytes.get(word(bytes, 32)? as usize..)?;
    if word(extension, 0)? != EXTENSION_MAGIC {
        return None;
    }
    let sections = extension.get(8..)?.chunks_exact(16).take(word(extension, 4)? as usize);
    let section = sections.into_iter().find(|s| word(s, 0) == Some(SECTION_HWCAPS))?;
    let start = word(section, 8)? as usize;
    let end = start.checked_add(word(section, 12)? as usize)?;
    let offsets = bytes.get(start..end)?.chunks_exact(4);
    offsets.map(|raw| Some(text(bytes, word(raw, 0)?)?.to_vec())).collect()
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

/// glibc compares runs of digits as numbers (`_dl_cache_libcmp`): `libx.so.01` is `libx.so.1`.
fn normalised(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for (at, &byte) in name.iter().enumerate() {
        let starts_number = byte == b'0' && !out.last().is_some_and(u8::is_ascii_digit);
        let leads_a_digit = name.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(starts_number && leads_a_digit) {
            out.push(byte);
        }
    }
    out
}
