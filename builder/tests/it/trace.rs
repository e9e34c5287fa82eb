//! `capsule trace`: the files that commands open, as the kernel sees them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use builder::tool::trace::{Trace, trace};

use crate::scene::{Said, Scene, needs_root};

fn traced(words: &[&str]) -> Trace {
    let command: Vec<OsString> = words.iter().map(Into::into).collect();
    trace(&command).unwrap()
}

fn lacks(trace: &Trace, path: &Path) -> bool {
    trace.lacking(|_| false).contains(path)
}

#[test]
fn files_of_children_are_seen_and_links_with_their_targets() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    std::fs::write(&file, "x").unwrap();
    std::os::unix::fs::symlink("file", &link).unwrap();
    let script = format!("cd {}; (cat link; true) > out; cat out > /dev/null; exit 3", dir.path().display());
    let trace = traced(&["sh", "-c", &script]);
    assert_eq!(trace.exit_code, 3);
    assert!(lacks(&trace, &link) && lacks(&trace, &file), "{:?}", trace.read);
    assert!(lacks(&trace, Path::new("/usr/bin/cat")));
    assert!(
        !lacks(&trace, &dir.path().join("out")),
        "a file that the command itself made is not part of an image"
    );
}

#[test]
fn a_script_is_seen_with_its_interpreter() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let trace = traced(&[script.to_str().unwrap()]);
    assert!(lacks(&trace, &script), "{:?}", trace.read);
    assert!(trace.read.iter().any(|path| path.ends_with("dash") || path.ends_with("bash")));
    assert!(trace.read.iter().any(|path| path.ends_with("ld-linux-x86-64.so.2")), "{:?}", trace.read);
}

#[test]
fn threads_are_seen() {
    let program = "import threading\nt = threading.Thread(target=lambda: open('/etc/hostname').read())\nt.start(); t.join()";
    let trace = traced(&["python3", "-c", program]);
    assert_eq!(trace.exit_code, 0);
    assert!(lacks(&trace, Path::new("/etc/hostname")), "{:?}", trace.read);
}

#[test]
fn a_file_that_is_only_asked_about_is_seen() {
    // Python looks for this landmark and never opens it: the module is compiled into the program.
    let landmark = Path::new("/usr/lib/python3.11/os.py");
    let trace = traced(&["/usr/bin/python3", "-I", "-c", "pass"]);
    assert!(!trace.read.contains(landmark) && lacks(&trace, landmark), "{:?}", trace.asked);
    let trace = traced(&["sh", "-c", "test -e /etc/hostname; test -d /etc; test -e /no/such"]);
    assert!(lacks(&trace, Path::new("/etc/hostname")));
    assert!(!lacks(&trace, Path::new("/etc")) && !lacks(&trace, Path::new("/no/such")));
    assert!(trace.missed.contains(Path::new("/no/such")), "{:?}", trace.missed);
}

#[test]
fn planned_files_and_files_of_the_sandbox_are_not_lacking() {
    let trace = traced(&["sh", "-c", "cat /etc/hostname /proc/self/status /dev/null > /dev/null"]);
    let lacking = trace.lacking(|path| path == Path::new("/etc/hostname"));
    let listed = |path: &str| lacking.contains(&PathBuf::from(path));
    assert!(!listed("/etc/hostname") && !listed("/dev/null"));
    assert!(!lacking.iter().any(|path| path.starts_with("/proc")));
    assert!(lacking.iter().any(|path| path.ends_with("libc.so.6")), "{lacking:?}");
}

#[test]
fn a_traced_command_gets_its_signals() {
    assert_eq!(traced(&["sh", "-c", "trap 'exit 7' USR1; kill -USR1 $$; exit 1"]).exit_code, 7);
    assert_eq!(traced(&["sh", "-c", "kill -TERM $$"]).exit_code, 128 + 15);
    // Real-time signals have no names; Mono's collector stops threads by them.
    assert_eq!(traced(&["bash", "-c", "trap 'exit 8' RTMIN+3; kill -RTMIN+3 $$; exit 1"]).exit_code, 8);
    assert_eq!(traced(&["bash", "-c", "kill -RTMIN+3 $$"]).exit_code, 128 + 37);
}

