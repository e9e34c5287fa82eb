//! A scene: an empty directory, the capsule binary, and what a call of it printed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// However slow a machine is: what takes longer than this hangs.
pub const HANG: Duration = Duration::from_secs(300);

/// A directory that is removed when the test ends.
pub struct Scene {
    directory: tempfile::TempDir,
}

/// What a call printed, and its exit code.
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

    /// With a bundle `B` that has bash and nothing else, for tests that do not change it.
    pub fn with_bash() -> Scene {
        static BUNDLE: SharedBundle = SharedBundle::new();
        let scene = Scene::new();
        let bundle = BUNDLE.path(|_| "bash".to_owned());
        std::os::unix::fs::symlink(bundle, scene.path("B")).expect("linked");
        scene
    }

    /// In another file system than the default one.
    pub fn below(parent: &Path) -> Scene {
        Scene { directory: tempfile::tempdir_in(parent).expect("a directory") }
    }

    /// For a `static`, which is never dropped: the next test program removes it.
    fn shared() -> Scene {
        const PREFIX: &str = "capsule-tests-";
        for entry in fs::read_dir("/var/tmp").expect("listed").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _another_program_may_do_the_same = fs::remove_dir_all(entry.path());
            }
        }
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir_in("/var/tmp").expect("a directory");
        // Ordinary users enter it too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("set");
        Scene { directory }
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

    /// Runs it, expects failure with no file left behind, and gives its stderr.
    pub fn fails(&self, line: &str) -> String {
        let before = self.names();
        let said = self.capsule(line);
        assert_ne!(said.code, 0, "capsule {line} succeeded");
        assert_eq!(self.names(), before, "capsule {line} left something behind");
        said.stderr
    }

    /// The names in the scene's directory itself, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("listed");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Said {
    /// Runs a command to its end; kills one that hangs, whose code is then -1.
    pub fn of(command: &mut Command) -> Said {
        let (parent, (ended, end)) = (rustix::thread::gettid(), mpsc::channel::<()>());
        let watchdog = thread::spawn(move || {
            if end.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout) {
                for child in children(parent) {
                    let _may_have_ended = kill_process(child, Signal::KILL);
                }
            }
        });
        let Output { status, stdout, stderr } = command.output().expect("it starts");
        drop(ended);
        watchdog.join().expect("it does not panic");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Said { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// Ends the test early unless root runs it: a failure in CI, a message elsewhere.
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

/// Waits for a condition; panics when it hangs.
#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "{what}: not within {HANG:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The children of a thread, or of the first thread of a process (proc_pid_task_tid_children(5)).
pub fn children(parent: Pid) -> Vec<Pid> {
    let path = format!("/proc/{0}/task/{0}/children", parent.as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// The children of all threads of a process.
pub fn children_of_all(parent: Pid) -> Vec<Pid> {
    let tasks = format!("/proc/{}/task", parent.as_raw_nonzero());
    let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = |list: String| -> Vec<Pid> {
        list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
    };
    lists.flat_map(pids).collect()
}

/// A bundle for tests that do not change it, built once by the test that comes first.
pub struct SharedBundle(OnceLock<(Scene, PathBuf)>);

impl SharedBundle {
    pub const fn new() -> SharedBundle {
        SharedBundle(OnceLock::new())
    }

    /// The bundle's path. `prepare` writes what the build needs, and gives the arguments of `capsule build`.
    pub fn path(&self, prepare: impl Fn(&Scene) -> String) -> &Path {
        let build = || {
            let scene = Scene::shared();
            let arguments = prepare(&scene);
            scene.succeeds(&format!("build {arguments} -o B --format dir"));
            let bundle = scene.path("B");
            (scene, bundle)
        };
        &self.0.get_or_init(build).1
    }
}

/// Every path below `root` with type, mode, owner and content or target, to compare two trees.
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
            format!("{} bytes {}", content.len(), bundle::digest::Sha::of(&content))
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
