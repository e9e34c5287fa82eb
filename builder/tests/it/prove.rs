//! `capsule prove` finds its program and passes its arguments on.

use std::path::Path;
use std::process::{Command, Output};

/// A copy of capsule in a directory without other programs.
fn capsule_in(directory: &Path) -> std::path::PathBuf {
    let capsule = directory.join("capsule");
    shell("cp \"$1\" \"$2\"", env!("CARGO_BIN_EXE_capsule"), &capsule);
    capsule
}

/// Another process writes the program: a child that another test starts at this moment would inherit our descriptor, and
/// a program that is open for writing cannot be started (ETXTBSY, execve(2)).
fn shell(command: &str, first: &str, second: &Path) {
    let status = Command::new("sh").args(["-c", command, "sh", first]).arg(second).status();
    assert!(status.unwrap().success());
}

fn prove(capsule: &Path, words: &[&str]) -> Output {
    Command::new(capsule).arg("prove").args(words).env("PATH", "/nonexistent").output().unwrap()
}

#[test]
fn without_its_program_it_names_the_places_it_searched() {
    let directory = tempfile::tempdir().unwrap();
    let output = prove(&capsule_in(directory.path()), &["bundle"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.starts_with("error: `capsule-prove` is neither next to capsule nor on PATH\n"),
        "{stderr}"
    );
}

#[test]
fn arguments_are_passed_on_and_the_exit_code_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let capsule = capsule_in(directory.path());
    let prover = directory.path().join("capsule-prove");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n";
    shell("printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", script, &prover);
    let output = prove(&capsule, &["bundle", "--kernel", "a b", "--help"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "bundle\n--kernel\na b\n--help\n");
    assert_eq!(output.status.code(), Some(3));
}
