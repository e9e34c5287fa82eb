//! Bytes to `ElfFacts`: the only file that uses goblin.
//!
//! goblin's `Elf::parse` would also read symbols and relocations (five times the work) and fails a whole file for one
//! string that is not UTF-8. So only its readers of the header, the program headers and the dynamic section are used,
//! and strings are read here, as bytes.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use goblin::container::{Container, Ctx};
use goblin::elf::Elf;
use goblin::elf::dynamic::{self, Dyn, Dynamic};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_NOTE, ProgramHeader};
use goblin::elf::sym::{Sym, Symtab};

use super::{Abi, Class, ElfError, ElfFacts, ElfKind, Needed, NeededTag, Source};

/// `DT_AUXILIARY` (glibc elf.h); goblin does not define it.
const DT_AUXILIARY: u64 = 0x7fff_fffd;
/// `DT_AUDIT` and `DT_DEPAUDIT` (glibc elf.h): the loader obeys both of the main program (rtld-audit(7)).
const DT_AUDIT: u64 = 0x6fff_fefc;
const DT_DEPAUDIT: u64 = 0x6fff_fefb;
/// `DT_FILTER` (glibc elf.h)
const DT_FILTER: u64 = 0x7fff_ffff;
/// The tags whose values are strings.
const NAMING: [u64; 8] = {
    use dynamic::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME};
    [DT_NEEDED, DT_FILTER, DT_AUXILIARY, DT_AUDIT, DT_DEPAUDIT, DT_SONAME, DT_RPATH, DT_RUNPATH]
};
/// Owner and type of a dlopen note (UAPI.12).
const DLOPEN_NOTE: (&[u8], u32) = (b"FDO\0", 0x407c_0c0a);
/// The largest dynamic section we read: 65,536 entries; real ones have fewer than a thousand.
const DYNAMIC_LIMIT: usize = 1 << 20;
/// The kernel refuses a longer interpreter name (fs/binfmt_elf.c, PATH_MAX).
const INTERPRETER_LIMIT: usize = 4096;
/// The longest string we read from the dynamic section; a run path may list many directories.
const STRING_LIMIT: usize = 1 << 16;
/// Longer than most strings: how much is read for one at first.
const STRING_LENGTH: usize = 256;
/// Strings within so many bytes are read together.
const NEAR: usize = 8 << 10;
/// The longest name of a library that we read (PATH_MAX).
const NAME_LIMIT: usize = 4096;
/// The most strings that a dynamic section can name; browsers need some fifty libraries.
const STRINGS_LIMIT: usize = 1024;
/// The largest note segment we read. Real ones are below 4 KiB.
const NOTES_LIMIT: usize = 1 << 16;
/// The most note segments we read; real files have one or two.
const NOTE_SEGMENTS_LIMIT: usize = 16;

/// Class and machine, checked as far as the loader checks before it skips a file of another machine (glibc
/// elf/dl-load.c, `open_verify`).
pub fn identify<S: Source + ?Sized>(source: &S) -> Result<Abi, ElfError> {
    header(source).map(|(header, class)| Abi { class, machine: header.e_machine })
}

/// Reads all facts.
pub fn parse<S: Source + ?Sized>(source: &S) -> Result<ElfFacts, ElfError> {
    let (header, class) = header(source)?;
    let kind = match header.e_type {
        header::ET_EXEC => ElfKind::Executable,
        header::ET_DYN => ElfKind::Shared,
        other => return Err(ElfError::NotLoadable(other)),
    };
    let reader = Reader::new(source, &header, class)?;
    let mut facts = ElfFacts {
        abi: Abi { class, machine: header.e_machine },
        kind,
        interpreter: reader.interpreter()?,
        has_dynamic_section: false,
        soname: None,
        needed: Vec::new(),
        audits: Vec::new(),
        rpath: None,
        runpath: None,
        no_default_lib: false,
        is_pie: false,
        dlopen_texts: reader.dlopen_texts()?,
    };
    if let Some(dynamic) = reader.dynamic()? {
        facts.has_dynamic_section = true;
        reader.read_dynamic(&dynamic, &mut facts)?;
    }
    Ok(facts)
}