#[test]
fn a_command_that_does_not_exist_is_an_error() {
    let error = trace(&["/no/such".into()]).unwrap_err().to_string();
    assert!(error.starts_with("`/no/such` cannot be started: "), "{error}");
}

#[test]
fn the_command_line_prints_lines_for_a_recipe() {
    let capsule = || assert_cmd::Command::cargo_bin("capsule").unwrap();
    let output = capsule().args(["trace", "--", "cat", "/usr/lib/os-release"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("include = [\n") && text.contains("    \"/usr/lib/os-release\",\n"), "{text}");
    assert!(!text.contains("libc.so.6"), "the closure of the command is planned already: {text}");
    let bare = capsule().arg("trace").output().unwrap();
    assert_eq!(bare.status.code(), Some(125));
}

/// A trace prints lines of a recipe: they build, and the files that they leave out build once the printed lines allow them.
#[test]
fn printed_lines_build_as_they_are() {
    needs_root!();
    let scene = Scene::new();
    let unowned = scene.file("settings", "x").display().to_string();
    let link = scene.path("link").display().to_string();
    std::os::unix::fs::symlink("settings", &link).unwrap();
    let own_home = scene.file("home/.gitconfig", "").display().to_string();
    let hidden = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    let hidden = hidden.path().display().to_string();
    let program = format!(
        "import json, sqlite3\nfor name in {:?}: open(name)",
        [&link, &own_home, &hidden, "/usr/bin/[", "/usr/bin/su"]
    );
    let mut command = scene.command();
    command.args(["trace", "--", "/usr/bin/python3", "-c", &program]).env("HOME", scene.path("home"));
    let traced = Said::of(&mut command);
    assert_eq!(traced.code, 0, "{}", traced.stderr);
    let (text, head) = (traced.stdout, "binaries = [\"/usr/bin/python3\"]\n");
    scene.file("pasted.toml", format!("{head}{text}"));
    scene.succeeds("build -r pasted.toml -o B --format dir");
    let holds = |path: &str| scene.path("B/rootfs").join(&path[1..]).symlink_metadata().is_ok();
    assert!(holds("/usr/lib/python3.11/json/decoder.py") && holds("/usr/bin/["), "{text}");
    assert!(holds("/usr/lib/python3.11/json/__pycache__/decoder.cpython-311.pyc"), "{text}");
    for left_out in [&unowned, &link, &own_home, &hidden, "/usr/bin/su"] {
        assert!(text.contains(&format!("    # \"{left_out}\",\n")) && !holds(left_out), "{left_out}: {text}");
    }
    assert!(text.contains("# setuid = [\n#     \"/usr/bin/su\",\n# ]\n"), "{text}");
    // All files but the one that no image can have.
    let allowed = text.replace(&format!("    # \"{hidden}\",\n"), "").replace("    # \"", "    \"");
    let (include, allow) = allowed.split_once("# [allow]\n").expect("something is refused");
    let allow: Vec<&str> = allow.lines().map(|line| line.trim_start_matches("# ")).collect();
    let allowed = format!("{include}[allow]\n{}\n", allow.join("\n").replace("\n#", "\n"));
    scene.file("allowed.toml", format!("{head}{allowed}"));
    scene.succeeds("build -r allowed.toml -o A --format dir");
    assert!(scene.path("A/rootfs/usr/bin/su").exists(), "{allowed}");
}

#[test]
fn the_lines_for_the_recipe_go_to_a_file_and_the_commands_output_does_not() {
    let scene = Scene::new();
    let said = scene.succeeds("trace -o lines.toml -- echo hello");
    assert_eq!(said.stdout, "hello\n");
    let lines = std::fs::read_to_string(scene.path("lines.toml")).unwrap();
    assert!(
        lines.starts_with("# `echo hello` ended with 0 and opened") && !lines.contains("\nhello"),
        "{lines}"
    );
}
