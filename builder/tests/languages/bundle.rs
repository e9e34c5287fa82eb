//! Where bundles are built, each once, and what lies beside them: inputs, and a secret of the host.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use crate::corpus::{Case, Cases};
use crate::integers::integers;
use crate::language::Language;

/// What stands for the path of the secret.
const CANARY: &str = "@CANARY@";

/// A directory that goes with the last test.
pub struct Workshop {
    directory: tempfile::TempDir,
    bundles: Mutex<HashMap<String, Slot>>,
    /// Options of every run.
    pub options: Vec<String>,
    /// What no submission may get to know.
    pub secret: String,
}

type Slot = Arc<OnceLock<Result<PathBuf, String>>>;

impl Workshop {
    /// Makes it.
    pub fn open(cases: &Cases) -> Workshop {
        // Not below /tmp: the sandbox has its own there, and a secret there would be hidden anyway.
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let secret = format!("canary{}sings", std::process::id());
        fs::write(directory.path().join("secret"), format!("\"{secret}\"\n")).expect("written");
        Workshop { directory, bundles: Mutex::default(), options: cases.options.clone(), secret }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program as it is submitted: with the path of the secret filled in.
    pub fn submission(&self, language: &Language, program: &Path) -> PathBuf {
        let text = fs::read_to_string(program).expect("a program");
        let name = program.file_name().unwrap_or_default();
        let place = self.path(&format!("{}-programs", language.name));
        fs::create_dir_all(&place).expect("made");
        let place = place.join(name);
        fs::write(&place, self.fill(&text)).expect("written");
        place
    }

    /// With the path of the secret in its place.
    pub fn fill(&self, text: &str) -> String {
        text.replace(CANARY, &self.path("secret").to_string_lossy())
    }

    /// The file that a case reads.
    pub fn input(&self, case: &Case, name: &str) -> PathBuf {
        let text = match case.integers {
            Some(count) => integers(count),
            None => case.stdin.clone().unwrap_or_default(),
        };
        let place = self.path(name);
        fs::write(&place, text).expect("written");
        place
    }

    /// The bundle of a language's pack.
    pub fn bundle(&self, language: &Language) -> Result<PathBuf, String> {
        let mut bundles = self.bundles.lock().expect("nobody panicked");
        let slot = Arc::clone(bundles.entry(language.name.clone()).or_default());
        drop(bundles);
        slot.get_or_init(|| self.build(&language.name)).clone()
    }

    fn build(&self, pack: &str) -> Result<PathBuf, String> {
        let bundle = self.path(pack);
        let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
        command.args(["build", "--pack", pack, "--format", "dir", "-o"]).arg(&bundle);
        let output = command.output().expect("capsule starts");
        match output.status.success() {
            true => Ok(bundle),
            false => Err(format!(
                "pack `{pack}` cannot be built here:\n{}`capsule pack check {pack}` names what to install",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}