/// Whether the file imports a symbol: it is in the dynamic symbol table, and not defined there.
///
/// False when the table cannot be read. No field has its length; linkers put the string table directly after it.
pub fn imports(bytes: &[u8], name: &[u8]) -> bool {
    let read = || {
        let (header, class) = header(bytes).ok()?;
        let reader = Reader::new(bytes, &header, class).ok()?;
        let info = reader.dynamic().ok()??.info;
        let size = Sym::size(reader.ctx.container);
        let count = info.strtab.checked_sub(info.symtab)? / size;
        let symbols = Symtab::parse(bytes, info.symtab, count.min(bytes.len() / size), reader.ctx).ok()?;
        let is_named = |symbol: &Sym| {
            let text = info.strtab.checked_add(symbol.st_name).and_then(|at| bytes.get(at..));
            text.is_some_and(|text| text.starts_with(name) && text.get(name.len()) == Some(&0))
        };
        Some(symbols.iter().any(|symbol| symbol.is_import() && is_named(&symbol)))
    };
    read().unwrap_or(false)
}

/// The checks of glibc's `open_verify` that make a file fatal, in its order.
fn header<S: Source + ?Sized>(source: &S) -> Result<(Header, Class), ElfError> {
    let start = source.bytes(0..source.length().min(goblin::elf64::header::SIZEOF_EHDR), "ELF header")?;
    let ident = start.get(..header::SIZEOF_IDENT).ok_or(ElfError::TooShort)?;
    if &ident[..header::SELFMAG] != header::ELFMAG {
        return Err(ElfError::NoMagic);
    }
    let (class, size) = match ident[header::EI_CLASS] {
        header::ELFCLASS32 => (Class::Elf32, goblin::elf32::header::SIZEOF_EHDR),
        header::ELFCLASS64 => (Class::Elf64, goblin::elf64::header::SIZEOF_EHDR),
        _ => return Err(ElfError::Header("neither a 32-bit nor a 64-bit ELF file")),
    };
    if start.len() < size {
        return Err(ElfError::TooShort);
    }
    if !matches!(ident[header::EI_DATA], header::ELFDATA2LSB | header::ELFDATA2MSB) {
        return Err(ElfError::Header("ELF file data encoding is neither little-endian nor big-endian"));
    }
    if ident[header::EI_VERSION] != header::EV_CURRENT {
        return Err(ElfError::Header("ELF file version ident does not match current one"));
    }
    let header = Elf::parse_header(&start).map_err(|_| ElfError::TooShort)?;
    Ok((header, class))
}

/// A file together with its program headers.
struct Reader<'a, S: ?Sized> {
    source: &'a S,
    segments: Vec<ProgramHeader>,
    ctx: Ctx,
}

impl<'a, S: Source + ?Sized> Reader<'a, S> {
    fn new(source: &'a S, header: &Header, class: Class) -> Result<Self, ElfError> {
        const WHAT: &str = "program header table";
        let container = match class {
            Class::Elf32 => Container::Little,
            Class::Elf64 => Container::Big,
        };
        let endian = header.endianness().map_err(|_| ElfError::Header("unknown byte order"))?;
        let ctx = Ctx::new(container, endian);
        let (count, size) = (usize::from(header.e_phnum), ProgramHeader::size(ctx));
        if count > 0 && usize::from(header.e_phentsize) != size {
            return Err(ElfError::Header("ELF file's phentsize not the expected size"));
        }
        let table = source.bytes(range(header.e_phoff, (count * size) as u64, WHAT)?, WHAT)?;
        let segments =
            ProgramHeader::parse(&table, 0, count, ctx).map_err(|_| ElfError::OutOfBounds { what: WHAT })?;
        Ok(Self { source, segments, ctx })
    }

    fn interpreter(&self) -> Result<Option<OsString>, ElfError> {
        let Some(segment) = self.segments.iter().find(|s| s.p_type == PT_INTERP) else { return Ok(None) };
        let text = self.segment_bytes(segment, "program interpreter", INTERPRETER_LIMIT)?;
        Ok(Some(until_nul(&text).to_owned()))
    }

