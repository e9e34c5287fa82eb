//! The files of a test as a sandbox can show them.
//!
//! Secret tests are often files that only their owner may read. A sandbox shows a file with its own mode, and the
//! sandbox's user is another one: of such a file it shows a copy, which no other process of the host sees and which is
//! gone with the test.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::feedback::Feedback;
use crate::files::Files;
use crate::problem::Test;

/// Modes with this bit let every user read (inode(7)).
const OTHERS_READ: u32 = 0o4;

/// Input and answer, each where it is on this machine, or where its copy is; absent if the test has none.
#[derive(Default)]
pub(super) struct Visible {
    pub(super) input: Option<PathBuf>,
    pub(super) answer: Option<PathBuf>,
    _copies: Vec<Feedback>,
}

impl Visible {
    pub(super) fn new(files: &Files, test: &Test, shelf: &Path) -> Result<Visible, String> {
        let mut copies = Vec::new();
        let mut path = |name: &Option<String>| -> Result<Option<PathBuf>, String> {
            let Some(name) = name else { return Ok(None) };
            let Some(path) = files.host_path(name) else { return Ok(None) };
            let file = files.open_file(name).map_err(|error| error.to_string())?;
            let fail = |error: io::Error| format!("{name}: {error}");
            let facts = file.metadata().map_err(fail)?;
            if facts.mode() & OTHERS_READ != 0 {
                return Ok(Some(path));
            }
            let place = Feedback::sized(shelf, facts.len().saturating_add(1 << 20))?;
            let copy = place.path().join("copy");
            copied(file, &copy).map_err(fail)?;
            copies.push(place);
            Ok(Some(copy))
        };
        let (input, answer) = (path(&test.input)?, path(&test.answer)?);
        Ok(Visible { input, answer, _copies: copies })
    }
}

fn copied(mut file: File, path: &Path) -> io::Result<()> {
    io::copy(&mut file, &mut File::create_new(path)?)?;
    // Whatever the umask is.
    fs::set_permissions(path, Permissions::from_mode(0o644))
}
