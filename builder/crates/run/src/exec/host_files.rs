//! The files of a submission as this host has them: files and directories that the caller names.
//!
//! What the caller names may be anything that can be read, also a pipe or a link. What a directory holds must be files
//! and directories: a link in it would bring in a file that the caller did not name.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::submission::{self, MOST_BYTES, MOST_FILES, SourceFile, Submission, refused};
use crate::error::Error;

/// Directories in directories up to here.
const DEEPEST: usize = 32;

impl Submission {
    /// A submission of files and directories of this host, as `capsule exec` takes them. Each file keeps its path below the
    /// directory that all of them have in common; it starts at `entry`, or at the first path that is a file.
    ///
    /// # Errors
    /// As [`Submission::new`]; a file cannot be read, or something in a directory is neither a file nor a directory.
    pub fn read(paths: &[PathBuf], entry: Option<&Path>) -> Result<Submission, Error> {
        let found = read(paths, entry)?;
        Submission::with_entry(found.files, found.entry)
    }
}

/// What was read.
struct Found {
    files: Vec<SourceFile>,
    entry: Option<usize>,
}

/// A file to read, by the path that errors name and by its place among the others.
struct Place {
    path: PathBuf,
    absolute: PathBuf,
    /// Whether the caller named it; otherwise a directory holds it.
    is_named: bool,
}

/// Reads files and directories. Each file keeps its path below the directory that all of them have in common.
fn read(paths: &[PathBuf], entry: Option<&Path>) -> Result<Found, Error> {
    let mut places = Vec::new();
    let mut common: Option<PathBuf> = None;
    let mut first = None;
    for path in paths {
        let absolute = absolute(path)?;
        let is_directory = fs::metadata(path).map_err(|error| Error::read(path, error))?.is_dir();
        let directory = if is_directory { &absolute } else { absolute.parent().unwrap_or(&absolute) };
        common = Some(common.map_or(directory.to_owned(), |common| shared(&common, directory)));
        if is_directory {
            walk(path, &absolute, &mut places, 0)?;
        } else {
            first.get_or_insert(places.len());
            places.push(Place { path: path.clone(), absolute, is_named: true });
        }
    }
    let common = common.unwrap_or_default();
    let entry = match entry {
        Some(entry) => Some(find(entry, &places, &common)?),
        None => first.filter(|first| *first == 0),
    };
    let mut left = MOST_BYTES;
    let files = places.iter().map(|place| place.read(&common, &mut left)).collect::<Result<_, _>>()?;
    Ok(Found { files, entry })
}

/// Adds what is in a directory, sorted by name.
fn walk(directory: &Path, absolute: &Path, places: &mut Vec<Place>, depth: usize) -> Result<(), Error> {
    let fail = |error| Error::read(directory, error);
    if depth > DEEPEST {
        return Err(refused(format!("`{}` is more than {DEEPEST} directories deep", directory.display())));
    }
    let mut entries = fs::read_dir(directory).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, absolute) = (entry.path(), absolute.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| Error::read(&path, error))?;
        if kind.is_dir() {
            walk(&path, &absolute, places, depth + 1)?;
        } else if kind.is_file() {
            places.push(Place { path, absolute, is_named: false });
        } else {
            return Err(unfit(&path));
        }
        if places.len() > MOST_FILES {
            return Err(submission::too_many());
        }
    }
    Ok(())
}

impl Place {
    fn read(&self, common: &Path, left: &mut u64) -> Result<SourceFile, Error> {
        let below = self.absolute.strip_prefix(common).unwrap_or(&self.absolute);
        let Some(name) = below.to_str() else {
            return Err(refused(format!(
                "`{}` cannot name a file of a submission: it is not UTF-8",
                below.display()
            )));
        };
        let fail = |error| Error::read(&self.path, error);
        let file = self.open()?;
        let mut content = Vec::new();
        file.take(*left + 1).read_to_end(&mut content).map_err(fail)?;
        *left = left.checked_sub(content.len() as u64).ok_or_else(submission::too_large)?;
        Ok(SourceFile { path: name.to_owned(), content })
    }

