//! `capsule pack fetch`: makes the directory of a pack's toolchain, of the files that its lock names.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bundle::digest::of_file;
use image::gather::toolchain;
use image::write::interrupt::Interrupt;
use recipe::lock::{Lock, LockedFile};
use recipe::packs;
use recipe::toolchain::{Package, Toolchain};
use tempfile::TempDir;

use super::{PackFetch, PackOutput, client, unpack};
use crate::error::Error;

/// Brings the toolchains of a pack, and of what it extends.
pub(super) fn fetch(request: &PackFetch, interrupt: &Interrupt) -> Result<PackOutput, Error> {
    let recipe = packs::whole(&request.name)?;
    if recipe.toolchains.is_empty() {
        return Err(Error::Usage {
            what: format!("pack `{}` has no toolchain", request.name),
            hint: "add [toolchain] with `from`, or with `fetch` and `to` (docs/packs.md)",
        });
    }
    let mut text = String::new();
    for toolchain in &recipe.toolchains {
        let toolchain = &toolchain.value;
        let old = if request.update { None } else { toolchain::lock(toolchain)? };
        text += &match toolchain.packages.is_empty() {
            true => own_directory(toolchain, old)?,
            false => packages(toolchain, old, interrupt)?,
        };
    }
    Ok(PackOutput { text, ok: true })
}

/// A directory that the user brings: its digest is written, or compared.
fn own_directory(toolchain: &Toolchain, old: Option<Lock>) -> Result<String, Error> {
    let directory = toolchain.directory.as_path();
    let tree = toolchain::digest(directory)?.to_string();
    match old {
        Some(lock) if lock.tree != tree => Err(Error::Toolchain {
            what: format!("`{}` differs from `{}`", directory.display(), toolchain.lock.display()),
            hint: "`--update` makes a new lock of what is there",
        }),
        Some(_) => Ok(format!("{}: as in the lock\n", directory.display())),
        None => {
            let lock = Lock {
                tree: tree.clone(),
                python: toolchain.python.clone(),
                python_of_pip: None,
                fetch: Vec::new(),
                files: Vec::new(),
            };
            write(&lock, &toolchain.lock)?;
            Ok(format!("{}: locked as {tree}\n", directory.display()))
        }
    }
}

fn packages(toolchain: &Toolchain, old: Option<Lock>, interrupt: &Interrupt) -> Result<String, Error> {
    if let Some(lock) = old.as_ref().filter(|lock| !lock.fits(toolchain)) {
        return Err(Error::Toolchain {
            what: format!(
                "`{}` is for {}, and the pack names others",
                toolchain.lock.display(),
                lock.fetch.join(", ")
            ),
            hint: "`--update` makes a new one",
        });
    }
    if let Some(lock) = &old
        && toolchain.directory.as_path().is_dir()
        && toolchain::digest(toolchain.directory.as_path())?.as_str() == lock.tree
    {
        return Ok(format!("{}: as in the lock\n", toolchain.directory));
    }
    let scratch = scratch(toolchain)?;
    let (python_of_pip, files) = match &old {
        Some(lock) => (lock.python_of_pip.clone(), lock.files.clone()),
        None => (python_of_pip(toolchain)?, resolve(toolchain, scratch.path(), interrupt)?),
    };
    let python = toolchain.python.as_ref().or(python_of_pip.as_ref());
    let tree = scratch.path().join("tree");
    make_directory(&tree)?;
    let mut text = String::new();
    for file in &files {
        interrupt.check()?;
        let kept = kept(file, toolchain, python.map(String::as_str), scratch.path())?;
        unpack::unpack(&kept, file, &tree)?;
        let _infallible = writeln!(text, "{}  sha256:{}", file.package, file.sha256);
    }
    let lock = Lock {
        tree: toolchain::digest(&tree)?.to_string(),
        python: toolchain.python.clone(),
        python_of_pip,
        fetch: toolchain.packages.iter().map(ToString::to_string).collect(),
        files,
    };
    match old {
        Some(old) if old.tree != lock.tree => {
            return Err(Error::Toolchain {
                what: format!(
                    "the files of `{}` unpack to a directory with another digest than the lock has",
                    toolchain.lock.display()
                ),
                hint: "another version of capsule made the lock: `--update` makes a new one",
            });
        }
        Some(_) => {}
        None => write(&lock, &toolchain.lock)?,
    }
    put_in_place(&tree, toolchain.directory.as_path())?;
    let _infallible = writeln!(text, "{}", toolchain.directory);
    Ok(text)
}

/// A directory in the file system of the toolchain's, so that the finished one needs only another name.
fn scratch(toolchain: &Toolchain) -> Result<TempDir, Error> {
    let directory = toolchain.directory.as_path();
    let parent = directory.parent().unwrap_or(directory);
    let made = tempfile::Builder::new().prefix(".fetch-").tempdir_in(parent);
    made.map_err(|error| Error::write(parent, error))
}

