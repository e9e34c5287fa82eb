//! The files of a problem: a directory, an archive that was unpacked, or a map in memory.
//!
//! Readers see names and sizes, sorted, and ask for the text of a few files. A file is opened below the problem's
//! directory and nowhere else: openat2(2) with RESOLVE_BENEATH refuses links that are absolute or lead out of it, also
//! when another process exchanges a directory meanwhile.

mod archive;
mod directory;
mod name;
mod unpacked;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bundle::FileError;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::error::{Error, Mistake};
use unpacked::Unpacked;

/// A problem has at most so many files: ten thousand tests have twenty thousand.
pub(crate) const MOST_FILES: usize = 200_000;
/// A configuration file has at most so many bytes.
pub(crate) const LARGEST_TEXT: u64 = 4 << 20;

/// The files of a problem.
#[derive(Debug)]
pub struct Files {
    place: PathBuf,
    is_archive: bool,
    entries: BTreeMap<String, Entry>,
    trees: Vec<Tree>,
    /// Files that exist only in memory.
    memory: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    size: u64,
    /// Which of the trees has it.
    tree: usize,
}

/// A directory that has files of the problem.
#[derive(Debug)]
struct Tree {
    root: OwnedFd,
    /// Its absolute path.
    place: PathBuf,
    /// What stands before each name: the single directory of an archive, or nothing.
    prefix: String,
    /// The directory of an unpacked archive is removed with this.
    _unpacked: Option<Unpacked>,
}

impl Files {
    /// The files of a directory, or of a zip archive.
    ///
    /// # Errors
    /// A link that leads out, a name that climbs, an entry that is not a file, and more than an archive may hold.
    pub fn open(place: &Path) -> Result<Files, Error> {
        let kind = std::fs::metadata(place).map_err(|error| FileError::read(place, error))?;
        let mut files = Files::nothing(place, !kind.is_dir());
        if kind.is_dir() {
            let sizes = directory::list(place)?;
            let prefix = single_directory(&sizes).unwrap_or_default();
            files.add(
                sizes,
                Tree { root: open_directory(place)?, place: absolute(place)?, prefix, _unpacked: None },
            );
        } else {
            return Files::of_archive(
                place,
                File::open(place).map_err(|error| FileError::read(place, error))?,
            );
        }
        Ok(files)
    }

