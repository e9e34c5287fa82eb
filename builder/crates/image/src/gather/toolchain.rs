//! Compares the directories of toolchains with the lock files of their packs.
//!
//! The digest of a directory is the SHA-256 of a list: for each path below it, sorted by bytes, a line of its kind, its
//! content and its name. Times, owners, and all of a mode but the execute bits are not in it: an image has its own.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::digest::{self, Sha};
use rayon::prelude::*;
use recipe::lock::Lock;
use recipe::toolchain::Toolchain;
use recipe::{Recipe, Spanned};

use crate::error::Error;

const FETCH: &str = "`capsule pack fetch` with the pack's file brings it";
const UPDATE: &str = "`capsule pack fetch --update` with the pack's file makes a new lock";

/// Refuses a toolchain whose directory is not the one of its lock. A directory that the user brings needs no lock.
///
/// # Errors
/// It is absent, or differs, or cannot be read.
pub(crate) fn verify(recipe: &Recipe, sysroot: &Path) -> Result<(), Error> {
    for Spanned { value, span } in &recipe.toolchains {
        let directory = value.directory.below(sysroot);
        let refuse = |what: String, hint: &'static str| {
            Err(Error::Toolchain { directory: directory.clone(), what, hint }.at(span))
        };
        if !directory.is_dir() {
            let hint = match value.packages.is_empty() {
                _ if sysroot != Path::new("/") => "with `--sysroot` it is below that directory",
                true => "install it there, or change `from`",
                false => FETCH,
            };
            return refuse("is not a directory of the build host".to_owned(), hint);
        }
        match lock(value)? {
            Some(lock) if !lock.fits(value) => {
                return refuse("is of a lock that is for other packages".to_owned(), UPDATE);
            }
            Some(lock) if lock.tree != digest(&directory)?.as_str() => {
                let what = format!("differs from `{}`", value.lock.display());
                return refuse(what, if value.packages.is_empty() { UPDATE } else { FETCH });
            }
            None if !value.packages.is_empty() => {
                return refuse(format!("has no lock: `{}` is missing", value.lock.display()), FETCH);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The lock of a toolchain, if it has one.
///
/// # Errors
/// The file cannot be read, or is not a lock.
pub fn lock(toolchain: &Toolchain) -> Result<Option<Lock>, Error> {
    let file = &toolchain.lock;
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::read(file, error)),
    };
    let lock = Lock::parse(&text);
    lock.map(Some).map_err(|what| Error::read(file, io::Error::new(io::ErrorKind::InvalidData, what)))
}

/// The digest of a directory.
///
/// # Errors
/// A file cannot be read.
pub fn digest(directory: &Path) -> Result<Sha, Error> {
    let mut paths = Vec::new();
    list(directory, &mut paths)?;
    paths.sort();
    let lines: Vec<Vec<u8>> = paths.par_iter().map(|path| line(directory, path)).collect::<Result<_, _>>()?;
    Ok(Sha::of(&lines.concat()))
}

/// Everything below a directory. Links are not followed.
fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    let at = |error| Error::read(directory, error);
    for entry in fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let path = entry.path();
        if entry.file_type().map_err(at)?.is_dir() {
            list(&path, paths)?;
        }
        paths.push(path);
    }
    Ok(())
}

fn line(directory: &Path, path: &Path) -> Result<Vec<u8>, Error> {
    let at = |error| Error::read(path, error);
    let facts = fs::symlink_metadata(path).map_err(at)?;
    let mut line = if facts.is_dir() {
        b"d".to_vec()
    } else if facts.is_symlink() {
        [b"l ", fs::read_link(path).map_err(at)?.as_os_str().as_bytes()].concat()
    } else if facts.is_file() {
        let kind = if facts.permissions().mode() & 0o111 == 0 { 'f' } else { 'x' };
        format!("{kind} {}", digest::of_file(path).map_err(at)?).into_bytes()
    } else {
        return Err(at(io::Error::other("is not a file, a directory or a link")));
    };
    let name = path.strip_prefix(directory).unwrap_or(path);
    // NUL, which no path has, so that no two directories have one list.
    line.extend([b"\0", name.as_os_str().as_bytes(), b"\0"].concat());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_paths_kinds_and_contents() {
        let made = |names: &[(&str, &str)]| {
            let directory = tempfile::tempdir().expect("made");
            for (name, text) in names {
                fs::write(directory.path().join(name), text).expect("written");
            }
            directory
        };
        let one = made(&[("a", "1"), ("b", "2")]);
        let of = |directory: &tempfile::TempDir| digest(directory.path()).expect("read");
        assert_eq!(of(&one), of(&made(&[("b", "2"), ("a", "1")])));
        for other in [&[("a", "1")][..], &[("a", "2"), ("b", "1")], &[("a", "1"), ("c", "2")]] {
            assert_ne!(of(&one), of(&made(other)));
        }
        let before = of(&one);
        let a = one.path().join("a");
        fs::set_permissions(&a, fs::Permissions::from_mode(0o755)).expect("set");
        assert_ne!(before, of(&one));
        fs::remove_file(&a).expect("removed");
        std::os::unix::fs::symlink("b", &a).expect("linked");
        assert_ne!(before, of(&one));
    }
}
