//! Whole directories: every file of a tree that a dynamic loader has something to do with.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::FileType;

use super::objects::{Content, Object, Objects, Place};
use crate::sysroot::Sysroot;

/// Every regular file below `directories` that is a dynamic ELF file, sorted by directory and name.
///
/// Links are not followed, and other file systems than the one a directory stands on are not entered.
pub fn dynamic_files<'o>(objects: &'o Objects, directories: &[PathBuf]) -> Vec<&'o Place> {
    let mut paths = Vec::new();
    for directory in directories {
        let start = Path::new("/").join(directory);
        let device = objects.sysroot().stat(&start).map(|stat| stat.st_dev).ok();
        walk(objects.sysroot(), &start, device, &mut paths);
    }
    let open = |path: PathBuf| {
        let place = objects.open(&path).ok()?;
        is_dynamic(&place.object).then_some(place)
    };
    paths.into_par_iter().filter_map(open).collect()
}

fn walk(sysroot: &Sysroot, directory: &Path, device: Option<u64>, files: &mut Vec<PathBuf>) {
    // A directory that cannot be read holds nothing that we could compare.
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
