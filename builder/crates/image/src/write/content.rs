//! The bytes of one file on their way from its source to an archive or a digest.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bundle::digest::{Digests, FileDigests, Hasher};
use recipe::image_path::ImagePath;

use crate::error::Error;
use crate::plan::entry::FileSource;
use crate::write::context::WriteContext;

/// The results of the pass that wrote the image first.
pub(crate) struct EarlierPass<'a> {
    pub(crate) digests: &'a FileDigests,
    /// The tree that it wrote, if `dir` is one of the formats.
    pub(crate) tree: Option<&'a Path>,
}

/// Reads one file of the plan: hashes the bytes that are read, and fails unless their number is the planned one.
pub(crate) struct Content<'a> {
    from: Box<dyn Read + 'a>,
    /// Its path, for errors.
    source: PathBuf,
    left: u64,
    hasher: Hasher,
    expected: Option<&'a Digests>,
    context: &'a WriteContext<'a>,
}

impl<'a> Content<'a> {
    pub(crate) fn open(
        path: &'a ImagePath,
        source: &'a FileSource,
        earlier: Option<&EarlierPass<'a>>,
        context: &'a WriteContext<'a>,
    ) -> Result<Self, Error> {
        let open = |place: &Path| File::open(place).map_err(|error| Error::read(place, error));
        let in_tree = earlier.and_then(|earlier| earlier.tree).map(|tree| path.below(tree));
        let (from, place): (Box<dyn Read + 'a>, PathBuf) = match (source, in_tree) {
            (FileSource::Inline(bytes), _) => (Box::new(bytes.as_slice()), path.as_path().to_path_buf()),
            (_, Some(copy)) => (Box::new(open(&copy)?), copy),
            (FileSource::Host { path, patch: Some(patch), .. }, None) => {
                let rest = open(path)?;
                let end = patch.offset + patch.bytes.len() as u64;
                (&rest).seek(SeekFrom::Start(end)).map_err(|error| Error::read(path, error))?;
                (Box::new(open(path)?.take(patch.offset).chain(patch.bytes).chain(rest)), path.clone())
            }
            (FileSource::Host { path, .. } | FileSource::Recipe { path, .. }, None) => {
                (Box::new(open(path)?), path.clone())
            }
        };
        let expected = earlier.and_then(|earlier| earlier.digests.get(path));
        let md5 = expected.is_none() && context.wants_md5(path);
        Ok(Content { from, source: place, left: source.size(), hasher: Hasher::new(md5), expected, context })
    }

    /// The digests, after everything was read.
    ///
    /// # Errors
    /// `SourceChanged`: the file is longer or shorter than planned, or the earlier pass read other bytes.
    pub(crate) fn finish(mut self) -> Result<Digests, Error> {
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
        self.context.interrupt.check().map_err(io::Error::other)?;
        let limit = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self
            .from
            .read(&mut buffer[..limit])
            .map_err(|error| io::Error::other(Error::read(&self.source, error)))?;
        if length == 0 && limit != 0 {
            return Err(io::Error::other(Error::SourceChanged { path: self.source.clone() }));
        }
        self.hasher.update(&buffer[..length]);
        self.left -= length as u64;
        self.context.progress.advance(length as u64);
        Ok(length)
    }
}
