//! Reads the build host: what stands at a path, without ever following a link out of the sysroot.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use crate::image_path::ImagePath;

/// As many links as the kernel follows in one lookup (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// A root directory to look things up in; `/` for the build host itself.
#[derive(Debug, Clone)]
pub struct Probe {
    root: PathBuf,
}

/// What a lookup found on its way and at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The links that were followed, in order.
    pub links: Vec<Followed>,
    /// Where it ended: no part of it is a link.
    pub end: ImagePath,
    /// What stands there.
    pub facts: Facts,
}

/// A link that a lookup followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Where it lies.
    pub path: ImagePath,
    /// Its text.
    pub target: String,
    /// Whether it stood for the last name of the path, not for a directory on the way.
    pub is_last: bool,
}

/// What lstat(2) says about a path.
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
}

/// The types that can be in an image; devices, sockets and pipes cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its text.
    Symlink(String),
    /// Anything else.
    Special,
}

impl Probe {
    /// Looks below `root`.
    pub fn new(root: &Path) -> Probe {
        Probe { root: root.to_path_buf() }
    }

    /// The directory that is looked in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` lies on the build host.
    pub fn on_host(&self, path: &ImagePath) -> PathBuf {
        path.below(&self.root)
    }

    /// What stands at `path`, whose directories must not be links.
    pub fn facts(&self, path: &ImagePath) -> io::Result<Facts> {
        let host = self.on_host(path);
        let stat = fs::symlink_metadata(&host)?;
        let kind = if stat.is_file() {
            FileKind::File
        } else if stat.is_dir() {
            FileKind::Directory
        } else if stat.is_symlink() {
            let target = fs::read_link(&host)?.into_os_string().into_string();
            FileKind::Symlink(
                target.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "link text is not UTF-8"))?,
            )
        } else {
            FileKind::Special
        };
        Ok(Facts {
            kind,
            mode: stat.permissions().mode() & 0o7777,
            size: stat.len(),
            changed: stat.ctime(),
            modified: stat.mtime(),
        })
    }

    /// Follows `path` to its end as the kernel would in a chroot of the sysroot.
    pub fn follow(&self, path: &ImagePath) -> io::Result<Route> {
        let mut todo: VecDeque<String> = parts(path.as_str()).collect();
        let mut here = ImagePath::root();
        let mut links = Vec::new();
        let mut facts = self.facts(&here)?;
        while let Some(part) = todo.pop_front() {
            if part == ".." {
                here = here.parent().unwrap_or_else(ImagePath::root);
                facts = self.facts(&here)?;
                continue;
            }
            let next = join(&here, &part)?;
            facts = self.facts(&next)?;
            let FileKind::Symlink(target) = &facts.kind else {
                here = next;
                continue;
            };
            if links.len() == MOST_LINKS {
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error()));
            }
            if target.starts_with('/') {
                here = ImagePath::root();
            }
            let is_last = todo.is_empty();
            for part in parts(target).collect::<Vec<_>>().into_iter().rev() {
                todo.push_front(part);
            }
            links.push(Followed { path: next, target: target.clone(), is_last });
            // A link to `/` or `..` alone leaves nothing to look up: the facts are those of `here`.
            if todo.is_empty() {
                facts = self.facts(&here)?;
            }
        }
        Ok(Route { links, end: here, facts })
    }

    /// `path` with the links in its directories followed, and its last name as it is.
    pub fn follow_directories(&self, path: &ImagePath) -> io::Result<ImagePath> {
        match path.parent() {
            Some(parent) => join(&self.follow(&parent)?.end, path.name()),
            None => Ok(path.clone()),
        }
    }

    /// The names in a directory, sorted by their bytes.
    pub fn list(&self, directory: &ImagePath) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.on_host(directory))? {
            let name = entry?.file_name().into_string();
            names.push(name.map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "has a name in it that is not UTF-8")
            })?);
        }
        names.sort();
        Ok(names)
    }
}

fn parts(text: &str) -> impl Iterator<Item = String> {
    Path::new(text).components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        Component::ParentDir => Some("..".to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// `name` in `directory`, when that can be a path of an image.
pub fn join(directory: &ImagePath, name: &str) -> io::Result<ImagePath> {
    let slash = if directory.is_root() { "" } else { "/" };
    ImagePath::parse(&format!("{directory}{slash}{name}"))
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {e}", name.escape_debug())))
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

        let route = Probe::new(root.path()).follow(&path("/usr/abs/up")).expect("found");

        assert_eq!(route.end, path("/usr/lib/passwd"));
        let texts: Vec<&str> = route.links.iter().map(|link| link.target.as_str()).collect();
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
