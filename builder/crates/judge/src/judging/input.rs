//! The input of a pass: the test's, or what the pass before left for it.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::feedback::Feedback;
use super::visible::Visible;
use crate::files::Files;
use crate::problem::Test;

/// The name of an input that was made.
const NAME: &str = "input";

/// The input of a pass.
pub(super) enum Input<'a> {
    /// That of the test, if it has one.
    Test { files: &'a Files, name: Option<&'a str>, visible: &'a Visible },
    /// A file in our directory, which no sandbox can write to.
    Made(Feedback),
}

impl<'a> Input<'a> {
    pub(super) fn of_test(files: &'a Files, test: &'a Test, visible: &'a Visible) -> Input<'a> {
        Input::Test { files, name: test.input.as_deref(), visible }
    }

    pub(super) fn made(content: &[u8], shelf: &Path) -> Result<Input<'static>, String> {
        let place = Feedback::new(shelf)?;
        place.put(NAME, content)?;
        Ok(Input::Made(place))
    }

    /// For a submission's stdin.
    pub(super) fn open(&self) -> Result<File, String> {
        match self {
            Input::Test { files, name: Some(name), .. } => {
                files.open_file(name).map_err(|error| error.to_string())
            }
            Input::Test { name: None, .. } => {
                File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))
            }
            Input::Made(place) => {
                File::open(place.path().join(NAME)).map_err(|error| format!("{NAME}: {error}"))
            }
        }
    }

    /// Where a sandbox finds it; absent if there is none.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Input::Test { visible, .. } => visible.input.clone(),
            Input::Made(place) => Some(place.path().join(NAME)),
        }
    }
}
