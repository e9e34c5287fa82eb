//! `rootfs/`: the image as a directory. Files are copied and hashed in parallel, each read once.
//!
//! A reflink where the file system can, else copy_file_range(2); the copy is then hashed in the page cache.
//! So the digest is of what was written, and the source is read by nobody but the kernel.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use crate::digest::Digests;
use crate::error::Error;
use crate::formats::in_place;
use crate::image_path::ImagePath;
use crate::plan::{Kind, Plan, Source};
use crate::write::Work;

/// Bytes that are copied at a time.
const STEP: u64 = 8 << 20;

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
    copy_all(plan, root, work)?;
    settle_directories(plan, root, work)?;
    std::thread::scope(|threads| {
        // The disk takes the copies while we hash them. What it has to say is heard when the bundle is
        // flushed as a whole: an error is kept for each open file, and that one is another.
        threads.spawn(|| File::open(root).map(rustix::fs::syncfs));
        digest_all(plan, root, work)
    })
}

fn copy_all(plan: &Plan, root: &Path, work: &Work<'_>) -> Result<(), Error> {
    let reflinks = AtomicBool::new(true);
    let files: Vec<_> = plan.files().collect();
    files.par_iter().with_max_len(1).try_for_each(|(path, entry, source)| {
        work.interrupt.check()?;
        make_file(&path.below(root), entry.mode, source, work, &reflinks)
    })
}

fn digest_all(plan: &Plan, root: &Path, work: &Work<'_>) -> Result<BTreeMap<ImagePath, Digests>, Error> {
    let files: Vec<_> = plan.files().collect();
    let digests = files.par_iter().with_max_len(1).map(|(path, _, source)| {
        work.interrupt.check()?;
        let place = path.below(root);
        let digests =
            File::open(&place).and_then(|file| in_place::digests(&file, source.size(), work.wants_md5(path)));
        Ok(((*path).clone(), digests.map_err(|error| Error::write(&place, error))?))
    });
    digests.collect()
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
    work: &Work<'_>,
    reflinks: &AtomicBool,
) -> Result<(), Error> {
    let write = |error| Error::write(place, error);
    let mut to =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place).map_err(write)?;
    match source {
        Source::Inline(bytes) => to.write_all(bytes).map_err(write)?,
        Source::Host { path, size, .. } | Source::Own { path, size } => {
            let from = File::open(path).map_err(|error| Error::read(path, error))?;
            if !(reflinks.load(Ordering::Relaxed) && clone(&from, &to, reflinks)) {
                copy(&from, &to, place, *size, work)?;
            }
            if to.metadata().map_err(write)?.len() != *size {
                return Err(Error::SourceChanged { path: path.clone() });
            }
        }
    }
    if let Some(patch) = source.patch() {
        to.write_all_at(patch.bytes, patch.offset).map_err(write)?;
    }
    fchown(&to, Some(0), Some(0)).map_err(write)?;
    to.set_permissions(Permissions::from_mode(mode)).map_err(write)?;
    rustix::fs::futimens(&to, &times(work.time)).map_err(|error| write(error.into()))
}

/// Shares the blocks of `from` with `to`. The first refusal is the file system's answer for all files.
fn clone(from: &File, to: &File, reflinks: &AtomicBool) -> bool {
    let cloned = rustix::fs::ioctl_ficlone(to, from).is_ok();
    if !cloned {
        reflinks.store(false, Ordering::Relaxed);
    }
    cloned
}

/// Copies in steps, so that somebody can watch or stop it, and at most one byte more than expected: a source
/// that grows without end is noticed. `io::copy` of two files is copy_file_range(2), or what else the kernel has.
fn copy(from: &File, to: &File, place: &Path, size: u64, work: &Work<'_>) -> Result<(), Error> {
    let (mut to, mut left) = (to, size + 1);
    while left > 0 {
        work.interrupt.check()?;
        let step = left.min(STEP);
        let copied = io::copy(&mut from.take(step), &mut to).map_err(|error| Error::write(place, error))?;
        work.progress.advance(copied);
        // Less than a step is the end: asking again would only be told so.
        if copied < step {
            break;
        }
        left -= copied;
    }
    Ok(())
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
