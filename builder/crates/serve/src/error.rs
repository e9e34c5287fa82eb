//! Why the service cannot start, or had to end.

use std::io;

use bundle::FileError;

/// Why the service cannot start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The bundle cannot run.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// A setting has a value that it cannot have.
    #[error("{origin}: {what}")]
    Setting {
        /// The file, the variable, or the command line.
        origin: String,
        /// What is wrong.
        what: String,
    },
    /// The store cannot be used.
    #[error("`{place}` cannot be the store: {what}")]
    Store {
        /// Its directory.
        place: String,
        /// Why not.
        what: String,
    },
    /// The address cannot be had.
    #[error("`{address}` cannot be listened on: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        error: io::Error,
    },
    /// Threads or signals cannot be had.
    #[error("the service cannot start: {0}")]
    Start(io::Error),
}
