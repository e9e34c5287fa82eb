//! Whole directories: every file of a tree that a dynamic loader can load.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::FileType;

use super::objects::{Content, Object, Objects, OpenedPath};
use crate::sysroot::Sysroot;

/// Every dynamic ELF file among `directories` and below them, sorted by directory and name.
///
/// Links are not followed, and other file systems than that of the directory are not entered. A file may stand for a
/// directory.
pub fn dynamic_files<'o>(objects: &'o Objects, directories: &[PathBuf]) -> Vec<&'o OpenedPath> {
    let mut paths = Vec::new();
    for directory in directories {
        let start = Path::new("/").join(directory);
        if objects.sysroot().is_dir(&start) {
            let device = objects.sysroot().stat(&start).map(|stat| stat.st_dev).ok();
            walk(objects.sysroot(), &start, device, &mut paths);
        } else {
            paths.push(start);
        }
    }
    let open = |path: PathBuf| {
        let opened = objects.open(&path).ok()?;
        is_dynamic(&opened.object).then_some(opened)
    };
    paths.into_par_iter().filter_map(open).collect()
}

fn walk(sysroot: &Sysroot, directory: &Path, device: Option<u64>, files: &mut Vec<PathBuf>) {
    // A directory that cannot be read does not have any file that can be loaded.
    for entry in sysroot.list(directory).unwrap_or_default() {
        let path = directory.join(&entry.name);
        match entry.kind {
            FileType::RegularFile => files.push(path),
            FileType::Directory if sysroot.stat(&path).is_ok_and(|stat| Some(stat.st_dev) == device) => {
                walk(sysroot, &path, device, files);
            }
            _ => {}
        }
    }
}

fn is_dynamic(object: &Object) -> bool {
    matches!(&object.content, Content::Elf(facts) if facts.has_dynamic_section)
}
