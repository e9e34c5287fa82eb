//! The guest's serial port for results.

use std::fs::{File, OpenOptions};
use std::io;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::arch::RESULTS;

/// The port for results. Raw: no newline translation and no echo, so that frames arrive byte for byte.
pub fn results() -> io::Result<File> {
    let port = OpenOptions::new().read(true).write(true).open(RESULTS)?;
    let mut settings = tcgetattr(&port)?;
    settings.make_raw();
    tcsetattr(&port, OptionalActions::Now, &settings)?;
    Ok(port)
}
