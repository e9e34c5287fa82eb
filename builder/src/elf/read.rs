//! Bytes to `ElfFacts`: the only file that uses goblin.
//!
//! goblin's `Elf::parse` would also read symbols and relocations (five times the work) and fails a whole file for one
//! string that is not UTF-8, so only its header, program header and dynamic section readers are used; strings are
//! read here, as bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use goblin::container::{Container, Ctx};
use goblin::elf::Elf;
use goblin::elf::dynamic::{self, Dyn, Dynamic};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_NOTE, ProgramHeader};
use goblin::elf::sym::{Sym, Symtab};

use super::{Abi, Class, ElfError, ElfFacts, ElfKind, Needed, NeededTag};

/// `DT_AUXILIARY` (glibc elf.h); goblin has no name for it.
const DT_AUXILIARY: u64 = 0x7fff_fffd;
/// `DT_AUDIT` and `DT_DEPAUDIT` (glibc elf.h): of the main program, the loader obeys both.
const DT_AUDIT: u64 = 0x6fff_fefc;
const DT_DEPAUDIT: u64 = 0x6fff_fefb;
/// `DT_FILTER` (glibc elf.h)
const DT_FILTER: u64 = 0x7fff_ffff;
/// Owner and type of a dlopen note (UAPI.12).
const DLOPEN_NOTE: (&[u8], u32) = (b"FDO\0", 0x407c_0c0a);
/// The largest dynamic section we read: 65,536 entries; real ones have fewer than a thousand.
const DYNAMIC_LIMIT: usize = 1 << 20;
/// The kernel refuses a longer interpreter name (fs/binfmt_elf.c, PATH_MAX).
const INTERPRETER_LIMIT: usize = 4096;
/// The longest string we read from the dynamic section; a run path may list many directories.
const STRING_LIMIT: usize = 1 << 16;
/// The largest note segment we read. Real ones are below 4 KiB.
const NOTES_LIMIT: usize = 1 << 20;

/// Class and machine, checked as far as the loader checks before it decides to skip a file of another machine.
pub fn identify(bytes: &[u8]) -> Result<Abi, ElfError> {
    header(bytes).map(|(header, class)| Abi { class, machine: header.e_machine })
}

/// Reads all facts; `bytes` is the whole file.
pub fn parse(bytes: &[u8]) -> Result<ElfFacts, ElfError> {
    let (header, class) = header(bytes)?;
    let kind = match header.e_type {
        header::ET_EXEC => ElfKind::Executable,
        header::ET_DYN => ElfKind::Shared,
        other => return Err(ElfError::NotLoadable(other)),
    };
    let image = Image::new(bytes, &header, class)?;
    let mut facts = ElfFacts {
        abi: Abi { class, machine: header.e_machine },
        kind,
        interpreter: image.interpreter()?,
        has_dynamic_section: false,
        soname: None,
        needed: Vec::new(),
        audits: Vec::new(),
        rpath: None,
        runpath: None,
        no_default_lib: false,
        is_pie: false,
        dlopen_notes: image.dlopen_notes()?,
    };
    if let Some(dynamic) = image.dynamic()? {
        facts.has_dynamic_section = true;
        image.read_dynamic(&dynamic, &mut facts)?;
    }
    Ok(facts)
}

/// Whether the file imports a symbol: it is in the dynamic symbol table, and not defined there.
///
/// False where the table cannot be read. Its length stands nowhere; linkers put the string table behind it.
pub fn imports(bytes: &[u8], name: &[u8]) -> bool {
    let read = || {
        let (header, class) = header(bytes).ok()?;
        let image = Image::new(bytes, &header, class).ok()?;
        let info = image.dynamic().ok()??.info;
        let size = Sym::size(image.ctx.container);
        let count = info.strtab.checked_sub(info.symtab)? / size;
        let symbols = Symtab::parse(bytes, info.symtab, count.min(bytes.len() / size), image.ctx).ok()?;
        let is_named = |symbol: &Sym| {
            let text = info.strtab.checked_add(symbol.st_name).and_then(|at| bytes.get(at..));
            text.is_some_and(|text| text.starts_with(name) && text.get(name.len()) == Some(&0))
        };
        Some(symbols.iter().any(|symbol| symbol.is_import() && is_named(&symbol)))
    };
    read().unwrap_or(false)
}

/// The checks of glibc's `open_verify` that make a file fatal, in its order.
fn header(bytes: &[u8]) -> Result<(Header, Class), ElfError> {
    let ident = bytes.get(..header::SIZEOF_IDENT).ok_or(ElfError::TooShort)?;
    if &ident[..header::SELFMAG] != header::ELFMAG {
        return Err(ElfError::NoMagic);
    }
    let (class, size) = match ident[header::EI_CLASS] {
        header::ELFCLASS32 => (Class::Elf32, goblin::elf32::header::SIZEOF_EHDR),
        header::ELFCLASS64 => (Class::Elf64, goblin::elf64::header::SIZEOF_EHDR),
        _ => return Err(ElfError::Header("neither a 32-bit nor a 64-bit ELF file")),
    };
    if bytes.len() < size {
        return Err(ElfError::TooShort);
    }
    if !matches!(ident[header::EI_DATA], header::ELFDATA2LSB | header::ELFDATA2MSB) {
        return Err(ElfError::Header("ELF file data encoding is neither little-endian nor big-endian"));
    }
    if ident[header::EI_VERSION] != header::EV_CURRENT {
        return Err(ElfError::Header("ELF file version ident does not match current one"));
    }
    let header = Elf::parse_header(bytes).map_err(|_| ElfError::TooShort)?;
    Ok((header, class))
}

