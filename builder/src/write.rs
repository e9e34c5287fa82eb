//! Plan to bytes: the tree first (in parallel), then each archive, with one digest for each file.
//!
//! Where there is a tree, archives are filled from it. Where there is none, the first archive's pass gives
//! the digests, and every further pass must find the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::digest::{Digests, Hasher};
use crate::error::Error;
use crate::formats::cpio::Cpio;
use crate::formats::oci::Oci;
use crate::formats::output::Output;
use crate::formats::tar::Tar;
use crate::formats::{Format, Sink, dir};
use crate::image_path::ImagePath;
use crate::interrupt::Interrupt;
use crate::plan::{Kind, Plan, Source};
use crate::progress::Progress;

/// What every step of writing needs to know.
pub struct Work<'a> {
    /// Somebody may ask us to stop.
    pub interrupt: &'a Interrupt,
    /// Somebody may watch.
    pub progress: &'a Progress,
    /// The time of everything in the image, in seconds since 1970.
    pub time: u32,
    /// Files whose MD5 is wanted too.
    pub md5: &'a BTreeSet<ImagePath>,
}

/// The digests of all regular files of an image.
pub type FileDigests = BTreeMap<ImagePath, Digests>;

impl Work<'_> {
    /// Whether `path` is to be compared with dpkg's digest.
    pub fn wants_md5(&self, path: &ImagePath) -> bool {
        self.md5.contains(path)
    }
}

/// Writes the plan into `bundle` in each of `formats`; `init` goes into those that boot or start by themselves.
pub fn write(
    plan: &Plan,
    bundle: &Path,
    formats: &BTreeSet<Format>,
    init: &[u8],
    work: &Work<'_>,
) -> Result<FileDigests, Error> {
    let mut archives: Vec<Format> = formats.iter().copied().filter(|format| *format != Format::Dir).collect();
    let tree = formats.contains(&Format::Dir).then(|| bundle.join(Format::Dir.file_name()));
    let digests = match &tree {
        Some(tree) => dir::write(plan, tree, work)?,
        None if archives.is_empty() => digest(plan, work)?,
        None => archive(plan, &bundle.join(archives[0].file_name()), archives.remove(0), init, None, work)?,
    };
    archives.par_iter().try_for_each(|format| {
        let known = Known { digests: &digests, tree: tree.as_deref() };
        archive(plan, &bundle.join(format.file_name()), *format, init, Some(&known), work).map(|_| ())
    })?;
    Ok(digests)
}

/// Reads everything and writes nothing.
pub fn digest(plan: &Plan, work: &Work<'_>) -> Result<FileDigests, Error> {
    let files: Vec<_> = plan.files().collect();
    let digests = files.par_iter().map(|(path, _, source)| {
        let mut content = Content::open(path, source, None, work)?;
        io::copy(&mut content, &mut io::sink()).map_err(|error| Error::write(path.as_path(), error))?;
        Ok(((*path).clone(), content.finish()?))
    });
    digests.collect()
}

/// What an earlier pass left for this one.
struct Known<'a> {
    digests: &'a FileDigests,
    /// The tree that it wrote.
    tree: Option<&'a Path>,
}

fn archive(
    plan: &Plan,
    place: &Path,
    format: Format,
    init: &[u8],
    known: Option<&Known<'_>>,
    work: &Work<'_>,
) -> Result<FileDigests, Error> {
    let write = |error| Error::write(place, error);
    let mut sink = sink(format, place, init, work.time).map_err(write)?;
    let mut digests = FileDigests::new();
    for (path, entry) in plan.entries() {
        match &entry.kind {
            Kind::Directory => sink.directory(path, entry.mode).map_err(write)?,
            Kind::Symlink(target) => sink.symlink(path, target).map_err(write)?,
            Kind::File(source) => {
                let mut content = Content::open(path, source, known, work)?;
                sink.file(path, entry.mode, source.size(), &mut content).map_err(write)?;
                digests.insert(path.clone(), content.finish()?);
            }
        }
    }
    sink.finish().map_err(write)?;
    fix_modes(place).map_err(write)?;
    Ok(digests)
}

/// 0644 for files and 0755 for directories of an archive, whatever the umask made of them.
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

fn sink(format: Format, place: &Path, init: &[u8], time: u32) -> io::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Dir => return Err(io::Error::other("a directory is no archive")),
        Format::Cpio => Box::new(Cpio::initramfs(Output::plain(place)?, init, time)?),
        Format::CpioZst => Box::new(Cpio::initramfs(Output::zstd(place)?, init, time)?),
        Format::Tar => Box::new(Tar::new(Output::plain(place)?, "", u64::from(time))),
        Format::TarZst => Box::new(Tar::new(Output::zstd(place)?, "", u64::from(time))),
        Format::Oci => Box::new(Oci::new(place, init, u64::from(time))?),
    })
}

/// One file's bytes on their way: exactly as many as planned, hashed as they pass.
struct Content<'a> {
    from: Box<dyn Read + 'a>,
    /// Named when it turns out to have changed.
    source: PathBuf,
    left: u64,
    hasher: Hasher,
    expected: Option<&'a Digests>,
    work: &'a Work<'a>,
}

impl<'a> Content<'a> {
    fn open(
        path: &'a ImagePath,
        source: &'a Source,
        known: Option<&Known<'a>>,
        work: &'a Work<'a>,
    ) -> Result<Self, Error> {
        let open = |place: &Path| File::open(place).map_err(|error| Error::read(place, error));
        let in_tree = known.and_then(|known| known.tree).map(|tree| path.below(tree));
        let (from, place): (Box<dyn Read + 'a>, PathBuf) = match (source, in_tree) {
            (Source::Inline(bytes), _) => (Box::new(bytes.as_slice()), path.as_path().to_path_buf()),
            (_, Some(copy)) => (Box::new(open(&copy)?), copy),
            (Source::Host { path, patch: Some(patch), .. }, None) => {
                let rest = open(path)?;
                let end = patch.offset + patch.bytes.len() as u64;
                (&rest).seek(SeekFrom::Start(end)).map_err(|error| Error::read(path, error))?;
                (Box::new(open(path)?.take(patch.offset).chain(patch.bytes).chain(rest)), path.clone())
            }
            (Source::Host { path, .. } | Source::Own { path, .. }, None) => {
                (Box::new(open(path)?), path.clone())
            }
        };
        let expected = known.and_then(|known| known.digests.get(path));
        let md5 = expected.is_none() && work.wants_md5(path);
        Ok(Content { from, source: place, left: source.size(), hasher: Hasher::new(md5), expected, work })
    }

    /// The digests, once everything was read.
    fn finish(mut self) -> Result<Digests, Error> {
        let grown = self.from.read(&mut [0]).map_err(|error| Error::read(&self.source, error))? != 0;
        let digests = self.hasher.finish();
        let other = self.expected.is_some_and(|expected| expected.sha != digests.sha);
        if grown || other || self.left != 0 {
            return Err(Error::SourceChanged { path: self.source });
        }
        Ok(digests)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.work.interrupt.check().map_err(io::Error::other)?;
        let want = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self
            .from
            .read(&mut buffer[..want])
            .map_err(|error| io::Error::other(Error::read(&self.source, error)))?;
        if length == 0 && want != 0 {
            return Err(io::Error::other(Error::SourceChanged { path: self.source.clone() }));
        }
        self.hasher.update(&buffer[..length]);
        self.left -= length as u64;
        self.work.progress.advance(length as u64);
        Ok(length)
    }
}
