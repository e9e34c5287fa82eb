//! Unpacks the files of a toolchain into its directory, by their kind: wheels, npm's archives, tar and zip archives.
//!
//! Their bytes are those of the lock, but the first lock is made of what a registry sends: nothing may be written outside.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use recipe::lock::LockedFile;
use recipe::toolchain::Package;
use zip::ZipArchive;

use super::client::npm_name;
use crate::error::Error;

/// Adds the content of a file to `tree`. What an earlier file has brought is an error.
pub(super) fn unpack(file: &Path, locked: &LockedFile, tree: &Path) -> Result<(), Error> {
    let scratch = tempfile::tempdir_in(tree.parent().unwrap_or(tree));
    let scratch = scratch.map_err(|error| Error::write(tree, error))?;
    let place = scratch.path().join("files");
    fs::create_dir(&place).map_err(|error| Error::write(&place, error))?;
    let name = locked.name.as_str();
    let is_tar =
        [".tar", ".tgz", ".tbz2", ".txz"].iter().any(|end| name.ends_with(end)) || name.contains(".tar.");
    if name.ends_with(".whl") || name.ends_with(".zip") {
        unzip(file, &place)?;
    } else if is_tar {
        untar(file, &place)?;
    } else {
        fs::copy(file, place.join(name)).map_err(|error| Error::read(file, error))?;
    }
    fix_modes(&place)?;
    match Package::parse(&locked.package) {
        Some(Package::Npm(wanted)) => {
            // As Node looks a package up: by its own name, whatever the archive calls its directory.
            let to = tree.join(npm_name(&wanted));
            fs::create_dir_all(&to).map_err(|error| Error::write(&to, error))?;
            merge(&only_directory(&place)?, &to)
        }
        // The files of a wheel lie in it as they are installed, but for those in `NAME.data`, by kind.
        _ if name.ends_with(".whl") => {
            for kind in ["purelib", "platlib"] {
                for data in
                    directories(&place)?.iter().filter(|path| path.extension() == Some(OsStr::new("data")))
                {
                    let libraries = data.join(kind);
                    if libraries.is_dir() {
                        merge(&libraries, &place)?;
                        fs::remove_dir_all(&libraries).map_err(|error| Error::write(&libraries, error))?;
                    }
                }
            }
            merge(&place, tree)
        }
        // An archive of a release has one directory with its version in its name.
        _ if is_tar || name.ends_with(".zip") => merge(&only_directory(&place)?, tree),
        _ => merge(&place, tree),
    }
}

fn unzip(file: &Path, to: &Path) -> Result<(), Error> {
    let at = |error: io::Error| Error::read(file, error);
    let broken =
        |error: zip::result::ZipError| at(io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
    let mut archive = ZipArchive::new(File::open(file).map_err(at)?).map_err(broken)?;
    // Links come last: nothing is written through one.
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let outside = || at(io::Error::new(io::ErrorKind::InvalidData, "a name in it leads outside"));
        let path = to.join(entry.enclosed_name().ok_or_else(outside)?);
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(|error| Error::write(&path, error))?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::write(parent, error))?;
        }
        let mode = entry.unix_mode().unwrap_or(0o644);
        if mode & 0o170_000 == 0o120_000 {
            links.push((io::read_to_string(&mut entry).map_err(at)?, path));
            continue;
        }
        let mut copy = File::create_new(&path).map_err(|error| Error::write(&path, error))?;
        io::copy(&mut entry, &mut copy).map_err(at)?;
        set_mode(&path, mode)?;
    }
    for (target, path) in links {
        symlink(target, &path).map_err(|error| Error::write(&path, error))?;
    }
    Ok(())
}

/// tar(1) knows every compression that is installed, and writes nothing outside of its directory.
fn untar(file: &Path, to: &Path) -> Result<(), Error> {
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--file"]).arg(file).arg("--directory").arg(to);
    let output = tar.stdin(Stdio::null()).output().map_err(|error| Error::start(Path::new("tar"), error))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let printed = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Error::Client { program: "tar".to_owned(), printed })
        }
    }
}

/// The only directory in a place, or the place itself if it has more.
fn only_directory(place: &Path) -> Result<PathBuf, Error> {
    let entries = entries(place)?;
    Ok(match &entries[..] {
        [one] if is_directory(one) => one.clone(),
        _ => place.to_path_buf(),
    })
}

/// Moves everything of one directory into another.
fn merge(from: &Path, to: &Path) -> Result<(), Error> {
    for path in entries(from)? {
        let place = to.join(path.file_name().unwrap_or_default());
        if is_directory(&path) && is_directory(&place) {
            merge(&path, &place)?;
        } else if fs::symlink_metadata(&place).is_ok() {
            return Err(Error::Toolchain {
                what: format!("two packages have `{}`", place.display()),
                hint: "put them into packs of their own, with different `to`",
            });
        } else {
            fs::rename(&path, &place).map_err(|error| Error::write(&place, error))?;
        }
    }
    Ok(())
}

/// 0755 or 0644, as in an image: archives have modes of their own, and every user has to read the files.
fn fix_modes(directory: &Path) -> Result<(), Error> {
    set_mode(directory, 0o755)?;
    for path in entries(directory)? {
        let facts = fs::symlink_metadata(&path).map_err(|error| Error::read(&path, error))?;
        if facts.is_dir() {
            fix_modes(&path)?;
        } else if facts.is_file() {
            set_mode(&path, if facts.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 })?;
        }
    }
    Ok(())
}

pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777))
        .map_err(|error| Error::write(path, error))
}

fn directories(place: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(place)?.into_iter().filter(|path| is_directory(path)).collect())
}

fn entries(place: &Path) -> Result<Vec<PathBuf>, Error> {
    let at = |error| Error::read(place, error);
    let entries = fs::read_dir(place).map_err(at)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>().map_err(at)?;
    paths.sort();
    Ok(paths)
}

/// A link is not one, whatever it leads to.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}
