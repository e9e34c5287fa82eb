//! The file that an archive is written to: plain or zstd, one frame, one thread, so that the bytes are fixed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Compression level of every `.zst`: zstd's default; higher ones cost minutes and save little.
const ZSTD_LEVEL: i32 = 3;
/// Bytes that are collected before they are written.
const BUFFER: usize = 256 << 10;

/// A writer with an end that can fail.
pub trait Close: Write {
    /// Writes what is still buffered, and the end mark.
    fn close(self) -> io::Result<()>;
}

/// An archive's file.
pub enum Output {
    /// As it comes.
    Plain(BufWriter<File>),
    /// One zstd frame with a checksum.
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl Output {
    /// A new plain file; it must not exist.
    pub fn plain(path: &Path) -> io::Result<Output> {
        Ok(Output::Plain(BufWriter::with_capacity(BUFFER, File::create_new(path)?)))
    }

    /// A new compressed file; it must not exist.
    pub fn zstd(path: &Path) -> io::Result<Output> {
        let mut encoder =
            zstd::Encoder::new(BufWriter::with_capacity(BUFFER, File::create_new(path)?), ZSTD_LEVEL)?;
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
    fn close(self) -> io::Result<()> {
        match self {
            Output::Plain(mut file) => file.flush(),
            Output::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

#[cfg(test)]
impl Close for &mut Vec<u8> {
    fn close(self) -> io::Result<()> {
        Ok(())
    }
}