/// The Python for which pip chooses wheels, unless the pack asks for another: another machine's pip may have another one.
fn python_of_pip(toolchain: &Toolchain) -> Result<Option<String>, Error> {
    let is_pips = |package: &Package| matches!(package, Package::Pypi(_));
    match toolchain.python.is_none() && toolchain.packages.iter().any(is_pips) {
        true => client::python_of_pip(),
        false => Ok(None),
    }
}

/// Downloads the newest files of all packages into the cache.
fn resolve(toolchain: &Toolchain, scratch: &Path, interrupt: &Interrupt) -> Result<Vec<LockedFile>, Error> {
    let mut files = Vec::new();
    for (number, batch) in client::batches(&toolchain.packages).into_iter().enumerate() {
        interrupt.check()?;
        let place = scratch.join(format!("new-{number}"));
        make_directory(&place)?;
        client::download(&batch, toolchain.python.as_deref(), client::Dependencies::Too, &place)?;
        for name in names(&place)? {
            let path = place.join(&name);
            let sha256 = of_file(&path).map_err(|error| Error::read(&path, error))?.to_string();
            let file = LockedFile { package: client::exact(&batch, &name), name, sha256 };
            if !file.is_sound() {
                return Err(Error::Toolchain {
                    what: format!("`{}` of `{}` cannot be locked", file.name, file.package),
                    hint: "its name must not start with a dot, and has to have the package's version",
                });
            }
            keep(&path, &cached(&file)?)?;
            files.push(file);
        }
    }
    Ok(files)
}

/// The path of a locked file in the cache; it is downloaded if it is not there.
fn kept(
    file: &LockedFile,
    toolchain: &Toolchain,
    python: Option<&str>,
    scratch: &Path,
) -> Result<PathBuf, Error> {
    let kept = cached(file)?;
    if is_it(&kept, file)? {
        return Ok(kept);
    }
    let not_a_package =
        || io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is not a package", file.package));
    let package =
        Package::parse(&file.package).ok_or_else(|| Error::read(&toolchain.lock, not_a_package()))?;
    let place = tempfile::tempdir_in(scratch).map_err(|error| Error::write(scratch, error))?;
    client::download(&[package], python, client::Dependencies::Not, place.path())?;
    let path = place.path().join(&file.name);
    if !is_it(&path, file)? {
        return Err(Error::Toolchain {
            what: format!("`{}` did not bring `{}` with the SHA-256 of the lock", file.package, file.name),
            hint: "its source has changed: `--update` makes a new lock",
        });
    }
    keep(&path, &kept)?;
    Ok(kept)
}

fn is_it(path: &Path, file: &LockedFile) -> Result<bool, Error> {
    match of_file(path) {
        Ok(sha) => Ok(sha.as_str() == file.sha256),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::read(path, error)),
    }
}

/// Where files are kept, by their digests: below $XDG_CACHE_HOME, or ~/.cache (basedir-spec).
fn cached(file: &LockedFile) -> Result<PathBuf, Error> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| Error::Usage {
        what: "there is no place to keep files: neither XDG_CACHE_HOME nor HOME is set".to_owned(),
        hint: "set XDG_CACHE_HOME to a directory",
    })?;
    Ok(cache.join("capsule/fetched").join(&file.sha256).join(&file.name))
}

/// Copies a file to the cache, where it has its name when it is complete.
fn keep(from: &Path, to: &Path) -> Result<(), Error> {
    let directory = to.parent().unwrap_or(to);
    make_directory(directory)?;
    let at = |error| Error::write(to, error);
    let mut copy = tempfile::NamedTempFile::new_in(directory).map_err(at)?;
    io::copy(&mut fs::File::open(from).map_err(|error| Error::read(from, error))?, &mut copy).map_err(at)?;
    copy.persist(to).map_err(|error| at(error.error))?;
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let at = |error| Error::read(directory, error);
    let entries = fs::read_dir(directory).map_err(at)?.collect::<Result<Vec<_>, _>>().map_err(at)?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn write(lock: &Lock, to: &Path) -> Result<(), Error> {
    let at = |error| Error::write(to, error);
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(at)?;
    io::Write::write_all(&mut file, lock.text().as_bytes()).map_err(at)?;
    // As any file that an editor makes: a lock belongs into the version control of the pack.
    unpack::set_mode(file.path(), 0o644)?;
    file.persist(to).map_err(|error| at(error.error))?;
    Ok(())
}

/// Exchanges the old directory for the new one. The old one goes with the scratch directory, in which it is then.
fn put_in_place(tree: &Path, directory: &Path) -> Result<(), Error> {
    let at = |error| Error::write(directory, error);
    let old = tree.with_extension("old");
    match fs::rename(directory, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
        _ => {}
    }
    fs::rename(tree, directory).map_err(|error| {
        let _there_was_none = fs::rename(&old, directory);
        at(error)
    })
}

fn make_directory(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|error| Error::write(path, error))
}