    /// A file of a directory was a regular one, and still is when it is open.
    fn open(&self) -> Result<File, Error> {
        let fail = |error| Error::read(&self.path, error);
        if self.is_named {
            return File::open(&self.path).map_err(fail);
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(&self.path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_file() { Ok(file) } else { Err(unfit(&self.path)) }
    }
}

/// The place of the file where the submission starts: a path as the others, or one below the common directory.
fn find(entry: &Path, places: &[Place], common: &Path) -> Result<usize, Error> {
    let among = |wanted: &Path| places.iter().position(|place| place.absolute == wanted);
    let found = among(&absolute(entry)?).or_else(|| among(&normal(&common.join(entry))));
    found.ok_or_else(|| refused(format!("`--entry {}` is not a file of the submission", entry.display())))
}

fn unfit(path: &Path) -> Error {
    refused(format!("`{}` is neither a file nor a directory; a submission has nothing else", path.display()))
}

/// The path from the root, without `.` and `..`.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map(|path| normal(&path)).map_err(|error| Error::read(path, error))
}

/// Without `.` and `..`, by the text alone: only the names that files get in the box follow from it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The directory that both are in.
fn shared(one: &Path, other: &Path) -> PathBuf {
    let pairs = one.components().zip(other.components());
    pairs.take_while(|(one, other)| one == other).map(|(one, _)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Files with their own paths as content.
    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("made");
        for path in paths {
            let place = directory.path().join(path);
            fs::create_dir_all(place.parent().expect("below")).expect("made");
            fs::write(place, path).expect("written");
        }
        directory
    }

    /// What the files are called, and the place of the entry.
    fn names(
        tree: &tempfile::TempDir,
        paths: &[&str],
        entry: Option<&str>,
    ) -> Result<(Vec<String>, Option<usize>), String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| tree.path().join(path)).collect();
        let found = read(&paths, entry.map(Path::new)).map_err(|error| error.to_string())?;
        Ok((found.files.into_iter().map(|file| file.path).collect(), found.entry))
    }

    #[test]
    fn files_keep_their_paths_below_what_they_have_in_common() {
        let tree = tree(&["s/main.py", "s/lib/util.py", "t/data"]);
        let is = |paths: &[&str], expected: &[&str], entry| {
            assert_eq!(
                names(&tree, paths, None),
                Ok((expected.iter().map(|name| (*name).to_owned()).collect(), entry))
            );
        };
        is(&["s/main.py", "s/lib/util.py"], &["main.py", "lib/util.py"], Some(0));
        is(&["s/lib/util.py"], &["util.py"], Some(0));
        is(&["s/lib/../main.py", "s/lib"], &["main.py", "lib/util.py"], Some(0));
        is(&["s/main.py", "t/data"], &["s/main.py", "t/data"], Some(0));
        is(&["s"], &["lib/util.py", "main.py"], None);
        is(&["s/", "t"], &["s/lib/util.py", "s/main.py", "t/data"], None);
    }

    #[test]
    fn the_entry_is_named_as_the_files_are_or_by_its_place() {
        let tree = tree(&["s/main.py", "s/lib/util.py"]);
        assert_eq!(names(&tree, &["s"], Some("lib/util.py")).map(|(_, entry)| entry), Ok(Some(0)));
        let whole = tree.path().join("s/main.py");
        assert_eq!(names(&tree, &["s"], whole.to_str()).map(|(_, entry)| entry), Ok(Some(1)));
        let error = names(&tree, &["s"], Some("x.py")).expect_err("absent");
        assert_eq!(error, "`--entry x.py` is not a file of the submission");
    }

    #[test]
    fn a_directory_brings_in_nothing_but_its_files() {
        let links = tree(&["s/main.py", "secret"]);
        symlink(links.path().join("secret"), links.path().join("s/data")).expect("linked");
        let error = names(&links, &["s"], None).expect_err("a link");
        assert!(
            error.contains("s/data` is neither a file nor a directory") && !error.contains('\n'),
            "{error}"
        );
        // The caller's own link is the caller's word.
        assert!(names(&links, &["s/data", "s/main.py"], None).is_ok());
        let pipes = tree(&["s/main.py"]);
        let pipe = pipes.path().join("s/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .expect("made");
        assert!(names(&pipes, &["s"], None).expect_err("a pipe").contains("s/pipe` is neither"));
    }
}
