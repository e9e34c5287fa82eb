//! One call of isolate: what is asked for, by whom, and where the answers go.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use crate::options::Options;

/// The user for whom a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether root calls, for itself or for another user.
    pub(crate) is_root: bool,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) options: Options,
    pub(crate) caller: Caller,
    /// The caller's variables.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// The caller's stdin, stdout and stderr.
    pub(crate) streams: [OwnedFd; 3],
    /// Opened with the rights of the caller.
    pub(crate) meta: Option<File>,
    /// The connection to an ordinary user's process, which sends signals; its end is that of the process.
    pub(crate) connection: Option<OwnedFd>,
}

impl Call {
    /// A line on the caller's stdout.
    pub(crate) fn print(&self, line: &str) {
        write(&self.streams[1], line);
    }

    /// A line on the caller's stderr.
    pub(crate) fn complain(&self, line: &str) {
        write(&self.streams[2], line);
    }

    /// A line for a caller who wants to know what is done.
    pub(crate) fn mention(&self, line: impl FnOnce() -> String) {
        if self.options.verbose > 0 {
            self.complain(&line());
        }
    }
}

fn write(stream: &OwnedFd, line: &str) {
    if let Ok(stream) = stream.try_clone() {
        // A reader that is gone needs no line.
        let _closed = File::from(stream).write_all(format!("{line}\n").as_bytes());
    }
}
