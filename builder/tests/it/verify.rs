//! `capsule verify`: lists where a bundle differs from its manifest.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;

use crate::scene::{Said, Scene, needs_root};

#[test]
fn a_fresh_bundle_verifies() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls -o B --format dir");
    assert!(scene.succeeds("verify B").stdout.ends_with(" entries compared, 0 differ\n"));
}

#[test]
fn every_kind_of_change_is_listed() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls cat id -o B --format dir");
    let inside = |path: &str| scene.path("B/rootfs").join(path);
    fs::remove_file(inside("etc/hosts")).expect("removed");
    let mut bytes = fs::read(inside("usr/bin/bash")).expect("read");
    bytes[5000] ^= 1;
    fs::write(inside("usr/bin/bash"), bytes).expect("written");
    fs::write(inside("etc/group"), "short").expect("written");
    fs::set_permissions(inside("usr/bin/ls"), fs::Permissions::from_mode(0o4755)).expect("set");
    chown(inside("usr/bin/cat"), Some(7), None).expect("chowned");
    fs::remove_file(inside("bin")).expect("removed");
    symlink("/etc", inside("bin")).expect("linked");
    fs::write(inside("usr/bin/extra"), "").expect("written");
    fs::write(scene.path("B/init"), "").expect("written");

    let said = scene.capsule("verify B");

    assert_eq!(said.code, 1);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let expected = [
        "/bin is a link to `/etc`, not to `usr/bin`",
        "/etc/group has 5 bytes, not 1699",
        "/etc/hosts is missing",
        "/usr/bin/bash has different content",
        "/usr/bin/cat belongs to 7:0, not to root",
        "/usr/bin/extra is not in the manifest",
        "/usr/bin/ls has mode 4755, not 0755",
        "init is a different program",
    ];
    assert_eq!(lines[..lines.len() - 1], expected);
}

#[test]
fn every_file_of_the_bundle_is_compared() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir,cpio,tar.zst,oci");
    assert!(scene.succeeds("verify B").stdout.ends_with(" 0 differ\n"));
    let sums = fs::read_to_string(scene.path("B/SHA256SUMS")).expect("there");
    let names: Vec<&str> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name).collect();
    assert!(names.contains(&"rootfs/usr/bin/bash"), "{names:?}");
    let names: Vec<&str> = names.into_iter().filter(|name| !name.starts_with("rootfs/")).collect();
    assert!(names.len() == 14 && names.contains(&"oci/index.json"), "{names:?}");
    let check = Said::of(
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(scene.path("B")),
    );
    assert_eq!((check.code, check.stderr.as_str()), (0, ""));
    for name in &names {
        let (place, kept) = (scene.path("B").join(name), scene.path("kept"));
        fs::rename(&place, &kept).expect("moved");
        fs::write(&place, "other").expect("written");
        fs::set_permissions(&place, fs::metadata(&kept).expect("there").permissions()).expect("set");
        if *name != "manifest.json" {
            let what = if *name == "init" { "is a different program" } else { "has different content" };
            let said = scene.capsule("verify B");
            assert!(said.code == 1 && said.stdout.starts_with(&format!("{name} {what}\n")), "{said:?}");
        }
        fs::rename(&kept, &place).expect("moved back");
    }
    fs::write(scene.path("B/oci/extra"), "").expect("written");
    fs::remove_file(scene.path("B/run.sh")).expect("removed");
    let said = scene.capsule("verify B").stdout;
    assert!(said.starts_with("oci/extra is not in SHA256SUMS\nrun.sh is missing\n"), "{said}");
}

#[test]
fn a_bundle_of_archives_is_verified_and_one_that_lost_its_tree_is_not_a_bundle() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format tar");
    assert_eq!(scene.succeeds("verify B").stdout, "8 entries compared, 0 differ\n");
    scene.succeeds("build bash -o C --format dir,tar");
    fs::remove_dir_all(scene.path("C/rootfs")).expect("removed");
    assert!(scene.fails("verify C").contains("`C` is not a bundle: it has no `rootfs`"));
}

#[test]
fn modes_of_all_files_are_compared_and_lists_must_fit_the_manifest() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash -o B --format dir,oci");
    fs::set_permissions(scene.path("B/run.sh"), fs::Permissions::from_mode(0o777)).expect("set");
    fs::set_permissions(scene.path("B/oci/blobs"), fs::Permissions::from_mode(0o700)).expect("set");
    let sums = fs::read_to_string(scene.path("B/SHA256SUMS")).expect("there");
    let (line, _) = sums.split_once("  rootfs/etc/group\n").expect("listed");
    let sha = &line[line.len() - 64..];
    fs::write(scene.path("B/SHA256SUMS"), sums.replace(sha, &"0".repeat(64))).expect("written");

    let said = scene.capsule("verify B");

    let lines: Vec<&str> = said.stdout.lines().collect();
    let expected = [
        "SHA256SUMS does not fit the manifest: `rootfs/etc/group`",
        "oci/blobs has mode 0700, not 0755",
        "run.sh has mode 0777, not 0755",
    ];
    assert_eq!((said.code, &lines[..lines.len() - 1]), (1, &expected[..]));
}
