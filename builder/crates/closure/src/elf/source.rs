//! Where the bytes of an ELF file come from: memory, or a file of which only some pieces are read.
//!
//! Three pread(2) of a few hundred bytes are cheaper than a mapping: with two threads each munmap(2) interrupts the
//! other CPU to flush its translations, and each page that is touched faults. A file that is truncated meanwhile is
//! an error here; with a mapping it would be a SIGBUS.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;

use rustix::io::Errno;

use super::ElfError;

/// The bytes of a file.
pub trait Source {
    /// How many bytes the file has.
    fn length(&self) -> usize;
    /// The bytes of a range; `what` names it in errors.
    ///
    /// # Errors
    /// The range is not in the file, or cannot be read.
    fn bytes(&self, range: Range<usize>, what: &'static str) -> Result<Cow<'_, [u8]>, ElfError>;
}

impl<B: AsRef<[u8]> + ?Sized> Source for B {
    fn length(&self) -> usize {
        self.as_ref().len()
    }

    fn bytes(&self, range: Range<usize>, what: &'static str) -> Result<Cow<'_, [u8]>, ElfError> {
        self.as_ref().get(range).map(Cow::Borrowed).ok_or(ElfError::OutOfBounds { what })
    }
}

/// A regular file whose first page is read: it has the header, and in most files the program headers, the interpreter
/// and the notes.
pub(crate) struct FileSource<'f> {
    file: &'f File,
    length: usize,
    page: [u8; PAGE],
    filled: usize,
}

const PAGE: usize = 4096;

impl<'f> FileSource<'f> {
    /// Reads the first page of a file of `length` bytes.
    pub(crate) fn read(file: &'f File, length: u64) -> Result<Self, Errno> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut head = Self { file, length, page: [0; PAGE], filled: 0 };
        head.filled = read_at(file, &mut head.page[..length.min(PAGE)], 0)?;
        Ok(head)
    }

    /// The first page, or less when the file is shorter.
    pub(crate) fn page(&self) -> &[u8] {
        &self.page[..self.filled]
    }
}

impl Source for FileSource<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn bytes(&self, range: Range<usize>, what: &'static str) -> Result<Cow<'_, [u8]>, ElfError> {
        if let Some(bytes) = self.page().get(range.clone()) {
            return Ok(Cow::Borrowed(bytes));
        }
        // A number in the file must not make us allocate more than the size of the file.
        if range.start > range.end || range.end > self.length {
            return Err(ElfError::OutOfBounds { what });
        }
        let mut bytes = vec![0; range.len()];
        match read_at(self.file, &mut bytes, range.start) {
            Ok(length) if length == bytes.len() => Ok(Cow::Owned(bytes)),
            Ok(_) => Err(ElfError::OutOfBounds { what }),
            Err(errno) => Err(ElfError::Unreadable { what, errno }),
        }
    }
}

/// Fills the buffer from `start`, up to the end of the file.
fn read_at(file: &File, buffer: &mut [u8], start: usize) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::pread(file, &mut buffer[filled..], (start + filled) as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}
