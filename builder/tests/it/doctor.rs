//! `capsule doctor` on hosts that lack something.

use std::process::Command;

use crate::scene::{Said, Scene, needs_root};

#[test]
fn a_directory_for_temporary_files_that_cannot_be_used_is_no_obstacle() {
    needs_root!();
    let scene = Scene::new();
    let expected = scene.capsule("doctor");
    assert!(expected.stdout.contains("memory"), "{expected:?}");
    std::fs::create_dir(scene.path("tmp")).expect("made");
    for mount in ["ro", "noexec"] {
        let mut unshare = Command::new("unshare");
        let script = format!("mount -t tmpfs -o {mount} none \"$TMPDIR\" && exec \"$0\" doctor");
        unshare
            .args(["-m", "sh", "-c", &script, env!("CARGO_BIN_EXE_capsule")])
            .env("TMPDIR", scene.path("tmp"));
        let said = Said::of(unshare.current_dir("/"));
        assert_eq!(
            (said.code, said.stdout, said.stderr),
            (expected.code, expected.stdout.clone(), String::new())
        );
    }
}