/// A file's bytes together with what is needed to find one's way in them.
struct Image<'a> {
    bytes: &'a [u8],
    segments: Vec<ProgramHeader>,
    ctx: Ctx,
}

impl<'a> Image<'a> {
    fn new(bytes: &'a [u8], header: &Header, class: Class) -> Result<Self, ElfError> {
        let container = match class {
            Class::Elf32 => Container::Little,
            Class::Elf64 => Container::Big,
        };
        let endian = header.endianness().map_err(|_| ElfError::Header("unknown byte order"))?;
        let ctx = Ctx::new(container, endian);
        let count = usize::from(header.e_phnum);
        if count > 0 && usize::from(header.e_phentsize) != ProgramHeader::size(ctx) {
            return Err(ElfError::Header("ELF file's phentsize not the expected size"));
        }
        let outside = ElfError::OutOfBounds { what: "program header table" };
        let offset = usize::try_from(header.e_phoff).map_err(|_| outside.clone())?;
        let segments = ProgramHeader::parse(bytes, offset, count, ctx).map_err(|_| outside)?;
        Ok(Self { bytes, segments, ctx })
    }

    fn interpreter(&self) -> Result<Option<OsString>, ElfError> {
        let Some(segment) = self.segments.iter().find(|s| s.p_type == PT_INTERP) else { return Ok(None) };
        let text = self.segment_bytes(segment, "program interpreter", INTERPRETER_LIMIT)?;
        Ok(Some(until_nul(text).to_owned()))
    }

    fn dynamic(&self) -> Result<Option<Dynamic>, ElfError> {
        // Detached debug information has an empty one, which the loader passes over.
        let is_dynamic = |s: &&ProgramHeader| s.p_type == PT_DYNAMIC && s.p_filesz > 0;
        let Some(segment) = self.segments.iter().find(is_dynamic) else { return Ok(None) };
        self.segment_bytes(segment, "dynamic section", DYNAMIC_LIMIT)?;
        Dynamic::parse(self.bytes, &self.segments, self.ctx)
            .map_err(|_| ElfError::OutOfBounds { what: "dynamic section" })
    }

    fn read_dynamic(&self, dynamic: &Dynamic, facts: &mut ElfFacts) -> Result<(), ElfError> {
        let strings = self.string_table(dynamic);
        for entry in &dynamic.dyns {
            match entry.d_tag {
                dynamic::DT_NEEDED => facts.needed.push(needed(strings, entry, NeededTag::Needed)?),
                DT_FILTER => facts.needed.push(needed(strings, entry, NeededTag::Filter)?),
                DT_AUXILIARY => facts.needed.push(needed(strings, entry, NeededTag::Auxiliary)?),
                DT_AUDIT | DT_DEPAUDIT => facts.audits.extend(split(&string(strings, entry)?)),
                dynamic::DT_SONAME => facts.soname = Some(string(strings, entry)?),
                dynamic::DT_RPATH => facts.rpath = Some(string(strings, entry)?),
                dynamic::DT_RUNPATH => facts.runpath = Some(string(strings, entry)?),
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

    /// From the string table's start to the end of the file; `DT_STRSZ` is not trusted because the loader ignores it.
    ///
    /// goblin says 0 where no segment maps its address: no string can be read then.
    fn string_table(&self, dynamic: &Dynamic) -> &'a [u8] {
        match dynamic.info.strtab {
            0 => &[],
            start => self.bytes.get(start..).unwrap_or_default(),
        }
    }

    fn dlopen_notes(&self) -> Result<Vec<Vec<u8>>, ElfError> {
        let mut found = Vec::new();
        for segment in self.segments.iter().filter(|s| s.p_type == PT_NOTE) {
            // A note segment that lies is not the loader's business: it would load the file.
            let Ok(mut rest) = self.segment_bytes(segment, "note segment", NOTES_LIMIT) else { continue };
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
    ) -> Result<&'a [u8], ElfError> {
        let outside = || ElfError::OutOfBounds { what };
        let start = usize::try_from(segment.p_offset).map_err(|_| outside())?;
        let size = usize::try_from(segment.p_filesz).map_err(|_| outside())?;
        let end = start.checked_add(size).ok_or_else(outside)?;
        let bytes = self.bytes.get(start..end).ok_or_else(outside)?;
        if size > limit { Err(ElfError::TooLarge { what, limit }) } else { Ok(bytes) }
    }
}

fn needed(strings: &[u8], entry: &Dyn, tag: NeededTag) -> Result<Needed, ElfError> {
    Ok(Needed { name: string(strings, entry)?, tag })
}

fn string(strings: &[u8], entry: &Dyn) -> Result<OsString, ElfError> {
    let outside = ElfError::OutOfBounds { what: "string of the dynamic section" };
    let start = usize::try_from(entry.d_val).map_err(|_| outside.clone())?;
    let rest = strings.get(start..).ok_or(outside.clone())?;
    let end = rest.iter().take(STRING_LIMIT).position(|&b| b == 0).ok_or(outside)?;
    Ok(OsStr::from_bytes(&rest[..end]).to_owned())
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

/// Takes the first note off `bytes`; `None` at the end or where the sizes lie.
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
