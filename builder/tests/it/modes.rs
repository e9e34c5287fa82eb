//! Modes of included files: what not every user of the build host may read, a submission may not read either.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bundle::manifest::Manifest;
use recipe::image_path::ImagePath;

use crate::scene::{Scene, needs_root};

const CLOSED: [(&str, u32); 5] =
    [("data", 0o700), ("data/none", 0o000), ("data/own", 0o600), ("data/group", 0o640), ("data/run", 0o750)];

/// A scene with closed files, and one that every user may read.
fn scene() -> (Scene, String) {
    let scene = Scene::new();
    scene.file("data/open", "open");
    fs::set_permissions(scene.path("data/open"), fs::Permissions::from_mode(0o664)).unwrap();
    for (name, mode) in CLOSED.iter().rev() {
        if *name != "data" {
            scene.file(name, "closed");
        }
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(*mode)).unwrap();
    }
    let data = scene.path("data").display().to_string();
    (scene, data)
}

fn mode(scene: &Scene, name: &str) -> String {
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    manifest.get(&ImagePath::new(&scene.path(name)).unwrap()).unwrap().mode.clone()
}

#[test]
fn a_closed_file_stays_closed_and_is_reported_with_the_line_that_opens_it() {
    needs_root!();
    let (scene, data) = scene();
    let line = format!("build bash --include {data} --allow unowned={data}/** -o B --format dir,tar");
    let said = scene.succeeds(&line);
    let expected = format!(
        "warning: a submission cannot read 5 entries of the image\n  `{data}` has mode 0700\n  `{data}/group` has mode 0640\n  \
         `{data}/none` has mode 0000\n  `{data}/own` has mode 0600\n  `{data}/run` has mode 0750\n  hint: to open them, write private = ["
    );
    assert!(said.stderr.starts_with(&expected), "{}", said.stderr);
    for (name, bits) in CLOSED {
        assert_eq!(mode(&scene, name), format!("{bits:04o}"), "{name}");
        let copy = scene.path("B/rootfs").join(&scene.path(name).to_str().unwrap()[1..]);
        assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o7777, bits, "{name}");
    }
    assert_eq!(mode(&scene, "data/open"), "0644");
    scene.succeeds("verify B");

    let hint = said.stderr.lines().find(|line| line.starts_with("  hint: to open them")).unwrap();
    let options = hint.split_once("or use ").unwrap().1;
    let opened = scene.succeeds(&format!("{line} --replace {options}"));
    assert!(!opened.stderr.contains("cannot read"), "{}", opened.stderr);
    let modes = CLOSED.map(|(name, _)| mode(&scene, name));
    assert_eq!(modes, ["0755", "0644", "0644", "0644", "0755"]);
}

#[test]
fn a_library_that_a_program_needs_is_readable_even_when_it_is_included_and_closed() {
    needs_root!();
    let scene = Scene::new();
    let program = scene.file("x/prog", "#!/bin/bash\n").display().to_string();
    fs::set_permissions(scene.path("x/prog"), fs::Permissions::from_mode(0o700)).unwrap();
    scene.succeeds(&format!("build {program} --include {program} -o B --format dir"));
    assert_eq!(mode(&scene, "x/prog"), "0755");
}
