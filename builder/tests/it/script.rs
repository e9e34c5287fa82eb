//! `build.sh` makes the same tree, in a way that can be audited.

use std::fs;
use std::process::Command;

use bundle::digest::Sha;

use crate::scene::{Said, Scene, listing, needs_root};

const TRICKY: &str = "[files]\n\"/opt/it's $HOME/-x\" = \"a'b\\n$(exit 1)`id`\\\\ no newline\"\n'/opt/empty' = ''\n\
    '/opt/run' = { content = '', mode = '0700' }\n[symlinks]\n\"/opt/a link\" = \"it's $HOME/-x\"\n";

#[test]
fn the_script_makes_the_same_tree() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", format!("binaries = ['bash', 'ls']\npacks = ['terminal']\n{TRICKY}"));
    scene.succeeds("build -r r.toml -o B --format dir");
    let said = Said::of(Command::new("sh").arg(scene.path("B/build.sh")).arg(scene.path("copy")));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let (ours, theirs) = (listing(&scene.path("B/rootfs")), listing(&scene.path("copy")));
    assert!(ours.len() > 20);
    assert_eq!(ours, theirs);
}

#[test]
fn a_changed_source_is_refused_before_anything_is_made() {
    needs_root!();
    let scene = Scene::new();
    let source = scene.file("tool", "#!/bin/sh\necho one\n");
    scene.succeeds(&format!("build {} -o B --format dir --allow unowned=/**", source.display()));
    scene.file("tool", "#!/bin/sh\necho two\n");
    let said = Said::of(Command::new("sh").arg(scene.path("B/build.sh")).arg(scene.path("copy")));
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("/tool: FAILED"), "{}", said.stdout);
    assert!(
        said.stderr.contains("error: the sources above have changed since the bundle was built"),
        "{}",
        said.stderr
    );
    assert!(!scene.path("copy").exists());
}

#[test]
fn the_generated_scripts_are_clean() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", format!("binaries = ['ls']\n{TRICKY}[limits]\ncpu-time = '1s'\n"));
    scene.succeeds("build -r r.toml -o B --format dir");
    for script in ["build.sh", "install.sh", "run.sh"] {
        let said =
            Said::of(Command::new("shellcheck").args(["--shell=sh"]).arg(scene.path("B").join(script)));
        assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{script}");
    }
    let run = fs::read_to_string(scene.path("B/run.sh")).expect("there");
    let manifest = fs::read(scene.path("B/manifest.json")).expect("there");
    let digest = Sha::of(&manifest);
    let start = format!("run --root \"$bundle/rootfs\" --rootfs-digest {} --cpu-time 1s", digest.as_str());
    assert!(run.contains(&format!("exec \"$bundle/init\" {start} \"$@\"")), "{run}");
}

#[test]
fn script_prints_what_build_would_write() {
    needs_root!();
    let scene = Scene::with_bash();
    let printed = scene.succeeds("script bash").stdout;
    assert_eq!(printed, fs::read_to_string(scene.path("B/build.sh")).expect("there"));
    assert_eq!(scene.names(), ["B"]);
}
