//! Writes a plan in all formats: the tree first, then the archives in parallel, with one digest for each file.
//!
//! Archives are filled from the tree if `dir` is one of the formats. Otherwise the first archive's pass computes the
//! digests, and each later pass fails if it reads other bytes: the build host may change files in the meantime.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bundle::digest::FileDigests;
use bundle::sums::Sums;
use rayon::prelude::*;

use crate::error::Error;
use crate::plan::entry::{EntryKind, Plan};
use crate::write::content::{Content, EarlierPass};
use crate::write::context::{ImageStart, WriteContext};
use crate::write::formats::cpio::Cpio;
use crate::write::formats::oci::Oci;
use crate::write::formats::output::Output;
use crate::write::formats::tar::Tar;
use crate::write::formats::{FileHead, Format, Sink, dir};

/// Writes the plan into the directory `bundle` in each of `formats`.
pub(crate) fn write(
    plan: &Plan,
    bundle: &Path,
    formats: &BTreeSet<Format>,
    start: ImageStart<'_>,
    context: &WriteContext<'_>,
) -> Result<Written, Error> {
    let mut archives: Vec<Format> = formats.iter().copied().filter(|format| *format != Format::Dir).collect();
    let tree = formats.contains(&Format::Dir).then(|| bundle.join(Format::Dir.file_name()));
    let mut sums = Sums::new();
    let digests = match &tree {
        Some(tree) => dir::write(plan, tree, context)?,
        None if archives.is_empty() => digest(plan, context)?,
        None => {
            let (digests, first) = archive(plan, bundle, archives.remove(0), start, None, context)?;
            sums.extend(first);
            digests
        }
    };
    let others = archives.par_iter().map(|format| {
        let earlier = EarlierPass { digests: &digests, tree: tree.as_deref() };
        archive(plan, bundle, *format, start, Some(&earlier), context).map(|(_, sums)| sums)
    });
    let others: Vec<Sums> = others.collect::<Result<_, _>>()?;
    sums.extend(others.into_iter().flatten());
    Ok(Written { digests, sums })
}

/// What was written.
pub(crate) struct Written {
    /// The digests of the image's files.
    pub(crate) digests: FileDigests,
    /// The digests of the archives' own files.
    pub(crate) sums: Sums,
}

/// The digests of all files of the plan, in parallel; nothing is written.
pub(crate) fn digest(plan: &Plan, context: &WriteContext<'_>) -> Result<FileDigests, Error> {
    let files: Vec<_> = plan.files().collect();
    let digests = files.par_iter().map(|(path, _, source)| {
        let mut content = Content::open(path, source, None, context)?;
        io::copy(&mut content, &mut io::sink()).map_err(|error| Error::write(path.as_path(), error))?;
        Ok(((*path).clone(), content.finish()?))
    });
    digests.collect()
}

fn archive(
    plan: &Plan,
    bundle: &Path,
    format: Format,
    start: ImageStart<'_>,
    earlier: Option<&EarlierPass<'_>>,
    context: &WriteContext<'_>,
) -> Result<(FileDigests, Sums), Error> {
    let place = &bundle.join(format.file_name());
    let write = |error| Error::write(place, error);
    let mut sink = sink(format, place, start, context.time).map_err(write)?;
    let mut digests = FileDigests::new();
    let links = plan.hard_links();
    for (path, entry) in plan.archive_order() {
        match &entry.kind {
            EntryKind::Directory => sink.directory(path, entry.mode).map_err(write)?,
            EntryKind::Symlink(target) => sink.symlink(path, target).map_err(write)?,
            EntryKind::File(source) => {
                let mut content = Content::open(path, source, earlier, context)?;
                let link = links.get(path).copied();
                let head = FileHead { mode: entry.mode, size: source.size(), link };
                sink.file(path, head, &mut content).map_err(write)?;
                // A name without content of its own has the digest of what it is a name of.
                io::copy(&mut content, &mut io::sink()).map_err(write)?;
                digests.insert(path.clone(), content.finish()?);
            }
        }
    }
    let below = |path: &Path| {
        if path.as_os_str().is_empty() { String::new() } else { format!("/{}", path.display()) }
    };
    let files = sink.finish().map_err(write)?.into_iter();
    let sums = files.map(|(path, sha)| (format!("{}{}", format.file_name(), below(&path)), sha)).collect();
    fix_modes(place).map_err(write)?;
    Ok((digests, sums))
}

/// Sets 0644 for an archive's files and 0755 for its directories: their mode was subject to the umask.
fn fix_modes(place: &Path) -> io::Result<()> {
    let is_directory = place.symlink_metadata()?.is_dir();
    let mode = if is_directory { 0o755 } else { 0o644 };
    fs::set_permissions(place, fs::Permissions::from_mode(mode))?;
    if is_directory {
        for entry in fs::read_dir(place)? {
            fix_modes(&entry?.path())?;
        }
    }
    Ok(())
}

fn sink<'a>(
    format: Format,
    place: &Path,
    start: ImageStart<'a>,
    time: u32,
) -> io::Result<Box<dyn Sink + 'a>> {
    let init = || start.runner.ok_or_else(|| io::Error::other("the format needs an init"));
    Ok(match format {
        Format::Dir => return Err(io::Error::other("a directory is not an archive")),
        Format::Cpio => Box::new(Cpio::initramfs(Output::plain(place)?, init()?, time)?),
        Format::CpioZst => Box::new(Cpio::initramfs(Output::zstd(place)?, init()?, time)?),
        Format::Tar => Box::new(Tar::new(Output::plain(place)?, "", u64::from(time))),
        Format::TarZst => Box::new(Tar::new(Output::zstd(place)?, "", u64::from(time))),
        Format::Oci => Box::new(Oci::new(place, ImageStart { runner: None, ..start }, u64::from(time))?),
        Format::OciJudge => {
            Box::new(Oci::new(place, ImageStart { runner: Some(init()?), ..start }, u64::from(time))?)
        }
    })
}
