//! A scene: an empty directory, the capsule binary, and what a call of it said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where a test plays; gone when it ends.
pub struct Scene {
    directory: tempfile::TempDir,
}

/// What a call said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Scene {
    pub fn new() -> Scene {
        // Not below /tmp: the sandbox mounts its own there, so nothing from there can be in an image.
        Scene::below(Path::new("/var/tmp"))
    }

    /// In another file system than the default one.
    pub fn below(parent: &Path) -> Scene {
        Scene { directory: tempfile::tempdir_in(parent).expect("a directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file; it may be run.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the scene")).expect("made");
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    /// The binary, in this scene's directory.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
        command.current_dir(self.directory.path()).env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// Runs `capsule` with `line`, split at blanks.
    pub fn capsule(&self, line: &str) -> Said {
        Said::of(self.command().args(line.split_whitespace()))
    }

    /// Runs it and expects success.
    pub fn succeeds(&self, line: &str) -> Said {
        let said = self.capsule(line);
        assert_eq!(said.code, 0, "capsule {line}: {}", said.stderr);
        said
    }

    /// Runs it, expects failure with nothing left behind, and gives what it said on stderr.
    pub fn fails(&self, line: &str) -> String {
        let before = self.names();
        let said = self.capsule(line);
        assert_ne!(said.code, 0, "capsule {line} succeeded");
        assert_eq!(self.names(), before, "capsule {line} left something behind");
        said.stderr
    }

    /// Everything that lies in the scene's directory itself, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("listed");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Said {
    pub fn of(command: &mut Command) -> Said {
        let Output { status, stdout, stderr } = command.output().expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Said { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// Ends the test early unless root runs it; in CI that is a failure, elsewhere it is said loudly.
macro_rules! needs_root {
    () => {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this test needs root, and CI must not skip it");
            eprintln!("SKIPPED: this test needs root");
            return;
        }
    };
}
pub(crate) use needs_root;

/// Every path below `root` with type, mode, owner and content or target: what two trees are compared by.
pub fn listing(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    list(root, root, &mut lines);
    lines.sort();
    lines
}

fn list(root: &Path, directory: &Path, lines: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt;
    for entry in fs::read_dir(directory).expect("listed") {
        let path = entry.expect("read").path();
        let facts = path.symlink_metadata().expect("there");
        let what = if facts.is_symlink() {
            format!("-> {}", fs::read_link(&path).expect("a link").display())
        } else if facts.is_dir() {
            list(root, &path, lines);
            "directory".to_owned()
        } else {
            let content = fs::read(&path).expect("readable");
            format!("{} bytes {}", content.len(), builder::digest::Sha::of(&content))
        };
        let inside = path.strip_prefix(root).expect("below");
        lines.push(format!(
            "/{} {:o} {}:{} {what}",
            inside.display(),
            facts.mode(),
            facts.uid(),
            facts.gid()
        ));
    }
}
