//! `build.sh`: an auditable way to the same tree.

use std::fs;
use std::process::Command;

use builder::digest::Sha;

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
        said.stderr.contains("error: the sources named above are not those of this bundle"),
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
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir");
    let printed = scene.succeeds("script bash").stdout;
    assert_eq!(printed, fs::read_to_string(scene.path("B/build.sh")).expect("there"));
    assert_eq!(scene.names(), ["B"]);
}

#[test]
fn install_puts_a_whole_bundle_in_place_of_an_earlier_one() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o A --format dir");
    scene.succeeds("build cat -o B --format dir");
    scene.file("mine/x", "mine");
    let install = |bundle: &str, place: &str| {
        Said::of(Command::new("sh").arg(scene.path(bundle).join("install.sh")).arg(scene.path(place)))
    };
    for bundle in ["A", "B"] {
        let said = install(bundle, "opt/capsule");
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(listing(&scene.path("opt/capsule")), listing(&scene.path(bundle)));
    }
    assert_eq!(fs::read_dir(scene.path("opt")).expect("listed").count(), 1);
    let said = install("A", "mine");
    assert!(said.code == 1 && said.stderr.contains("is no bundle, and stays as it is"), "{}", said.stderr);
    assert_eq!(fs::read_dir(scene.path("mine")).expect("listed").count(), 1);
}

#[test]
fn install_refuses_what_it_does_not_understand_and_writes_nothing() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o A --format dir");
    scene.file("file", "x");
    let inside = scene.path("A/below").display().to_string();
    for (words, what) in [
        (vec!["one", "two"], "one directory at most: sh install.sh [DIRECTORY], not `one two`"),
        (vec![""], "`` is not taken for a directory"),
        (vec!["--help"], "`--help` is not taken for a directory"),
        (vec![inside.as_str()], "is inside of the bundle"),
        (vec!["file/below"], "file"),
        (vec!["file"], "`file` is no bundle, and stays as it is"),
        (vec!["/"], "`/` is no bundle, and stays as it is"),
    ] {
        let mut command = Command::new("sh");
        let said = Said::of(command.arg("A/install.sh").args(&words).current_dir(scene.path("")));
        assert_eq!((said.code, said.stderr.lines().count()), (1, 1), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains(what), "{words:?}: {}", said.stderr);
        assert_eq!((scene.names(), said.stdout.as_str()), (vec!["A".into(), "file".into()], ""), "{words:?}");
        assert!(!scene.path("A/below").exists(), "{words:?}");
    }
}
