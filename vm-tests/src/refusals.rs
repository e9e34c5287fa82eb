//! Roots and options with which init must refuse to start anything: it fails closed, with exit code 125.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a refused run would print, had it been started.
const STARTED: &str = "started";

/// Directories that every root has.
const PLACES: [&str; 6] = ["proc", "dev", "tmp", "home", "home/judge", "bin"];

/// Runs init with each of them, and returns those that were not refused. `root` is a sound root.
pub fn all(init: &Path, root: &Path) -> io::Result<Vec<String>> {
    let directory = tempfile::tempdir()?;
    let mut wrong = Vec::new();
    for (name, spoil) in SPOILED {
        let spoiled = make_root(directory.path(), name)?;
        spoil(&spoiled)?;
        wrong.extend(refused(init, &spoiled, &[]).err().map(|why| format!("a root {name}: {why}")));
    }
    for options in OPTIONS {
        wrong.extend(refused(init, root, options).err().map(|why| format!("{}: {why}", options.join(" "))));
    }
    // A sound root has to start: else the refusals prove nothing.
    if refused(init, root, &[]).is_ok() {
        wrong.push("a sound root was refused".into());
    }
    Ok(wrong)
}

type Spoil = fn(&Path) -> io::Result<()>;

const SPOILED: &[(&str, Spoil)] = &[
    ("whose /proc is a symbolic link", |root| link(root, "proc", "/etc")),
    ("whose /proc leads back to the root", |root| link(root, "proc", "../../../..")),
    ("whose /dev is a symbolic link", |root| link(root, "dev", "/tmp")),
    ("whose /tmp is a symbolic link", |root| link(root, "tmp", "/etc")),
    ("whose /home is a symbolic link", |root| {
        fs::remove_dir(root.join("home/judge"))?;
        link(root, "home", "/")
    }),
    ("whose work directory is a symbolic link", |root| link(root, "home/judge", "/etc")),
    ("whose /proc is a file", |root| {
        fs::remove_dir(root.join("proc"))?;
        File::create(root.join("proc")).map(drop)
    }),
    ("without /dev", |root| fs::remove_dir(root.join("dev"))),
];

/// Steps of the set-up that must fail.
const OPTIONS: &[&[&str]] = &[
    &["--bind", "/nowhere:/tmp/x"],
    &["--bind", "/etc:/nowhere"],
    &["--bind", "/etc:/proc/self"],
    &["--cwd", "/nowhere"],
    &["--stdin", "/nowhere"],
    &["--stdout", "/nowhere/file"],
    &["--seccomp", "/bin/sh"],
    &["--open-files", "2"],
    &["--cpus", "4000"],
    &["--root", "/nowhere"],
    &["--root", "/etc/passwd"],
];

fn make_root(directory: &Path, name: &str) -> io::Result<PathBuf> {
    let root = directory.join(name.replace(['/', ' '], "-"));
    fs::create_dir(&root)?;
    PLACES.iter().try_for_each(|place| fs::create_dir(root.join(place)))?;
    Ok(root)
}

fn link(root: &Path, place: &str, target: &str) -> io::Result<()> {
    fs::remove_dir(root.join(place))?;
    symlink(target, root.join(place))
}

fn refused(init: &Path, root: &Path, options: &[&str]) -> Result<(), String> {
    let mut command = Command::new(init);
    command.arg("run").arg("--root").arg(root).args(options).args(["--", "/bin/bash", "-c"]);
    command.arg(format!("echo {STARTED}")).stdin(Stdio::null());
    let output = command.output().map_err(|cause| cause.to_string())?;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if stdout.contains(STARTED) {
        return Err("something was started".into());
    }
    match output.status.code() {
        Some(125) if stderr.lines().count() == 1 => Ok(()),
        code => Err(format!("exit code {code:?}, {stderr:?}")),
    }
}
