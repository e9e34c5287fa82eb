//! `capsule isolate`: the manual of isolate, option by option; calls of the systems that use it; ordinary users.

mod boxes;
mod callers;
mod limits;
mod manual;
mod soak;
mod streams;
mod users;
mod view;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::scene::{Said, Scene, SharedBundle};

/// An operator's host: a file, a bundle with the usual programs, and boxes whose users no other test has.
struct Host {
    scene: Scene,
    bundle: PathBuf,
    first_uid: u32,
}

/// What a run said, and its meta file.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
    meta: BTreeMap<String, String>,
}

/// Boxes of one test.
const BOXES: u32 = 66_000;

impl Host {
    /// With more lines for the operator's file.
    fn with(more: &str) -> Host {
        static BUNDLE: SharedBundle = SharedBundle::new();
        static HOSTS: AtomicU32 = AtomicU32::new(0);
        let bundle = BUNDLE
            .path(|_| "bash cat chmod env id ln ls mkdir mkfifo rm sleep stat timeout touch true".to_owned());
        let scene = Scene::new();
        // Another test program may be at work.
        let number = std::process::id() % 500 * 60 + HOSTS.fetch_add(1, Ordering::Relaxed);
        let first_uid = (1 << 31) + number % 30_000 * BOXES;
        let file = format!(
            "bundle = '{}'\nbox_root = '{}'\nlock_root = '{}'\nsocket = '{}'\nfirst_uid = {first_uid}\nnum_boxes = {BOXES}\n{more}\n",
            bundle.display(),
            scene.path("boxes").display(),
            scene.path("locks").display(),
            scene.path("socket").display(),
        );
        scene.file("isolate.toml", file);
        Host { scene, bundle: bundle.to_path_buf(), first_uid }
    }

    fn new() -> Host {
        Host::with("")
    }

    /// isolate with these words and no variables.
    fn isolate(&self, words: &[&str]) -> Command {
        let mut command = self.scene.command();
        command.arg("isolate").args(words).env_clear();
        command.env("CAPSULE_ISOLATE_CONFIG", self.scene.path("isolate.toml"));
        command
    }

    fn says(&self, line: &str) -> Said {
        Said::of(&mut self.isolate(&line.split_whitespace().collect::<Vec<_>>()))
    }

    /// Makes a box, and gives its directory.
    fn init(&self, line: &str) -> PathBuf {
        let said = self.says(&format!("{line} --init"));
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{line}");
        said.stdout.trim_end().into()
    }

    /// Runs a shell's line in a box, with options before.
    fn shell(&self, options: &str, line: &str) -> Ran {
        let words: Vec<&str> =
            options.split_whitespace().chain(["--run", "--", "/bin/bash", "-c", line]).collect();
        self.run(&words)
    }

    /// A run whose meta file is read.
    fn run(&self, words: &[&str]) -> Ran {
        let meta = self.scene.path("meta");
        let _absent = fs::remove_file(&meta);
        let option = format!("--meta={}", meta.display());
        let Said { code, stdout, stderr } =
            Said::of(&mut self.isolate(&[&[option.as_str()], words].concat()));
        let text = fs::read_to_string(&meta).unwrap_or_default();
        let line = |line: &str| {
            let (key, value) = line.split_once(':').expect(line);
            (key.to_owned(), value.to_owned())
        };
        Ran { code, stdout, stderr, meta: text.lines().map(line).collect() }
    }
}

impl Ran {
    /// A key of the meta file; nothing where it is absent.
    fn key(&self, key: &str) -> &str {
        self.meta.get(key).map_or("", String::as_str)
    }

    /// Status, message and exit code.
    fn verdict(&self) -> (&str, &str, i32) {
        (self.key("status"), self.key("message"), self.code)
    }
}
