//! The file that an archive is written to, plain or compressed with zstd.
//!
//! Compression uses one thread and one frame: with more, the bytes would depend on the number of CPUs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use bundle::digest::{Hasher, Sha};

/// Compression level of every `.zst`: zstd's default. Higher levels take minutes and save little.
const ZSTD_LEVEL: i32 = 3;
/// Size of the write buffer in bytes.
const BUFFER: usize = 256 << 10;

/// A writer whose end can fail, which Drop cannot report.
pub(crate) trait Close: Write {
    /// Writes the buffered bytes and the end of the stream. The result is the digest of all bytes.
    fn close(self) -> io::Result<Sha>;
}

/// A file that is hashed while it is written.
pub(crate) struct Summed {
    file: File,
    hasher: Hasher,
}

impl Summed {
    fn create(path: &Path) -> io::Result<BufWriter<Summed>> {
        let file = Summed { file: File::create_new(path)?, hasher: Hasher::new(false) };
        Ok(BufWriter::with_capacity(BUFFER, file))
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An archive's file.
pub(crate) enum Output {
    /// Uncompressed.
    Plain(Box<BufWriter<Summed>>),
    /// One zstd frame with a checksum.
    Zstd(Box<zstd::Encoder<'static, BufWriter<Summed>>>),
}

impl Output {
    /// A new plain file; it must not exist.
    pub(crate) fn plain(path: &Path) -> io::Result<Output> {
        Ok(Output::Plain(Box::new(Summed::create(path)?)))
    }

    /// A new compressed file; it must not exist.
    pub(crate) fn zstd(path: &Path) -> io::Result<Output> {
        let mut encoder = zstd::Encoder::new(Summed::create(path)?, ZSTD_LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Output::Zstd(Box::new(encoder)))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(file) => file.write(bytes),
            Output::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(file) => file.flush(),
            Output::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl Close for Output {
    fn close(self) -> io::Result<Sha> {
        let file = match self {
            Output::Plain(file) => *file,
            Output::Zstd(encoder) => encoder.finish()?,
        };
        let summed = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(summed.hasher.finish().sha)
    }
}

#[cfg(test)]
impl Close for &mut Vec<u8> {
    fn close(self) -> io::Result<Sha> {
        Ok(Sha::of(self))
    }
}
