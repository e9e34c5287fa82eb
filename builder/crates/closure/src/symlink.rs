//! How the kernel follows symbolic links in a path (path_resolution(7)), for any tree whose links can be read.
//!
//! This is the only walker: [`crate::sysroot`] reads links through openat2(2) and remembers them, other callers bring
//! their own way to read one.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

/// The number of links that the kernel follows in one lookup; one more is ELOOP (path_resolution(7); MAXSYMLINKS in
/// the kernel's include/linux/namei.h).
pub const MAX_SYMLINKS: usize = 40;

/// One symbolic link that a lookup went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymlinkHop {
    /// The link's own path; no directory in it is a link.
    pub path: PathBuf,
    /// The link's text.
    pub target: OsString,
    /// Whether no component was left after the link: it is the whole path, not a directory on the way.
    pub is_last: bool,
}

/// How a path leads to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedPath {
    /// Every link on the way, in the order of the lookup.
    pub links: Vec<SymlinkHop>,
    /// The file at the end; no component of this path is a link.
    pub file: PathBuf,
}

/// Follows `path` from `/`. `read_link` returns the text of the link at a path, or `None` for anything else; no
/// directory in the paths that it gets is a link. `..` in `/` is `/`, as after a chroot(2).
///
/// # Errors
/// The first error of `read_link`, and ELOOP after [`MAX_SYMLINKS`] links.
pub fn resolve_path(
    path: &Path,
    mut read_link: impl FnMut(&Path) -> io::Result<Option<OsString>>,
) -> io::Result<ResolvedPath> {
    let mut links = Vec::new();
    let mut resolved = PathBuf::from("/");
    let mut pending = reversed_components(path);
    while let Some(step) = pending.pop() {
        let name = match step {
            Step::Up => {
                resolved.pop();
                continue;
            }
            Step::Down(name) => name,
        };
        let here = resolved.join(&name);
        let Some(target) = read_link(&here)? else {
            resolved = here;
            continue;
        };
        if links.len() == MAX_SYMLINKS {
            return Err(Errno::LOOP.into());
        }
        let is_last = pending.is_empty();
        if Path::new(&target).is_absolute() {
            resolved = PathBuf::from("/");
        }
        pending.extend(reversed_components(Path::new(&target)));
        links.push(SymlinkHop { path: here, target, is_last });
    }
    Ok(ResolvedPath { links, file: resolved })
}

enum Step {
    Up,
    Down(OsString),
}

/// The components as a stack: the first one is popped first.
fn reversed_components(path: &Path) -> Vec<Step> {
    let step = |component| match component {
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of `count` links, `/1` to `/2` and so on, that ends at a file.
    fn chain(count: usize) -> io::Result<ResolvedPath> {
        resolve_path(Path::new("/1"), |path| {
            let number: usize = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            Ok((number <= count).then(|| format!("{}", number + 1).into()))
        })
    }

    #[test]
    fn forty_links_are_followed_and_one_more_is_a_loop() {
        let resolved = chain(MAX_SYMLINKS).unwrap();
        assert_eq!((resolved.links.len(), resolved.file), (40, PathBuf::from("/41")));
        let error = chain(MAX_SYMLINKS + 1).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::LOOP));
    }

    #[test]
    fn a_path_cannot_climb_above_the_root() {
        let resolved = resolve_path(Path::new("../../a/../b"), |_| Ok(None)).unwrap();
        assert_eq!(resolved.file, PathBuf::from("/b"));
    }
}
