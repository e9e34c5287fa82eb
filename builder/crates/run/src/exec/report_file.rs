//! The open file of a submission's report.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use super::destination::Destination;
use super::outcome::Outcome;
use crate::ending_signals::EndingSignals;
use crate::error::Error;

/// Where the report goes, opened before anything untrusted starts.
pub(crate) struct ReportFile(File);

impl ReportFile {
    /// Opens it, and empties a file that stands there.
    pub(crate) fn open(destination: &Destination) -> Result<ReportFile, Error> {
        destination.open().map(ReportFile).map_err(|error| {
            let path = match destination {
                Destination::Stdout => PathBuf::from("-"),
                Destination::Fd(number) => PathBuf::from(format!("fd:{number}")),
                Destination::Path(path) => path.clone(),
            };
            Error::write(&path, error)
        })
    }

    /// Writes the report, and to stderr the compiler's text about a submission that did not pass.
    pub(super) fn write(self, outcome: &Outcome, signals: EndingSignals) -> Result<(), Error> {
        outcome.print_text();
        self.write_line(&outcome.render()?, signals)
    }

    /// Writes the report. A reader that has left takes what it wants, as of init's reports: that is no error.
    ///
    /// A signal cannot come in between, unless there is a reader, who may not read: then it ends this process. Nor does one
    /// that comes after the report change the exit code, which says the same.
    pub(crate) fn write_line(mut self, line: &str, signals: EndingSignals) -> Result<(), Error> {
        if self.0.metadata().is_ok_and(|of| of.is_file()) {
            signals.hold_to_the_end();
        } else {
            drop(signals);
        }
        match self.0.write_all(line.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Error::sandbox(Error::write("report".as_ref(), error)))
            }
            _ => Ok(()),
        }
    }
}
