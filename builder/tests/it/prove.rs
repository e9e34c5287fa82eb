//! `capsule prove` finds its program, hands it the words unread, and says what is missing.

use std::path::Path;
use std::process::{Command, Output};

/// Our own program at a place where nothing else is.
fn capsule_in(directory: &Path) -> std::path::PathBuf {
    let capsule = directory.join("capsule");
    shell("cp \"$1\" \"$2\"", env!("CARGO_BIN_EXE_capsule"), &capsule);
    capsule
}

/// Programs are written by a process of its own: what another test starts just then would inherit ours open for
/// writing, and a program that is open for writing cannot be started (ETXTBSY).
fn shell(command: &str, first: &str, second: &Path) {
    let status = Command::new("sh").args(["-c", command, "sh", first]).arg(second).status();
    assert!(status.unwrap().success());
}

fn prove(capsule: &Path, words: &[&str]) -> Output {
    Command::new(capsule).arg("prove").args(words).env("PATH", "/nonexistent").output().unwrap()
}

#[test]
fn without_its_program_it_says_where_it_looked() {
    let directory = tempfile::tempdir().unwrap();
    let output = prove(&capsule_in(directory.path()), &["bundle"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.starts_with("error: `capsule-prove` is neither beside capsule nor on PATH\n"), "{stderr}");
}

#[test]
fn the_words_pass_unread_and_the_exit_code_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let capsule = capsule_in(directory.path());
    let prover = directory.path().join("capsule-prove");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n";
    shell("printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", script, &prover);
    let output = prove(&capsule, &["bundle", "--kernel", "a b", "--help"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "bundle\n--kernel\na b\n--help\n");
    assert_eq!(output.status.code(), Some(3));
}
