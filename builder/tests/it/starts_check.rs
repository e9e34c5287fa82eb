//! Programs that need more than their closure: hints at build time, `--check`, and busybox with its applets.

use std::fs;
use std::path::Path;

use crate::have::have;
use crate::scene::{Scene, needs_root};

#[test]
fn a_program_that_needs_a_pack_is_hinted_at_when_it_is_built() {
    needs_root!();
    let scene = Scene::new();
    let said = scene.succeeds("build /usr/bin/perl -o A --format dir");
    assert!(
        said.stderr.starts_with("warning: `/usr/bin/perl` reads files that no closure can find"),
        "{said:?}"
    );
    assert!(said.stderr.contains("\n  hint: add `--pack perl`, or packs = [\"perl\"];"), "{said:?}");
    let said = scene.succeeds("build --pack perl -o B --format dir");
    assert!(!said.stderr.contains("warning"), "{said:?}");
    // A script needs what its interpreter does.
    let script = scene.file("script", "#!/usr/bin/perl\nuse strict;\n");
    let said = scene.succeeds(&format!("build {} -o C --format dir", script.display()));
    let what = format!("warning: `/usr/bin/perl`, which interprets `{}`, reads files", script.display());
    assert!(said.stderr.starts_with(&what) && said.stderr.contains("add `--pack perl`"), "{said:?}");
    let said = scene.succeeds(&format!("build --pack perl {} -o D --format dir", script.display()));
    assert!(!said.stderr.contains("warning"), "{said:?}");
}

#[test]
fn a_check_starts_every_program_and_shows_what_was_missing() {
    needs_root!();
    let scene = Scene::new();
    // It reads a file of the build host, and fails without it.
    let program = scene.file("needy", "#!/bin/sh\nread -r line </etc/os-release || exit 3\necho $line\n");
    let program = program.display();
    let said = scene.capsule(&format!("build bash {program} -o B --format dir --check"));
    assert_eq!(said.code, 1);
    assert!(
        said.stdout.starts_with(&format!("`{program} --version` ended with nonzero-exit, exit code ")),
        "{said:?}"
    );
    let missed =
        "  it looked for files that the build host has and the image does not:\n    /etc/os-release\n";
    assert!(said.stdout.contains(missed), "{said:?}");
    assert!(said.stdout.ends_with("2 programs started with `--version`, 1 failed\n"), "{said:?}");
    assert!(scene.path("B/manifest.json").exists());
    let said = scene.succeeds("build bash dash -o C --format dir --check");
    assert_eq!(said.stdout, "2 programs started with `--version`, 0 failed\n");
    let error = scene.fails("build bash -o D --format tar --check");
    assert!(error.contains("add `dir` to `--format`"), "{error}");
}

#[test]
fn busybox_alone_gives_a_shell_that_works() {
    needs_root!();
    if !have(Path::new("/bin/busybox"), "busybox-static") {
        return;
    }
    let scene = Scene::new();
    scene.succeeds("build busybox -o B --format dir");
    scene.succeeds("verify B");
    let script = "echo hello | tr a-z A-Z && ls / | grep -c usr && [ -x /bin/vi ] && cat /home/hello.txt";
    let said = crate::scene::Said::of(scene.command().args(["run", "B", "--", "/bin/sh", "-c", script]));
    assert_eq!((said.code, said.stdout.as_str()), (0, "HELLO\n1\nHello, World!\n"), "{said:?}");
    let why = scene.succeeds("explain B /bin/vi").stdout;
    assert!(why.contains("link to busybox") && why.contains("applet of /usr/bin/busybox"), "{why}");
    let listed = scene.succeeds("run B -- /bin/busybox --list").stdout;
    for name in listed.lines() {
        assert!(scene.path("B/rootfs/usr/bin").join(name).symlink_metadata().is_ok(), "{name}");
    }
    // A program of the recipe stays at its own path.
    scene.file("r.toml", "binaries = ['busybox', 'ls']\n");
    scene.succeeds("build -r r.toml -o C --format dir");
    assert!(scene.path("C/rootfs/usr/bin/ls").symlink_metadata().unwrap().is_file());
    scene.file("r.toml", "binaries = ['busybox']\napplets = false\n");
    scene.succeeds("build -r r.toml -o D --format dir");
    assert_eq!(fs::read_dir(scene.path("D/rootfs/usr/bin")).unwrap().count(), 1);
    scene.file("r.toml", "binaries = ['bash']\napplets = true\n");
    let error = scene.fails("build -r r.toml -o E --format dir");
    assert!(error.starts_with("error: r.toml:2:1: no program of `binaries` is a busybox"), "{error}");
}

const PREPARED: &str = r#"
binaries = ["sh"]

[language]
source = "main.sh"

[run]
argv = ["sh", "{source}"]

[[prepare]]
path = "/usr/share/greeting"
argv = ["sh", "-c", 'sh "$1" > "$2"', "prepare", "{source}", "{output}"]
source = "echo made inside; test ! -e /usr/share/greeting"
"#;

#[test]
fn programs_of_an_image_prepare_files_of_it() {
    needs_root!();
    let scene = Scene::new();
    scene.file("greet.toml", PREPARED);
    scene.succeeds("build --pack ./greet.toml --prepare -o B --format dir");
    scene.succeeds("verify B");
    let read = |bundle| fs::read_to_string(scene.path(bundle).join("rootfs/usr/share/greeting")).ok();
    assert_eq!(read("B").as_deref(), Some("made inside\n"));
    scene.succeeds("build --pack ./greet.toml -o C --format dir");
    assert_eq!(read("C"), None);
    scene.file("fails.toml", PREPARED.replace("echo made inside", "echo no such thing >&2; exit 3"));
    let error = scene.fails("build --pack ./fails.toml --prepare -o D --format dir");
    assert!(
        error.contains("`/usr/share/greeting` cannot be prepared: nonzero-exit\n  no such thing"),
        "{error}"
    );
    scene.file("idle.toml", PREPARED.replace(r#"> "$2""#, ""));
    let error = scene.fails("build --pack ./idle.toml --prepare -o D --format dir");
    assert!(error.contains("its program made no `{output}`"), "{error}");
    let error = scene.fails("build sh --prepare -o D --format dir");
    assert!(error.contains("no language of this image has a `[[prepare]]`"), "{error}");
    assert!(!scene.path("D").exists());
    scene.file("wrong.toml", PREPARED.replace("source = \"echo", "sauce = \"echo"));
    let error = scene.fails("build --pack ./wrong.toml -o D --format dir");
    assert!(error.contains("unknown key `sauce`") && error.contains("did you mean `source`"), "{error}");
}