    fn dynamic(&self) -> Result<Option<Dynamic>, ElfError> {
        // Detached debug information has an empty one, which the loader ignores.
        let is_dynamic = |s: &ProgramHeader| s.p_type == PT_DYNAMIC && s.p_filesz > 0;
        let Some(at) = self.segments.iter().position(is_dynamic) else { return Ok(None) };
        let bytes = self.segment_bytes(&self.segments[at], "dynamic section", DYNAMIC_LIMIT)?;
        // goblin searches the whole file for the section: it gets a file that contains the section only.
        let mut segments = self.segments.clone();
        segments.retain(|segment| segment.p_type != PT_DYNAMIC);
        segments.push(ProgramHeader { p_offset: 0, ..self.segments[at].clone() });
        Dynamic::parse(&bytes, &segments, self.ctx)
            .map_err(|_| ElfError::OutOfBounds { what: "dynamic section" })
    }

    fn read_dynamic(&self, dynamic: &Dynamic, facts: &mut ElfFacts) -> Result<(), ElfError> {
        // All of them may be the same long string, so the file's size does not limit their sum.
        if dynamic.dyns.iter().filter(|entry| NAMING.contains(&entry.d_tag)).count() > STRINGS_LIMIT {
            return Err(ElfError::Header("more than 1024 strings in the dynamic section"));
        }
        let strings = Strings::new(self.source, dynamic)?;
        let needed = |entry: &Dyn, tag| match strings.get(entry)? {
            name if name.len() > NAME_LIMIT => {
                Err(ElfError::TooLarge { what: "name of a library", limit: NAME_LIMIT })
            }
            name => Ok(Needed { name, tag }),
        };
        for entry in &dynamic.dyns {
            match entry.d_tag {
                dynamic::DT_NEEDED => facts.needed.push(needed(entry, NeededTag::Needed)?),
                DT_FILTER => facts.needed.push(needed(entry, NeededTag::Filter)?),
                DT_AUXILIARY => facts.needed.push(needed(entry, NeededTag::Auxiliary)?),
                DT_AUDIT | DT_DEPAUDIT => facts.audits.extend(split(&strings.get(entry)?)),
                dynamic::DT_SONAME => facts.soname = Some(strings.get(entry)?),
                dynamic::DT_RPATH => facts.rpath = Some(strings.get(entry)?),
                dynamic::DT_RUNPATH => facts.runpath = Some(strings.get(entry)?),
                dynamic::DT_FLAGS_1 => {
                    facts.no_default_lib = entry.d_val & dynamic::DF_1_NODEFLIB != 0;
                    facts.is_pie = entry.d_val & dynamic::DF_1_PIE != 0;
                }
                _ => {}
            }
        }
        // glibc's elf_get_dynamic_info: an object that has a RUNPATH has no RPATH.
        if facts.runpath.is_some() {
            facts.rpath = None;
        }
        Ok(())
    }

    fn dlopen_texts(&self) -> Result<Vec<Vec<u8>>, ElfError> {
        let mut found = Vec::new();
        for segment in self.segments.iter().filter(|s| s.p_type == PT_NOTE).take(NOTE_SEGMENTS_LIMIT) {
            // The loader does not read notes: it loads a file whose note segments are damaged.
            let Ok(bytes) = self.segment_bytes(segment, "note segment", NOTES_LIMIT) else { continue };
            let mut rest = &*bytes;
            let align = if segment.p_align == 8 { 8 } else { 4 };
            while let Some((note, next)) = split_note(rest, align, self.ctx.le) {
                if (note.name, note.kind) == DLOPEN_NOTE {
                    found.push(until_nul(note.desc).as_bytes().to_vec());
                }
                rest = next;
            }
        }
        Ok(found)
    }

    fn segment_bytes(
        &self,
        segment: &ProgramHeader,
        what: &'static str,
        limit: usize,
    ) -> Result<Cow<'a, [u8]>, ElfError> {
        let range = range(segment.p_offset, segment.p_filesz, what)?;
        if range.end > self.source.length() {
            return Err(ElfError::OutOfBounds { what });
        }
        if range.len() > limit {
            Err(ElfError::TooLarge { what, limit })
        } else {
            self.source.bytes(range, what)
        }
    }
}

