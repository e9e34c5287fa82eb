//! The directory where a submission finds its input and leaves its output as files, in a problem that wants it so.
//!
//! It is a tmpfs in our own mount namespace, and the submission's working directory. The input is a name there that leads
//! to the test's own file, which the sandbox shows read-only. What the submission wrote is opened when its last process
//! has ended.

use std::fs::File;
use std::path::Path;

use run::exec::StepOption;

use super::feedback::Feedback;
use super::input::Input;
use super::program::bind;
use crate::problem::Io;

/// Where the submission has the directory, and what its input's name leads to.
const DIRECTORY: &str = "/tmp/files";
const INPUT: &str = "/tmp/input";
/// Bytes for the output where neither problem nor bundle gives less.
const ROOM: u64 = 64 << 20;

/// The names in the directory; an empty one is a standard stream.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) input: &'a str,
    pub(super) output: &'a str,
}

/// The directory of one run.
pub(super) struct Desk<'a> {
    names: Names<'a>,
    place: Feedback,
}

impl<'a> Names<'a> {
    /// Those of the problem, if it has any.
    pub(super) fn of(io: &'a Io) -> Option<Names<'a>> {
        match io {
            Io::Std => None,
            Io::Files { input, output } => Some(Names { input, output }),
        }
    }
}

impl<'a> Desk<'a> {
    /// Makes it. `beside` are files of the submission in `box_directory`, which it may open by their names, too.
    pub(super) fn new(
        names: Names<'a>,
        shelf: &Path,
        output_bytes: Option<u64>,
        beside: &[String],
    ) -> Result<Desk<'a>, String> {
        // A page more than the limit, so that the limit is what ends a submission that writes too much.
        let size = output_bytes.unwrap_or(0).saturating_add(1 << 20).max(ROOM);
        let place = Feedback::sized(shelf, size)?;
        if !names.input.is_empty() {
            place.link(names.input, INPUT)?;
        }
        for name in beside.iter().filter(|name| *name != names.input && *name != names.output) {
            place.link(name, &format!("{}/{name}", run::exec::WORK_DIR))?;
        }
        Ok(Desk { names, place })
    }

    /// What the run needs for it.
    pub(super) fn options(&self, input: &Input<'_>) -> Vec<StepOption> {
        let mut options = vec![bind(self.place.path(), DIRECTORY, ":rw")];
        if self.has_input() {
            let path = input.path();
            options.push(bind(path.as_deref().unwrap_or(Path::new("/dev/null")), INPUT, ""));
        }
        options.push(("cwd".to_owned(), DIRECTORY.into()));
        options
    }

    /// Whether the input is a file there.
    pub(super) fn has_input(&self) -> bool {
        !self.names.input.is_empty()
    }

    /// What the submission wrote instead of its standard output: a file, or why there is none. Absent if that is where it
    /// should have written to.
    pub(super) fn output(&self) -> Option<Result<File, String>> {
        let name = self.names.output;
        let missing = || format!("the submission left no file `{}`", name.escape_debug());
        (!name.is_empty()).then(|| self.place.file(name).ok_or_else(missing))
    }
}
