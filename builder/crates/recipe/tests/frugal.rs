//! Files that lie about sizes and counts: none may cost more than 64 MiB of memory, counted by the allocator of this
//! whole test program, or more than some seconds; each is one clear line, or is read.

use std::alloc::System;
use std::path::Path;
use std::time::{Duration, Instant};

use cap::Cap;
use closure::elf::parse;
use closure::loader::cache::Cache;
use closure::resolve::{self, ImageFacts, Options, Root};
use closure::{Closure, Failure};
use recipe::Recipe;

#[path = "../../closure/tests/it/elf_file.rs"]
#[allow(dead_code, clippy::unwrap_used)] // Other tests need the rest of it; a panic is the report.
mod elf_file;
use elf_file::ElfFile;

/// An allocation beyond this fails, and with it the program.
const MOST: usize = 64 << 20;
/// Generous: an unoptimised build on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MOST);

const HEADER: usize = 64;
const SEGMENT: usize = 56;

/// A program header: type, offset, size.
fn segment(kind: u32, offset: usize, size: usize) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), 6u32.to_le_bytes()].concat();
    for word in [offset, offset, offset, size, size, 8] {
        bytes.extend((word as u64).to_le_bytes());
    }
    bytes
}

/// A library of these segments, the first of which maps all of it, and a body after them.
fn library(segments: &[Vec<u8>], body: &[u8]) -> Vec<u8> {
    let mut bytes = ElfFile::library().bytes()[..HEADER].to_vec();
    bytes[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
    segments.iter().for_each(|segment| bytes.extend(segment));
    bytes.extend(body);
    bytes
}

/// 65,535 segments that all hold the same 64 KiB of dlopen notes.
fn notes_upon_notes() -> Vec<u8> {
    let note = [4u32, 3, 0x407c_0c0a].map(u32::to_le_bytes).concat();
    let note = [note.as_slice(), b"FDO\0[]\0\0"].concat();
    let body = note.repeat((1 << 16) / note.len());
    let start = HEADER + usize::from(u16::MAX) * SEGMENT;
    library(&vec![segment(4, start, body.len()); usize::from(u16::MAX)], &body)
}

/// As many entries as a dynamic section may have, all of `tag`, all with the same longest string.
fn strings_upon_strings(tag: u64) -> Vec<u8> {
    let start = HEADER + 2 * SEGMENT;
    let entries = (1 << 16) - 2;
    let strings = start + (entries + 2) * 16;
    let mut body = Vec::new();
    for (tag, value) in [(5, strings as u64)].into_iter().chain(vec![(tag, 1); entries]).chain([(0, 0)]) {
        body.extend([u64::to_le_bytes(tag), u64::to_le_bytes(value)].concat());
    }
    body.extend([b"\0".as_slice(), &vec![b'x'; (1 << 16) - 2], b"\0"].concat());
    let dynamic = segment(2, start, (entries + 2) * 16);
    library(&[segment(1, 0, start + body.len()), dynamic], &body)
}

/// Every `DT_NEEDED` a name of its own that a run path of many directories is searched for.
fn names_times_directories(dir: &Path) -> Vec<u8> {
    let names = (0..1000).fold(ElfFile::program(), |file, number| file.needs(&format!("n{number}")));
    let directories: Vec<String> = (0..10_000).map(|number| format!("{}/{number}", dir.display())).collect();
    names.runpath(&directories.join(":")[..(1 << 16) - 1]).bytes()
}

fn resolve(path: &Path) -> Result<Closure, Failure> {
    resolve::resolve(&Options::default(), &ImageFacts::default(), &[Root::Path(path.to_owned())])
}

fn in_time<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    assert!(start.elapsed() < LONGEST, "{what} took {:?}", start.elapsed());
    println!("{what}: {:?}", start.elapsed());
    result
}

#[test]
fn no_lie_costs_more_than_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let notes = in_time("notes", || parse(notes_upon_notes().as_slice()).unwrap().dlopen_texts);
    assert!(!notes.is_empty() && notes.len() < 1 << 17, "{} notes", notes.len());
    for (what, tag) in [("needed", 1), ("auxiliary", 0x7fff_fffd), ("audit", 0x6fff_fefc), ("runpath", 29)] {
        in_time(what, || drop(parse(strings_upon_strings(tag).as_slice())));
    }
    let path = dir.path().join("p");
    std::fs::write(&path, names_times_directories(dir.path())).unwrap();
    let error = in_time("search", || resolve(&path).unwrap_err().to_string());
    let first = format!("1000 libraries not found\n  `n0` not found, needed by `{}`\n", path.display());
    assert!(error.starts_with(&first), "{error}");
    assert!(error.len() < 1 << 20, "{} bytes of message", error.len());

    let cache = [b"glibc-ld.so.cache1.1".as_slice(), &[0xff; 44], &[0xff; 1 << 16]].concat();
    in_time("cache", || assert!(Cache::parse(&cache).is_err()));
    let circle = [b"glibc-ld.so.cache1.1".as_slice(), &vec![0; 1 << 20]].concat();
    in_time("empty cache", || {
        Cache::parse(&circle).map(|cache| cache.lookup(b"", 0x0303, Default::default()).is_some()).ok()
    });

    let deep = format!("files = {}{}", "[".repeat(1 << 17), "]".repeat(1 << 17));
    let wide =
        format!("include = [{}]", "'/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}',".repeat(500));
    let long = format!("binaries = [{}]", "'x',".repeat(200_000));
    for (what, text) in [("deep", deep), ("wide", wide), ("long", long)] {
        let answer = in_time(what, || Recipe::parse(&text, Path::new("recipe.toml")).map(drop));
        let said = answer.err().map(|mistake| mistake.to_string()).unwrap_or_default();
        assert!(said.len() < 500, "{} bytes of message", said.len());
    }
}

#[test]
fn circles_end() {
    let dir = tempfile::tempdir().unwrap();
    let library = |name: &str, needs: &str| {
        ElfFile::program()
            .soname(name)
            .needs(needs)
            .filter("")
            .runpath("$ORIGIN")
            .write(&dir.path().join(name));
    };
    library("a", "b");
    library("b", "c");
    library("c", "a");
    let closure = in_time("circle", || resolve(&dir.path().join("a")).unwrap());
    assert!(closure.members.iter().any(|member| member.path == dir.path().join("c")));
    std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
    let error = resolve(&dir.path().join("loop")).unwrap_err().to_string();
    assert!(error.starts_with('`') && error.lines().count() == 1, "{error}");
    std::fs::write(dir.path().join("s"), format!("#!{}", dir.path().join("s").display())).unwrap();
    let error = resolve(&dir.path().join("s")).unwrap_err().to_string();
    assert!(error.contains("levels of script interpreters"), "{error}");
}
