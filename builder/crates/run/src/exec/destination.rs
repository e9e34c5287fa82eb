//! Where the report of a submission goes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::Error;

/// The value of `--report`, as init reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `-`
    Stdout,
    /// `fd:N`
    Fd(i32),
    /// A file, made or overwritten.
    Path(PathBuf),
}

impl Destination {
    /// Reads `-`, `fd:N` or a path.
    pub fn parse(value: &OsStr) -> Result<Destination, Error> {
        match value.to_str() {
            Some("-") => Ok(Destination::Stdout),
            Some(text) if text.starts_with("fd:") => {
                let number = text["fd:".len()..].parse().ok().filter(|number| *number >= 0);
                number.map(Destination::Fd).ok_or_else(|| {
                    let what = format!("`--report` takes a path, `-` or `fd:N`, not `{text}`");
                    Error::usage(what, "N is the number of a descriptor that the caller opened")
                })
            }
            _ => Ok(Destination::Path(value.into())),
        }
    }

    /// Opens it and writes a whole report.
    ///
    /// # Errors
    /// It cannot be opened or written.
    pub fn write(&self, report: &[u8]) -> io::Result<()> {
        self.open()?.write_all(report)
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            Destination::Path(path) => File::create(path),
            // Through /proc, so that a number that the caller did not open is an error and not a file of our own.
            Destination::Stdout => File::options().append(true).open("/proc/self/fd/1"),
            Destination::Fd(number) => File::options().append(true).open(format!("/proc/self/fd/{number}")),
        }
    }
}
