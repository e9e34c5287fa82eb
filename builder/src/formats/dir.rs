//! `rootfs/`: the image as a directory. Files are copied and hashed in parallel, each read once.
//!
//! A reflink where the file system can; else read and write of the same buffer that is hashed:
//! copy_file_range(2) would have to read everything a second time for its digest.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use crate::digest::{Digests, Hasher};
use crate::error::Error;
use crate::image_path::ImagePath;
use crate::plan::{Kind, Plan, Source};
use crate::write::Work;

/// Bytes that are read, hashed and written at a time: they stay in the CPU's second-level cache.
const BLOCK: usize = 256 << 10;

/// Makes the image at `root`, which must not exist.
pub fn write(plan: &Plan, root: &Path, work: &Work<'_>) -> Result<BTreeMap<ImagePath, Digests>, Error> {
    for (path, entry) in plan.entries() {
        let place = path.below(root);
        match &entry.kind {
            Kind::Directory => make_directory(&place, entry.mode),
            Kind::Symlink(target) => make_link(&place, target, work),
            Kind::File(_) => Ok(()),
        }
        .map_err(|error| Error::write(&place, error))?;
    }
    let reflinks = AtomicBool::new(true);
    let files: Vec<_> = plan.files().collect();
    let digests = files.par_iter().map(|(path, entry, source)| {
        work.interrupt.check()?;
        let digests =
            make_file(&path.below(root), entry.mode, source, work.wants_md5(path), work, &reflinks)?;
        Ok(((*path).clone(), digests))
    });
    let digests: BTreeMap<_, _> = digests.collect::<Result<_, Error>>()?;
    settle_directories(plan, root, work)?;
    Ok(digests)
}

fn make_directory(place: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(place)?;
    // Explicitly, as mkdir(2) subtracts the umask, and the group may come from a set-gid parent.
    fchown(File::open(place)?, Some(0), Some(0))?;
    fs::set_permissions(place, Permissions::from_mode(mode))
}

fn make_link(place: &Path, target: &str, work: &Work<'_>) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)?;
    std::os::unix::fs::lchown(place, Some(0), Some(0))?;
    set_time(place, work.time)
}

fn make_file(
    place: &Path,
    mode: u32,
    source: &Source,
    md5: bool,
    work: &Work<'_>,
    reflinks: &AtomicBool,
) -> Result<Digests, Error> {
    let write = |error| Error::write(place, error);
    let mut to = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(place)
        .map_err(write)?;
    let digests = match source {
        Source::Inline(bytes) => {
            let mut hasher = Hasher::new(md5);
            hasher.update(bytes);
            to.write_all(bytes).map_err(write)?;
            hasher.finish()
        }
        Source::Host { path, size, .. } | Source::Own { path, size } => {
            let mut from = File::open(path).map_err(|error| Error::read(path, error))?;
            let (copied, digests) = if reflinks.load(Ordering::Relaxed) && clone(&from, &to, reflinks) {
                pass(&mut to, None, path, place, md5, work)?
            } else {
                pass(&mut from, Some(&mut to), path, place, md5, work)?
            };
            if copied != *size {
                return Err(Error::SourceChanged { path: path.clone() });
            }
            digests
        }
    };
    fchown(&to, Some(0), Some(0)).map_err(write)?;
    to.set_permissions(Permissions::from_mode(mode)).map_err(write)?;
    rustix::fs::futimens(&to, &times(work.time)).map_err(|error| write(error.into()))?;
    Ok(digests)
}

/// Shares the blocks of `from` with `to`. The first refusal is the file system's answer for all files.
fn clone(from: &File, to: &File, reflinks: &AtomicBool) -> bool {
    let cloned = rustix::fs::ioctl_ficlone(to, from).is_ok();
    if !cloned {
        reflinks.store(false, Ordering::Relaxed);
    }
    cloned
}

/// Reads `from` once: every block is hashed, and written to `to` when there is one.
fn pass(
    from: &mut File,
    mut to: Option<&mut File>,
    source: &Path,
    place: &Path,
    md5: bool,
    work: &Work<'_>,
) -> Result<(u64, Digests), Error> {
    let mut hasher = Hasher::new(md5);
    let mut block = vec![0; length_of(from).min(BLOCK)];
    let mut total = 0;
    loop {
        let length = from.read(&mut block).map_err(|error| Error::read(source, error))?;
        if length == 0 {
            return Ok((total, hasher.finish()));
        }
        work.interrupt.check()?;
        hasher.update(&block[..length]);
        if let Some(to) = to.as_mut() {
            to.write_all(&block[..length]).map_err(|error| Error::write(place, error))?;
        }
        total += length as u64;
        work.progress.advance(length as u64);
    }
}

/// For the size of a buffer; one byte more than the file, so that its end is seen by a short read.
fn length_of(file: &File) -> usize {
    file.metadata().map_or(BLOCK, |facts| usize::try_from(facts.len()).unwrap_or(BLOCK).saturating_add(1))
}

/// Directories get their time last, from the deepest up: making something in them changes it.
fn settle_directories(plan: &Plan, root: &Path, work: &Work<'_>) -> Result<(), Error> {
    let directories: Vec<_> = plan.entries().filter(|(_, entry)| entry.kind == Kind::Directory).collect();
    for (path, _) in directories.into_iter().rev() {
        let place = path.below(root);
        set_time(&place, work.time).map_err(|error| Error::write(&place, error))?;
    }
    Ok(())
}

fn set_time(place: &Path, time: u32) -> io::Result<()> {
    Ok(rustix::fs::utimensat(CWD, place, &times(time), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn times(time: u32) -> Timestamps {
    let moment = Timespec { tv_sec: i64::from(time), tv_nsec: 0 };
    Timestamps { last_access: moment, last_modification: moment }
}
