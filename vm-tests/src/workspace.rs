//! The workspace: a directory that the steps of one submission share. The agent makes it and puts the submission in.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A step's view of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Workspace {
    /// Steps with the same name share one.
    pub(crate) name: String,
    /// Where it is inside of the sandbox.
    pub(crate) inside: String,
    /// Whether the step may write it.
    pub(crate) writable: bool,
    /// What is put in before the step starts: text by file name.
    pub(crate) files: BTreeMap<String, String>,
}

impl Workspace {
    /// Makes it below `directory`, or adds files to the existing one. Returns the options that bind it into the sandbox.
    pub(crate) fn lay_out(&self, directory: &Path) -> io::Result<[String; 2]> {
        let place = directory.join("boxes").join(&self.name);
        fs::create_dir_all(&place)?;
        // The submission may be any user, and may write here where the bind is writable.
        fs::set_permissions(&place, Permissions::from_mode(0o777))?;
        for (name, text) in &self.files {
            fs::write(place.join(name), text)?;
        }
        let access = if self.writable { ":rw" } else { "" };
        Ok(["--bind".into(), format!("{}:{}{access}", place.display(), self.inside)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(writable: bool, files: &[(&str, &str)]) -> Workspace {
        let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        Workspace { name: "b".into(), inside: "/box".into(), writable, files }
    }

    #[test]
    fn a_later_step_finds_what_an_earlier_one_left() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("boxes/b");
        let options = workspace(true, &[("main.c", "text")]).lay_out(directory.path()).unwrap();
        assert_eq!(options, ["--bind".to_string(), format!("{}:/box:rw", place.display())]);
        fs::write(place.join("main"), "made").unwrap();
        let options = workspace(false, &[]).lay_out(directory.path()).unwrap();
        assert_eq!(options[1], format!("{}:/box", place.display()));
        assert_eq!(fs::read_to_string(place.join("main.c")).unwrap(), "text");
        assert_eq!(fs::read_to_string(place.join("main")).unwrap(), "made");
    }
}
