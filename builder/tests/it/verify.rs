//! `capsule verify`: a bundle is what its manifest says, or the list of what is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::scene::{Scene, needs_root};

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
        "/bin leads to `/etc`, not to `usr/bin`",
        "/etc/group has 5 bytes, not 1699",
        "/etc/hosts is missing",
        "/usr/bin/bash has other content",
        "/usr/bin/cat belongs to 7:0, not to root",
        "/usr/bin/extra is not in the manifest",
        "/usr/bin/ls has mode 4755, not 0755",
        "init is another program",
    ];
    assert_eq!(lines[..lines.len() - 1], expected);
}