    /// The files of a zip archive that is open; `place` is for messages.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn of_archive(place: &Path, archive: File) -> Result<Files, Error> {
        let mut files = Files::nothing(place, true);
        files.add_archive(archive)?;
        Ok(files)
    }

    /// Files that exist only in memory, for tests of readers.
    pub fn in_memory<N: Into<String>, C: Into<Vec<u8>>>(all: impl IntoIterator<Item = (N, C)>) -> Files {
        let all: BTreeMap<String, Vec<u8>> =
            all.into_iter().map(|(name, content)| (name.into(), content.into())).collect();
        let sizes = all.iter().map(|(name, content)| (name.clone(), content.len() as u64)).collect();
        let prefix = single_directory(&sizes).unwrap_or_default();
        let mut files = Files::nothing(Path::new("problem"), false);
        files.add_names(sizes, &prefix);
        files.memory =
            all.into_iter().map(|(name, content)| (name[prefix.len()..].to_owned(), content)).collect();
        files
    }

    fn nothing(place: &Path, is_archive: bool) -> Files {
        let (entries, trees, memory) = Default::default();
        Files { place: place.to_path_buf(), is_archive, entries, trees, memory }
    }

    fn add(&mut self, sizes: BTreeMap<String, u64>, tree: Tree) {
        self.add_names(sizes, &tree.prefix);
        self.trees.push(tree);
    }

    fn add_names(&mut self, sizes: BTreeMap<String, u64>, prefix: &str) {
        let tree = self.trees.len();
        let entry = |(name, size): (String, u64)| (name[prefix.len()..].to_owned(), Entry { size, tree });
        self.entries.extend(sizes.into_iter().map(entry));
    }

    fn add_archive(&mut self, archive: File) -> Result<(), Error> {
        let made = Unpacked::new(&std::env::temp_dir());
        let unpacked = made.map_err(|error| FileError::write(&std::env::temp_dir(), error))?;
        archive::unpack(&self.place, archive, unpacked.path())?;
        let sizes = directory::list(unpacked.path())?;
        let prefix = if self.is_archive { single_directory(&sizes) } else { None }.unwrap_or_default();
        let root = open_directory(unpacked.path())?;
        self.add(sizes, Tree { root, place: absolute(unpacked.path())?, prefix, _unpacked: Some(unpacked) });
        Ok(())
    }

    /// Adds the files of an archive that is one of the problem's own files.
    ///
    /// # Errors
    /// As for an archive that is the problem.
    pub fn attach(&mut self, archive: &str) -> Result<(), Error> {
        let file = self.open_file(archive)?;
        self.add_archive(file)
    }

    /// Where the problem is.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The problem's name when nothing inside says another.
    pub fn title(&self) -> String {
        let stem = if self.is_archive { self.place.file_stem() } else { self.place.file_name() };
        let absolute = || std::path::absolute(&self.place).ok()?.file_name().map(|name| name.to_owned());
        let stem = stem.map(|name| name.to_owned()).or_else(absolute);
        stem.map_or_else(|| "problem".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Whether the problem has this file.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The size of a file in bytes.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// All names, sorted by their bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names below a directory, without the directory's; `below` ends with `/`, or is empty.
    pub fn below<'a>(&'a self, below: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.entries.range::<str, _>((Bound::Included(below), Bound::Unbounded));
        from.map_while(move |(name, _)| name.strip_prefix(below))
    }

    /// Whether a directory has files in it.
    pub fn has_directory(&self, directory: &str) -> bool {
        self.below(&format!("{directory}/")).next().is_some()
    }

    /// Leaves out the files with such names, and says which those are.
    pub(crate) fn leave_out(&mut self, is_out: impl Fn(&str) -> bool) -> Vec<String> {
        let names: Vec<String> = self.names().filter(|name| is_out(name)).map(str::to_owned).collect();
        self.entries.retain(|name, _| !is_out(name));
        names
    }

    /// Opens a file for reading.
    pub fn open_file(&self, name: &str) -> Result<File, Error> {
        let tree = self.entries.get(name).and_then(|entry| self.trees.get(entry.tree));
        let tree = tree.ok_or_else(|| self.error(Mistake::new(name, "the problem has no such file")))?;
        let path = format!("{}{name}", tree.prefix);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened = openat2(&tree.root, &path, flags, Mode::empty(), resolve);
        let file =
            File::from(opened.map_err(|errno| FileError::read(&self.place.join(&path), errno.into()))?);
        Ok(file)
    }

    /// The absolute path of a file, for a sandbox that is to show it.
    pub fn host_path(&self, name: &str) -> Option<PathBuf> {
        let tree = self.entries.get(name).and_then(|entry| self.trees.get(entry.tree))?;
        Some(tree.place.join(format!("{}{name}", tree.prefix)))
    }

    /// The first bytes of a file, at most so many.
    pub(crate) fn start(&self, name: &str, most: u64) -> Result<Vec<u8>, Error> {
        if let Some(content) = self.memory.get(name) {
            return Ok(content[..content.len().min(most as usize)].to_vec());
        }
        let mut bytes = Vec::new();
        let read = self.open_file(name)?.take(most).read_to_end(&mut bytes);
        read.map_err(|error| FileError::read(&self.place.join(name), error))?;
        Ok(bytes)
    }

    /// The text of a small file, without the carriage returns of other systems.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        let bytes = self.start(name, LARGEST_TEXT + 1)?;
        if bytes.len() as u64 > LARGEST_TEXT {
            let what = format!("it is longer than {LARGEST_TEXT} bytes, the most for a configuration file");
            return Err(self.error(Mistake::new(name, what)));
        }
        let text = String::from_utf8(bytes).map_err(|_| self.error(Mistake::new(name, "it is not UTF-8")))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Ok(text.replace("\r\n", "\n"))
    }

    /// A mistake, with the problem that has it.
    pub fn error(&self, mistake: Mistake) -> Error {
        Error::Mistake { problem: self.place.clone(), mistake }
    }
}

