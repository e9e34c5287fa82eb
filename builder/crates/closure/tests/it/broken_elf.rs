//! Damaged ELF files: none takes long, none makes the process panic, each is an error of one clear line.

use std::path::Path;

use closure::elf::{ElfError, identify, parse};
use closure::loader::cache::Cache;
use closure::resolve::{ImageFacts, Options, Root, resolve};
use proptest::prelude::*;

use crate::elf_file::ElfFile;

fn sound() -> Vec<u8> {
    let note = r#"[{"soname":["libx"]}]"#;
    ElfFile::program().runpath("/a:/b").needs("libc.so.6").needs("liba").soname("p").dlopen_note(note).bytes()
}

/// Offsets of the fields in a 64-bit file made by `ElfFile`.
const PROGRAM_HEADERS: usize = 64;
const PROGRAM_HEADER: usize = 56;

fn with(at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = sound();
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// The offset of a field of the program header of a type.
fn segment(kind: u32, field: usize) -> usize {
    let bytes = sound();
    let headers = (0..8).map(|index| PROGRAM_HEADERS + index * PROGRAM_HEADER);
    let mut of_kind = headers.filter(|at| bytes[*at..at + 4] == kind.to_le_bytes());
    of_kind.next().unwrap() + field
}

/// The offset of the value of the first dynamic entry with a tag.
fn dynamic(tag: u64) -> usize {
    let bytes = sound();
    let start = u64::from_le_bytes(bytes[segment(2, 8)..segment(2, 16)].try_into().unwrap()) as usize;
    (start..bytes.len()).step_by(16).find(|at| bytes[*at..at + 8] == tag.to_le_bytes()).unwrap() + 8
}

fn message(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

#[test]
fn a_sound_file_is_read() {
    let facts = parse(&sound()).unwrap();
    assert_eq!(facts.needed.len(), 2);
    assert_eq!(facts.runpath.unwrap(), "/a:/b");
    assert_eq!(facts.soname.unwrap(), "p");
    assert_eq!(facts.dlopen_texts, [br#"[{"soname":["libx"]}]"#.to_vec()]);
}

#[test]
fn a_file_cut_anywhere_is_an_error_or_still_sound() {
    let bytes = sound();
    for length in 0..bytes.len() {
        match parse(&bytes[..length]) {
            Err(error) => assert!(!error.to_string().contains('\n')),
            Ok(facts) => assert_eq!(facts.needed.len(), 2, "cut at {length}"),
        }
    }
}

#[test]
fn a_file_without_a_whole_header_is_too_short() {
    assert_eq!(parse(b""), Err(ElfError::TooShort));
    assert_eq!(parse(&sound()[..63]), Err(ElfError::TooShort));
    assert_eq!(parse(b"#!/bin/sh\n-------------------------"), Err(ElfError::NoMagic));
}

#[test]
fn header_fields_that_no_loader_accepts() {
    assert_eq!(message(&with(4, &[9])), "neither a 32-bit nor a 64-bit ELF file");
    assert_eq!(message(&with(5, &[7])), "ELF file data encoding is neither little-endian nor big-endian");
    assert_eq!(message(&with(6, &[0])), "ELF file version ident does not match current one");
    assert_eq!(message(&with(16, &[1, 0])), "only ET_DYN and ET_EXEC can be loaded, e_type is 1");
    assert_eq!(message(&with(54, &[1, 0])), "ELF file's phentsize not the expected size");
}

#[test]
fn an_empty_dynamic_section_does_not_count() {
    // Detached debug information looks like this.
    let facts = parse(&with(segment(2, 32), &0u64.to_le_bytes())).unwrap();
    assert!(!facts.has_dynamic_section && facts.needed.is_empty());
}

#[test]
fn program_headers_outside_the_file() {
    for offset in [u64::MAX, u64::MAX - 8, 1 << 40, 1 << 63] {
        assert_eq!(message(&with(32, &offset.to_le_bytes())), "program header table lies outside the file");
    }
    assert_eq!(message(&with(56, &u16::MAX.to_le_bytes())), "program header table lies outside the file");
}

#[test]
fn segments_outside_the_file() {
    for (kind, what) in [(2, "dynamic section"), (3, "program interpreter")] {
        for lie in [u64::MAX, 1 << 40, 1 << 63] {
            let expected = format!("{what} lies outside the file");
            assert_eq!(message(&with(segment(kind, 8), &lie.to_le_bytes())), expected);
            assert_eq!(message(&with(segment(kind, 32), &lie.to_le_bytes())), expected);
        }
    }
}

#[test]
fn damaged_notes_are_ignored() {
    for lie in [u64::MAX, 1 << 40] {
        assert!(parse(&with(segment(4, 8), &lie.to_le_bytes())).unwrap().dlopen_texts.is_empty());
    }
    let notes = u64::from_le_bytes(sound()[segment(4, 8)..segment(4, 16)].try_into().unwrap()) as usize;
    for field in [0, 4] {
        assert!(parse(&with(notes + field, &u32::MAX.to_le_bytes())).unwrap().dlopen_texts.is_empty());
    }
}

#[test]
fn strings_outside_the_file() {
    for tag in [1, 14, 29] {
        for lie in [u64::MAX, 1 << 40] {
            let bytes = with(dynamic(tag), &lie.to_le_bytes());
            assert_eq!(message(&bytes), "string of the dynamic section lies outside the file");
        }
    }
}

#[test]
fn a_string_table_outside_the_file() {
    for lie in [u64::MAX, 1 << 40] {
        let bytes = with(dynamic(5), &lie.to_le_bytes());
        assert_eq!(message(&bytes), "string of the dynamic section lies outside the file");
    }
}

#[test]
fn a_string_without_an_end_and_a_huge_table_are_refused() {
    let mut bytes = sound();
    let end = (bytes.len() as u64).to_le_bytes();
    bytes[dynamic(1)..dynamic(1) + 8].copy_from_slice(&(u64::from_le_bytes(end) / 2).to_le_bytes());
    bytes.resize(4 << 20, b'x');
    // Whatever the entry now points at, reading it ends within the limit for strings.
    assert!(parse(&bytes).map_or(true, |facts| facts.needed[0].name.len() < 1 << 16));
    let large = (2u64 << 20).to_le_bytes();
    bytes[segment(2, 32)..segment(2, 40)].copy_from_slice(&large);
    assert_eq!(message(&bytes), "dynamic section is larger than 1048576 bytes");
}

#[test]
fn every_broken_program_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = sound();
    for (index, length) in (0..bytes.len()).step_by(37).enumerate() {
        let path = dir.path().join(index.to_string());
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = one_error(&path);
        assert!(error.starts_with(&format!("`{}` ", path.display())), "{error}");
    }
}

fn one_error(path: &Path) -> String {
    let roots = [Root::Path(path.to_owned())];
    let error = resolve(&Options::default(), &ImageFacts::default(), &roots).unwrap_err().to_string();
    assert!(error.lines().skip(1).all(|line| line.starts_with("  ")), "{error}");
    error.lines().next().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = identify(&bytes);
        let _ = parse(&bytes);
    }

    #[test]
    fn no_change_of_a_sound_file_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut bytes = sound();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = parse(&bytes);
    }

    #[test]
    fn no_bytes_make_the_cache_panic(tail in prop::collection::vec(any::<u8>(), 0..400), name in "lib[a-z0-9.]{0,8}") {
        let bytes = [b"glibc-ld.so.cache1.1".as_slice(), &tail].concat();
        if let Ok(cache) = Cache::parse(&bytes) {
            let _ = cache.lookup(name.as_bytes(), 0x0303, closure::arch::Level::V4);
        }
    }
}
