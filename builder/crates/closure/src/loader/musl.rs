//! musl's search order for one name (ldso/dynlink.c, `load_library`).

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::attempt::{Found, Journal, Outcome, Rule, SearchResult, Unusable};
use super::loaded::AddressSpace;
use super::objects::Content;
use crate::sysroot::Sysroot;

/// What a musl loader knows about its tree.
#[derive(Debug)]
pub(super) struct Musl {
    /// Its path, as `PT_INTERP` of the programs names it.
    pub(super) path: PathBuf,
    /// The directories of /etc/ld-musl-ARCH.path, or the default ones.
    dirs: Vec<PathBuf>,
}

/// The directories of a tree without a path file (ldso/dynlink.c, `load_library`).
const DEFAULT_PATH: &[u8] = b"/lib:/usr/local/lib:/usr/lib";

impl Musl {
    pub(super) fn read(path: &Path, sysroot: &Sysroot) -> Self {
        let mut text = Vec::new();
        let dirs = match sysroot.open(&path_file(path)).and_then(|mut file| file.read_to_end(&mut text)) {
            Ok(_) => split(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => split(DEFAULT_PATH),
            Err(_) => Vec::new(),
        };
        Self { path: path.to_owned(), dirs }
    }

    pub(super) fn search(
        &self,
        space: &AddressSpace,
        by: usize,
        name: &OsStr,
        journal: &mut Journal,
    ) -> SearchResult {
        if name.as_bytes().contains(&b'/') {
            return try_path(space, Path::new(name), Rule::Path, journal);
        }
        let library_path = space.setting.library_path.iter().map(|dir| (dir, Rule::LibraryPath));
        let run_paths = space.chain(by).flat_map(|above| {
            let object = &space.loaded[above];
            let rpath = object.rpath.iter().map(|dir| (dir, Rule::Rpath));
            rpath.chain(object.runpath.iter().map(|dir| (dir, Rule::Runpath)))
        });
        let defaults = self.dirs.iter().map(|dir| (dir, Rule::MuslPath));
        for (dir, rule) in library_path.chain(run_paths).chain(defaults) {
            if let Some(found) = try_path(space, &dir.join(name), rule, journal)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// musl knows `$ORIGIN` only, and ignores a run path with another token as a whole (ldso/dynlink.c, `fixup_rpath`).
pub(super) fn split_run_path(text: &[u8], origin: &[u8]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.iter().position(|&b| b == b'$') {
        out.extend_from_slice(&rest[..dollar]);
        out.extend_from_slice(origin);
        let token = &rest[dollar + 1..];
        rest = match token.strip_prefix(b"ORIGIN").or_else(|| token.strip_prefix(b"{ORIGIN}")) {
            Some(after) => after,
            None => return Vec::new(),
        };
    }
    out.extend_from_slice(rest);
    split(&out)
}

/// Elements end at a colon or a line break; empty ones do not count (ldso/dynlink.c, `path_open`).
fn split(text: &[u8]) -> Vec<PathBuf> {
    let elements = text.split(|b| matches!(b, b':' | b'\n')).filter(|element| !element.is_empty());
    elements.map(|element| OsString::from_vec(element.to_vec()).into()).collect()
}

/// `/lib/ld-musl-x86_64.so.1` reads `/etc/ld-musl-x86_64.path`; a loader below a prefix reads the file below that
/// prefix (ldso/dynlink.c, `load_library`).
fn path_file(loader: &Path) -> PathBuf {
    let prefix = loader.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let name = loader.file_name().unwrap_or_default().as_bytes();
    let stem = name.strip_suffix(b".so.1").unwrap_or(name);
    let file = [stem, b".path"].concat();
    prefix.join("etc").join(OsString::from_vec(file))
}

fn try_path(space: &AddressSpace, path: &Path, rule: Rule, journal: &mut Journal) -> SearchResult {
    let opened = space.objects.open(path);
    let outcome = match &opened {
        Err(errno @ (Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NAMETOOLONG)) => {
            Outcome::Errno(*errno)
        }
        Err(errno) => Outcome::Fatal(Unusable::Errno(*errno)),
        Ok(file) => judge(&file.object.content),
    };
    journal.note(path, rule, || outcome.clone());
    match (outcome, opened) {
        (Outcome::Found, Ok(file)) => Ok(Some(Found { path: file.id, rule })),
        (Outcome::Fatal(unusable), _) => Err((path.to_owned(), unusable)),
        _ => Ok(None),
    }
}

/// musl takes the first file that it can open, and ends the program when it cannot map it (ldso/dynlink.c,
/// `map_library`).
fn judge(content: &Content) -> Outcome {
    match content {
        Content::Elf(facts) if !facts.has_dynamic_section => Outcome::Fatal(Unusable::NoDynamicSection),
        Content::Elf(_) => Outcome::Found,
        Content::BadElf(_, error) | Content::NotElf { error, .. } => Outcome::Fatal(error.clone().into()),
        Content::Directory => Outcome::Fatal(Unusable::Directory),
        Content::Special => Outcome::Fatal(Unusable::Special),
    }
}

/// The libraries that are part of musl's loader: `lib` + one of these + `.` (ldso/dynlink.c, `load_library`).
const RESERVED: [&[u8]; 7] = [b"c", b"pthread", b"rt", b"m", b"dl", b"util", b"xnet"];

/// Whether a name means musl's loader: `libc.so`, `libm.so.6`, …
pub(super) fn is_itself(name: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(b"lib") else { return false };
    RESERVED.iter().any(|word| rest.strip_prefix(*word).is_some_and(|tail| tail.starts_with(b".")))
}