/// The string table of the dynamic section, from its start to the end of the file: the loader ignores `DT_STRSZ`, so a
/// file in which it is wrong can be loaded.
struct Strings<'a, S: ?Sized> {
    source: &'a S,
    /// 0 when no segment maps its address (goblin): then no string can be read.
    start: usize,
    /// The offset of `near` in the file.
    near_start: usize,
    /// The part of the table that has the wanted strings, if it is small: one read instead of many.
    near: Cow<'a, [u8]>,
}

const STRINGS: &str = "string of the dynamic section";

impl<'a, S: Source + ?Sized> Strings<'a, S> {
    fn new(source: &'a S, dynamic: &Dynamic) -> Result<Self, ElfError> {
        let start = dynamic.info.strtab;
        let wanted = || dynamic.dyns.iter().filter(|entry| NAMING.contains(&entry.d_tag));
        let first = wanted().map(|entry| entry.d_val).min().unwrap_or_default();
        let last = wanted().map(|entry| entry.d_val).max().unwrap_or_default();
        let position = |offset: u64| usize::try_from(offset).ok()?.checked_add(start);
        let (near_start, near) = match (position(first), position(last)) {
            (Some(from), Some(to)) if to - from <= NEAR && to < source.length() => {
                let end = source.length().min(to + STRING_LENGTH);
                (from, source.bytes(from..end, STRINGS)?)
            }
            _ => (0, Cow::Borrowed(&[][..])),
        };
        Ok(Self { source, start, near_start, near })
    }

    fn get(&self, entry: &Dyn) -> Result<OsString, ElfError> {
        const OUTSIDE: ElfError = ElfError::OutOfBounds { what: STRINGS };
        let at = usize::try_from(entry.d_val).ok().and_then(|offset| offset.checked_add(self.start));
        let at = at.filter(|at| self.start != 0 && *at < self.source.length()).ok_or(OUTSIDE)?;
        let near = at.checked_sub(self.near_start).and_then(|at| self.near.get(at..)).unwrap_or_default();
        if let Some(end) = memchr::memchr(0, near) {
            return Ok(OsStr::from_bytes(&near[..end]).to_owned());
        }
        let mut length = STRING_LENGTH;
        loop {
            let end = self.source.length().min(at + length);
            let text = self.source.bytes(at..end, STRINGS)?;
            match memchr::memchr(0, &text) {
                Some(nul) if nul < STRING_LIMIT => return Ok(OsStr::from_bytes(&text[..nul]).to_owned()),
                None if end < self.source.length() && length < STRING_LIMIT => length *= 8,
                _ => return Err(OUTSIDE),
            }
        }
    }
}

fn range(start: u64, size: u64, what: &'static str) -> Result<Range<usize>, ElfError> {
    let outside = || ElfError::OutOfBounds { what };
    let start = usize::try_from(start).map_err(|_| outside())?;
    let size = usize::try_from(size).map_err(|_| outside())?;
    Ok(start..start.checked_add(size).ok_or_else(outside)?)
}

/// The elements of a list with colons, without the empty ones.
fn split(list: &OsStr) -> impl Iterator<Item = OsString> {
    let elements = list.as_bytes().split(|&b| b == b':').filter(|element| !element.is_empty());
    elements.map(|element| OsStr::from_bytes(element).to_owned())
}

fn until_nul(bytes: &[u8]) -> &OsStr {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    OsStr::from_bytes(&bytes[..end])
}

struct Note<'a> {
    name: &'a [u8],
    kind: u32,
    desc: &'a [u8],
}

/// Splits off the first note (elf(5)); `None` at the end, and when a size is beyond the end.
fn split_note(bytes: &[u8], align: usize, endian: goblin::container::Endian) -> Option<(Note<'_>, &[u8])> {
    let word = |at: usize| -> Option<u32> {
        let raw = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if endian.is_little() { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    };
    let (name_size, desc_size, kind) = (word(0)? as usize, word(4)? as usize, word(8)?);
    let name_end = 12usize.checked_add(name_size)?;
    let desc_start = name_end.checked_next_multiple_of(align)?;
    let desc_end = desc_start.checked_add(desc_size)?;
    let note = Note { name: bytes.get(12..name_end)?, kind, desc: bytes.get(desc_start..desc_end)? };
    let next = desc_end.checked_next_multiple_of(align)?.min(bytes.len());
    Some((note, &bytes[next..]))
}
