//! `rootfs/`: the image as a directory. Files are copied and hashed in parallel.
//!
//! The kernel makes each copy: it shares the blocks (FICLONE, ioctl_ficlonerange(2)) or copies them
//! (copy_file_range(2)). Then the copy is hashed in the page cache, so the digest is that of the written file.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bundle::digest::Digests;
use rayon::prelude::*;
use recipe::byte_text;
use recipe::image_path::ImagePath;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use crate::error::Error;
use crate::plan::entry::{EntryKind, FileSource, HardLink, Plan};
use crate::write::context::WriteContext;
use crate::write::formats::in_place;

/// Bytes copied between two checks for a signal.
const CHUNK: u64 = 8 << 20;

/// Makes the image at `root`, which must not exist.
pub(crate) fn write(
    plan: &Plan,
    root: &Path,
    context: &WriteContext<'_>,
) -> Result<BTreeMap<ImagePath, Digests>, Error> {
    for (path, entry) in plan.entries() {
        let place = path.below(root);
        match &entry.kind {
            EntryKind::Directory => make_directory(&place, entry.mode),
            EntryKind::Symlink(target) => make_link(&place, target, context),
            EntryKind::File(_) => Ok(()),
        }
        .map_err(|error| Error::write(&place, error))?;
    }
    let links = plan.hard_links();
    copy_all(plan, root, &links, context)?;
    for (path, link) in links.iter().filter(|(_, link)| link.is_repeated()) {
        let place = path.below(root);
        fs::hard_link(link.first.below(root), &place).map_err(|error| Error::write(&place, error))?;
    }
    set_directory_times(plan, root, context)?;
    std::thread::scope(|threads| {
        // The disk writes the copies while they are hashed. An error here is not lost: the kernel reports it once to each
        // open file (errseq_t), and `Staging::commit` calls syncfs(2) with a file that was opened earlier.
        threads.spawn(|| File::open(root).map(rustix::fs::syncfs));
        digest_all(plan, root, context)
    })
}

fn copy_all(
    plan: &Plan,
    root: &Path,
    links: &BTreeMap<&ImagePath, HardLink<'_>>,
    context: &WriteContext<'_>,
) -> Result<(), Error> {
    let reflinks = AtomicBool::new(true);
    let is_repeated = |path: &ImagePath| links.get(path).is_some_and(HardLink::is_repeated);
    let files: Vec<_> = plan.files().filter(|(path, ..)| !is_repeated(path)).collect();
    files.par_iter().with_max_len(1).try_for_each(|(path, entry, source)| {
        context.interrupt.check()?;
        make_file(&path.below(root), entry.mode, source, context, &reflinks)
    })
}

fn digest_all(
    plan: &Plan,
    root: &Path,
    context: &WriteContext<'_>,
) -> Result<BTreeMap<ImagePath, Digests>, Error> {
    let files: Vec<_> = plan.files().collect();
    let digests = files.par_iter().with_max_len(1).map(|(path, _, source)| {
        context.interrupt.check()?;
        let place = path.below(root);
        let digests = File::open(&place)
            .and_then(|file| in_place::digests(&file, source.size(), context.wants_md5(path)));
        Ok(((*path).clone(), digests.map_err(|error| Error::write(&place, error))?))
    });
    digests.collect()
}

fn make_directory(place: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(place)?;
    // mkdir(2) subtracts the umask from the mode, and takes the group of a parent with the set-gid bit.
    fchown(File::open(place)?, Some(0), Some(0))?;
    fs::set_permissions(place, Permissions::from_mode(mode))
}

fn make_link(place: &Path, target: &str, context: &WriteContext<'_>) -> io::Result<()> {
    std::os::unix::fs::symlink(byte_text::to_os(target), place)?;
    std::os::unix::fs::lchown(place, Some(0), Some(0))?;
    set_time(place, context.time)
}

fn make_file(
    place: &Path,
    mode: u32,
    source: &FileSource,
    context: &WriteContext<'_>,
    reflinks: &AtomicBool,
) -> Result<(), Error> {
    let write = |error| Error::write(place, error);
    let mut to =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(place).map_err(write)?;
    match source {
        FileSource::Inline(bytes) => to.write_all(bytes).map_err(write)?,
        FileSource::Host { path, size, .. } | FileSource::Recipe { path, size } => {
            let from = File::open(path).map_err(|error| Error::read(path, error))?;
            if !(reflinks.load(Ordering::Relaxed) && clone(&from, &to, reflinks)) {
                copy(&from, &to, place, *size, context)?;
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
    rustix::fs::futimens(&to, &times(context.time)).map_err(|error| write(error.into()))
}

/// Shares the blocks of `from` with `to`. After the first failure no other file is tried: the file systems stay the same.
fn clone(from: &File, to: &File, reflinks: &AtomicBool) -> bool {
    let cloned = rustix::fs::ioctl_ficlone(to, from).is_ok();
    if !cloned {
        reflinks.store(false, Ordering::Relaxed);
    }
    cloned
}

/// Copies in chunks, with a check for a signal before each, and at most one byte more than planned: so a source that
/// grows all the time ends as an error. `io::copy` uses copy_file_range(2), sendfile(2) or splice(2) where it can.
fn copy(from: &File, to: &File, place: &Path, size: u64, context: &WriteContext<'_>) -> Result<(), Error> {
    let (mut to, mut left) = (to, size + 1);
    while left > 0 {
        context.interrupt.check()?;
        let chunk = left.min(CHUNK);
        let copied = io::copy(&mut from.take(chunk), &mut to).map_err(|error| Error::write(place, error))?;
        context.progress.advance(copied);
        // A short copy is the end of the source: one more call would return 0.
        if copied < chunk {
            break;
        }
        left -= copied;
    }
    Ok(())
}

/// Sets the directories' times after all files exist: each new entry changes the time of its directory.
fn set_directory_times(plan: &Plan, root: &Path, context: &WriteContext<'_>) -> Result<(), Error> {
    let directories: Vec<_> =
        plan.entries().filter(|(_, entry)| entry.kind == EntryKind::Directory).collect();
    for (path, _) in directories.into_iter().rev() {
        let place = path.below(root);
        set_time(&place, context.time).map_err(|error| Error::write(&place, error))?;
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
