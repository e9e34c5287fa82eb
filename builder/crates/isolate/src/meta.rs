//! The meta file: lines of `key:value`.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The lines so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Meta(String);

impl Meta {
    pub(crate) fn add(&mut self, key: &str, value: impl Display) {
        // One line each, whatever a message quotes.
        let value = value.to_string().replace('\n', " ");
        self.0.push_str(&format!("{key}:{value}\n"));
    }

    /// Writes them, where there is a file.
    pub(crate) fn write(&self, file: Option<&File>) -> io::Result<()> {
        let Some(mut file) = file else { return Ok(()) };
        file.write_all(self.0.as_bytes())
    }
}

/// Opens the file with the rights of this process, which must be its caller's; `-` is stdout.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if path.as_os_str() == "-" {
        return Ok(rustix::io::dup(rustix::stdio::stdout())?.into());
    }
    File::create(path)
}

impl Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
