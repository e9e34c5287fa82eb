//! Unpacks the files of a toolchain into its directory, by their kind: wheels, npm's archives, tar and zip archives.
//!
//! Their bytes are those of the lock, but the first lock is made of what a registry sends: nothing may be written outside.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
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
        let copy = place.join(name);
        fs::copy(file, &copy).map_err(|error| Error::write(&copy, error))?;
        set_mode(&copy, if is_program(&copy)? { 0o755 } else { 0o644 })?;
    }
    fix_modes(&place)?;
    let mut to = tree.to_path_buf();
    let root = match Package::parse(&locked.package) {
        Some(Package::Npm(wanted)) => {
            // As Node looks a package up: by its own name, whatever the archive calls its directory.
            to.push(npm_name(&wanted));
            only_directory(&place)?
        }
        _ if name.ends_with(".whl") => {
            gather_libraries(&place)?;
            place
        }
        // An archive of a release has one directory with its version in its name.
        _ if is_tar || name.ends_with(".zip") => only_directory(&place)?,
        _ => place,
    };
    keep_links_inside(&root, 0, name)?;
    fs::create_dir_all(&to).map_err(|error| Error::write(&to, error))?;
    merge(&root, &to)
}

/// The files of a wheel lie in it as they are installed, but for those in `NAME.data`, by kind.
fn gather_libraries(place: &Path) -> Result<(), Error> {
    let is_data = |path: &PathBuf| path.extension() == Some(OsStr::new("data"));
    for data in directories(place)?.into_iter().filter(is_data) {
        for libraries in ["purelib", "platlib"].map(|kind| data.join(kind)) {
            if is_directory(&libraries) {
                merge(&libraries, place)?;
                fs::remove_dir_all(&libraries).map_err(|error| Error::write(&libraries, error))?;
            }
        }
    }
    Ok(())
}

/// Refuses a link that leads out of its archive, `depth` directories below its root: files of the host would be behind it, of
/// which the lock knows nothing. A `..` counts at the start alone: after a name it could leave by another link.
fn keep_links_inside(directory: &Path, depth: usize, archive: &str) -> Result<(), Error> {
    for path in entries(directory)? {
        if is_directory(&path) {
            keep_links_inside(&path, depth + 1, archive)?;
        } else if let Ok(target) = fs::read_link(&path) {
            let ups = target.components().take_while(|part| *part == Component::ParentDir).count();
            let is_down = target
                .components()
                .skip(ups)
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            if ups > depth || !is_down {
                return Err(Error::Toolchain {
                    what: format!(
                        "a link in `{archive}` leads outside: `{}` -> `{}`",
                        path.file_name().unwrap_or_default().display(),
                        target.display()
                    ),
                    hint: "links of an archive must be relative and lead to its own files",
                });
            }
        }
    }
    Ok(())
}

/// Whether a file is one that the kernel can execute: ELF, or `#!`.
fn is_program(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::read(path, error))?;
    file.take(4).read_to_end(&mut start).map_err(|error| Error::read(path, error))?;
    Ok(start.starts_with(b"\x7fELF") || start.starts_with(b"#!"))
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
            Err(Error::Client { program: format!("tar --extract --file {}", file.display()), printed })
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
