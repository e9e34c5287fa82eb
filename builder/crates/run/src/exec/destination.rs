//! Where the report of a submission goes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

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
        self.write_with(|to| to.write_all(report))
    }

    /// Opens it and has a whole report written, in pieces of any size.
    ///
    /// # Errors
    /// It cannot be opened or written, or `write` fails.
    pub fn write_with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut to = BufWriter::new(self.open()?);
        write(&mut to)?;
        to.flush()
    }

    /// A descriptor of the caller's is duplicated. To open it again by its name in /proc would need the permissions of its
    /// file, and a pipe that another user made has none for us (proc_pid_fd(5)).
    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            Destination::Path(path) => File::create(path),
            Destination::Stdout => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
            Destination::Fd(number) => {
                // Before we open anything, so that a number that the caller did not open is an error and not a file of ours.
                fs::symlink_metadata(format!("/proc/self/fd/{number}"))?;
                let us = pidfd_open(getpid(), PidfdFlags::empty())?;
                let file: File = pidfd_getfd(us, *number, PidfdGetfdFlags::empty())?.into();
                match fcntl_getfl(&file)? & OFlags::ACCMODE {
                    OFlags::RDONLY => Err(Errno::BADF.into()),
                    _ => Ok(file),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;

    fn opened(file: &impl AsRawFd) -> io::Result<File> {
        Destination::Fd(file.as_raw_fd()).open()
    }

    #[test]
    fn a_descriptor_is_written_to_wherever_it_leads() {
        let (mut reader, writer) = io::pipe().unwrap();
        opened(&writer).unwrap().write_all(b"report").unwrap();
        drop(writer);
        let mut written = String::new();
        reader.read_to_string(&mut written).unwrap();
        assert_eq!(written, "report");
    }

    #[test]
    fn one_that_cannot_be_written_to_is_refused_before_anything_starts() {
        assert_eq!(opened(&File::open("/dev/null").unwrap()).unwrap_err().raw_os_error(), Some(9));
        // More than any process has (`nr_open`).
        assert_eq!(Destination::Fd(i32::MAX).open().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
