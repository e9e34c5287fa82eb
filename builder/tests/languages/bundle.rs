//! A directory with the bundles, each built once, the inputs, and a secret of the host.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use crate::corpus::{Case, Cases};
use crate::integers::integers;
use crate::language::{Language, Program};

/// Stands for the path of the secret in programs.
const CANARY: &str = "@CANARY@";

/// A directory that is removed after the last test.
pub struct Workshop {
    directory: tempfile::TempDir,
    bundles: Mutex<HashMap<String, Slot>>,
    /// Held while a file of integers is made.
    integers: Mutex<()>,
    /// Options of every run.
    pub options: Vec<String>,
    /// No submission may read this text.
    pub secret: String,
}

type Slot = Arc<OnceLock<Result<PathBuf, String>>>;

impl Workshop {
    pub fn open(cases: &Cases) -> Workshop {
        // Not below /tmp: the sandbox has its own, so a secret there would be hidden anyway.
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let secret = format!("canary{}sings", std::process::id());
        fs::write(directory.path().join("secret"), format!("\"{secret}\"\n")).expect("written");
        Workshop {
            directory,
            bundles: Mutex::default(),
            integers: Mutex::default(),
            options: cases.options.clone(),
            secret,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a program edited as its case says, with the path of the secret filled in; one of several files is used as it is.
    pub fn submission(&self, language: &Language, program: &Program) -> PathBuf {
        let file = &program.file;
        if file.is_dir() {
            return file.clone();
        }
        let text = fs::read_to_string(file).expect("a program");
        let text = program.case.edit.map_or_else(|| text.clone(), |edit| edit.apply(&text));
        let name = file.file_name().unwrap_or_default();
        let place = self.path(&format!("{}-programs/{}", language.name, program.name));
        fs::create_dir_all(&place).expect("made");
        let place = place.join(name);
        fs::write(&place, self.fill(&text)).expect("written");
        place
    }

    /// Fills in the path of the secret.
    pub fn fill(&self, text: &str) -> String {
        text.replace(CANARY, &self.path("secret").to_string_lossy())
    }

    /// Writes the input of a case. All languages read the same integers, which take half a second to make.
    pub fn input(&self, case: &Case, name: &str) -> PathBuf {
        let Some(count) = case.integers else {
            let place = self.path(name);
            fs::write(&place, case.stdin.as_deref().unwrap_or_default()).expect("written");
            return place;
        };
        let place = self.path(&format!("integers-{count}"));
        let _one_at_a_time = self.integers.lock().expect("no test panics with the lock");
        if !place.exists() {
            fs::write(&place, integers(count)).expect("written");
        }
        place
    }

    /// Builds the bundle of a language's pack; waits if another test does it already.
    pub fn bundle(&self, language: &str) -> Result<PathBuf, String> {
        self.built(language, language, &[])
    }

    /// The same with what the language's own programs make ahead of time, if that is anything.
    pub fn prepared_bundle(&self, language: &str) -> Result<PathBuf, String> {
        match language {
            "java" => self.built("java-prepared", language, &["--prepare"]),
            _ => self.bundle(language),
        }
    }

    fn built(&self, name: &str, pack: &str, options: &[&str]) -> Result<PathBuf, String> {
        let mut bundles = self.bundles.lock().expect("no test panics with the lock");
        let slot = Arc::clone(bundles.entry(name.to_owned()).or_default());
        drop(bundles);
        slot.get_or_init(|| self.build(name, pack, options)).clone()
    }

    fn build(&self, name: &str, pack: &str, options: &[&str]) -> Result<PathBuf, String> {
        let bundle = self.path(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
        command.arg("build").args(options).args(["--pack", pack, "--format", "dir", "-o"]).arg(&bundle);
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