fn absolute(place: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(place).map_err(|error| FileError::read(place, error).into())
}

fn open_directory(place: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(place, flags, Mode::empty());
    opened.map_err(|errno| FileError::read(place, errno.into()).into())
}

/// An archive often has its files in one directory of the problem's name; that is left out of the names. A directory
/// that means something, as `data` does, stays.
fn single_directory(sizes: &BTreeMap<String, u64>) -> Option<String> {
    const MEANINGFUL: [&str; 8] =
        ["data", "tests", "input", "output", "testdata", "test", "gen", "submissions"];
    let (first, _) = sizes.keys().next()?.split_once('/')?;
    let prefix = format!("{first}/");
    let is_alone = sizes.keys().all(|name| name.starts_with(&prefix));
    (is_alone && !MEANINGFUL.contains(&first)).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn refused(make: impl Fn(&Path)) -> String {
        let scene = tempfile::tempdir().unwrap();
        make(scene.path());
        Files::open(scene.path()).unwrap_err().to_string()
    }

    #[test]
    fn names_are_sorted_and_below_a_directory() {
        let files = Files::in_memory([("b/1.in", "x"), ("a", ""), ("b/2.in", ""), ("b0", "")]);
        assert_eq!(files.names().collect::<Vec<_>>(), ["a", "b/1.in", "b/2.in", "b0"]);
        assert_eq!(files.below("b/").collect::<Vec<_>>(), ["1.in", "2.in"]);
        assert!(files.has_directory("b") && !files.has_directory("a") && files.size("b/1.in") == Some(1));
    }

    #[test]
    fn the_one_directory_of_a_problem_is_left_out_of_the_names() {
        let files = Files::in_memory([("sum/problem.yaml", ""), ("sum/data/sample/1.in", "")]);
        assert!(files.has("problem.yaml") && files.has("data/sample/1.in"));
        assert!(Files::in_memory([("data/sample/1.in", "")]).has("data/sample/1.in"));
    }

    #[test]
    fn links_inside_are_followed_and_links_out_are_refused() {
        let scene = tempfile::tempdir().unwrap();
        fs::write(scene.path().join("1.in"), "text").unwrap();
        symlink("1.in", scene.path().join("2.in")).unwrap();
        let files = Files::open(scene.path()).unwrap();
        assert_eq!((files.text("2.in").unwrap().as_str(), files.size("2.in")), ("text", Some(4)));
        for target in ["/etc/passwd", "../x", "gone"] {
            let said = refused(|root| symlink(target, root.join("3.in")).unwrap());
            assert!(said.contains("3.in") && said.contains("link"), "{said}");
        }
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let said = refused(|root| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                root.join("pipe"),
                rustix::fs::FileType::Fifo,
                0o600.into(),
                0,
            )
            .unwrap();
        });
        assert!(said.contains("pipe: it is not a regular file"), "{said}");
        let said = refused(|root| fs::write(root.join("a\nb"), "").unwrap());
        assert!(said.contains("a\\nb: its name has a control character"), "{said}");
    }

    #[test]
    fn a_long_configuration_file_is_refused() {
        let files = Files::in_memory([("a", vec![b' '; LARGEST_TEXT as usize + 1]), ("b", vec![0xff])]);
        assert!(files.text("a").unwrap_err().to_string().contains("longer than"));
        assert!(files.text("b").unwrap_err().to_string().contains("b: it is not UTF-8"));
    }
}
