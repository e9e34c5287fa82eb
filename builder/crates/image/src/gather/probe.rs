//! Reads the files of the build host without following a link out of the sysroot.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use closure::symlink::{self, SymlinkHop};
use recipe::byte_text;
use recipe::image_path::{ImagePath, Unfit};

/// A root directory in which paths are looked up; `/` for the build host itself.
#[derive(Debug, Clone)]
pub struct Probe {
    root: PathBuf,
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The links that were followed, in order.
    pub links: Vec<SymlinkHop>,
    /// Where it ended: no component of this path is a link.
    pub end: ImagePath,
    /// The facts of the end.
    pub facts: Facts,
}

/// The result of lstat(2) for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its type.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits.
    pub mode: u32,
    /// Bytes, for a regular file.
    pub size: u64,
    /// Last change of content or attributes, in seconds.
    pub changed: i64,
    /// Last change of content, in seconds.
    pub modified: i64,
    /// Device and inode of a file that has other names, too (hard links).
    pub inode: Option<(u64, u64)>,
}

/// The types that can be in an image; devices, sockets and pipes cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its text, in which characters may stand for bytes.
    Symlink(String),
    /// Anything else.
    Special,
}

impl Probe {
    /// Looks below `root`.
    pub fn new(root: &Path) -> Probe {
        Probe { root: root.to_path_buf() }
    }

    /// The root directory on the build host.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path on the build host.
    pub fn on_host(&self, path: &ImagePath) -> PathBuf {
        path.below(&self.root)
    }

    /// lstat(2) of `path`, whose directories must not be links.
    pub fn facts(&self, path: &ImagePath) -> io::Result<Facts> {
        let host = self.on_host(path);
        let stat = fs::symlink_metadata(&host)?;
        let kind = if stat.is_file() {
            FileKind::File
        } else if stat.is_dir() {
            FileKind::Directory
        } else if stat.is_symlink() {
            FileKind::Symlink(byte_text::from_os(fs::read_link(&host)?.as_os_str()).into_owned())
        } else {
            FileKind::Special
        };
        Ok(Facts {
            kind,
            mode: stat.permissions().mode() & 0o7777,
            size: stat.len(),
            changed: stat.ctime(),
            modified: stat.mtime(),
            inode: (stat.is_file() && stat.nlink() > 1).then(|| (stat.dev(), stat.ino())),
        })
    }

    /// Follows `path` to its end as the kernel would in a chroot of the sysroot.
    ///
    /// Every path on the way is checked to be one that an image can have.
    pub fn follow(&self, path: &ImagePath) -> io::Result<Lookup> {
        let mut last = None;
        let resolved = symlink::resolve_path(path.as_path(), |at| {
            let at = image_path(at)?;
            let facts = self.facts(&at)?;
            let target = match &facts.kind {
                FileKind::Symlink(target) => Some(byte_text::to_os(target)),
                _ => None,
            };
            last = Some((at, facts));
            Ok(target)
        })?;
        let end = image_path(&resolved.file)?;
        let facts = match last {
            Some((at, facts)) if at == end => facts,
            // A link to `/`, or to a path that ends in `..`, does not end at the path that was read last.
            _ => self.facts(&end)?,
        };
        Ok(Lookup { links: resolved.links, end, facts })
    }

    /// `path` with the links in its directories followed, and its last name as it is.
    pub fn follow_directories(&self, path: &ImagePath) -> io::Result<ImagePath> {
        match path.parent() {
            Some(parent) => join(&self.follow(&parent)?.end, path.name()),
            None => Ok(path.clone()),
        }
    }

    /// The names in a directory, sorted; characters may stand for bytes.
    pub fn list(&self, directory: &ImagePath) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.on_host(directory))? {
            names.push(byte_text::from_os(&entry?.file_name()).into_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// `name` in `directory`, if that can be a path of an image.
pub fn join(directory: &ImagePath, name: &str) -> io::Result<ImagePath> {
    let slash = if directory.is_root() { "" } else { "/" };
    ImagePath::parse(&format!("{}{slash}{name}", directory.as_str()))
        .map_err(|unfit| unfit_name(name, &unfit))
}

/// A path that a lookup goes through, if it can be a path of an image. The error names the last component: those before
/// it were checked when the lookup came to them.
pub fn image_path(path: &Path) -> io::Result<ImagePath> {
    let name = || byte_text::from_os(path.file_name().unwrap_or_default()).into_owned();
    ImagePath::new(path).map_err(|unfit| unfit_name(&name(), &unfit))
}

fn unfit_name(name: &str, unfit: &Unfit) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {unfit}", byte_text::shown(name).escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("a normal path")
    }

    #[test]
    fn links_are_followed_inside_the_sysroot_only() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("usr/lib")).expect("made");
        fs::write(root.path().join("usr/lib/passwd"), "ours").expect("made");
        symlink("usr/lib", root.path().join("lib")).expect("made");
        symlink("/lib", root.path().join("usr/abs")).expect("made");
        symlink("../../../../../usr/abs/passwd", root.path().join("usr/lib/up")).expect("made");

        let lookup = Probe::new(root.path()).follow(&path("/usr/abs/up")).expect("found");

        assert_eq!(lookup.end, path("/usr/lib/passwd"));
        let texts: Vec<&str> = lookup.links.iter().map(|link| link.target.to_str().expect("text")).collect();
        assert_eq!(texts, ["/lib", "usr/lib", "../../../../../usr/abs/passwd", "/lib", "usr/lib"]);
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let root = tempfile::tempdir().expect("a directory");
        symlink("b", root.path().join("a")).expect("made");
        symlink("a", root.path().join("b")).expect("made");
        let error = Probe::new(root.path()).follow(&path("/a")).expect_err("a circle");
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::LOOP.raw_os_error()));
    }
}
