//! The open file of a submission's report.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::destination::Destination;
use super::outcome::Outcome;
use crate::error::Error;

/// Where the report goes, opened before anything untrusted starts.
pub(super) struct ReportFile(File);

impl ReportFile {
    /// Opens it, and empties a file that stands there.
    pub(super) fn open(destination: &Destination) -> Result<ReportFile, Error> {
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
    pub(super) fn write(mut self, outcome: &Outcome) -> Result<(), Error> {
        outcome.print_text();
        let line = outcome.render()?;
        self.0
            .write_all(line.as_bytes())
            .map_err(|error| Error::sandbox(Error::write("report".as_ref(), error)))
    }
}
