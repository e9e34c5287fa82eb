//! Files whose names are not UTF-8.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::have::have;
use crate::scene::{Said, Scene, needs_root};

fn odd(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

/// A tree with a program, a file, a directory and links that no text names, and a name with the characters that stand for
/// bytes in a manifest.
fn scene() -> Scene {
    let scene = Scene::new();
    let tree = scene.path("tree");
    let directory = tree.join(odd(b"d\xff"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(odd(b"caf\xe9")), "latin").unwrap();
    fs::write(directory.join("caf\u{10FFE9}"), "private").unwrap();
    fs::hard_link(directory.join(odd(b"caf\xe9")), directory.join(odd(b"zw\xf6lf"))).unwrap();
    symlink(odd(b"d\xff/caf\xe9"), tree.join(odd(b"l\x80"))).unwrap();
    fs::copy("/bin/cat", tree.join(odd(b"k\xe4tz"))).unwrap();
    scene
}

fn build(scene: &Scene, arguments: &str) -> Said {
    let tree = scene.path("tree");
    let here = tree.display();
    let line = format!("build bash -o B {arguments} --include {here} --allow unowned={here}/**");
    Said::of(scene.command().args(line.split(' ')).arg(tree.join(odd(b"k\xe4tz"))))
}

/// Every path below `root`, with type, mode, and content or target, as bytes.
fn listing(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            let content = if facts.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else if facts.is_dir() {
                left.push(path.clone());
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            found.push((path.strip_prefix(root).unwrap().to_path_buf(), facts.mode(), content));
        }
    }
    found.sort();
    found
}

#[test]
fn names_that_are_not_utf_8_are_the_same_in_every_form() {
    needs_root!();
    if !have(Path::new("/usr/bin/cpio"), "cpio") {
        return;
    }
    let scene = scene();
    let said = build(&scene, "--format dir,tar,cpio,oci");
    assert_eq!(said.code, 0, "{said:?}");
    let tree = listing(&scene.path("B/rootfs"));
    let inside = |root: &Path| root.join(scene.path("tree").strip_prefix("/").unwrap());
    assert_eq!(listing(&inside(&scene.path("B/rootfs"))), listing(&scene.path("tree")));
    let unpack = "mkdir tar cpio && tar -xpf B/rootfs.tar -C tar --numeric-owner && cd cpio && cpio -idm --quiet <../B/initramfs.cpio \
        && cd .. && sh B/build.sh made";
    let said = Said::of(Command::new("sh").args(["-euc", unpack]).current_dir(scene.path("")));
    assert_eq!(said.code, 0, "{said:?}");
    for other in ["tar", "cpio/rootfs", "made"] {
        assert_eq!(listing(&scene.path(other)), tree, "{other}");
    }
    let said = scene.succeeds("verify B");
    assert!(said.stdout.ends_with(" 0 differ\n"), "{said:?}");
    let cat = scene.path("tree").join(odd(b"k\xe4tz"));
    let said = Said::of(
        scene.command().args(["run", "B", "--"]).arg(cat).arg(scene.path("tree").join(odd(b"l\x80"))),
    );
    assert_eq!((said.code, said.stdout.as_str()), (0, "latin"), "{said:?}");
}

#[test]
fn a_name_that_is_not_utf_8_is_shown_with_its_bytes_as_numbers() {
    needs_root!();
    let scene = scene();
    assert_eq!(build(&scene, "--format dir").code, 0);
    let all = scene.succeeds("explain B").stdout;
    assert!(all.contains("/tree/d\\xff/caf\\xe9  5 B") && all.contains(" -> d\\xff/caf\\xe9"), "{all}");
    let path = scene.path("tree").join(odd(b"d\xff/caf\xe9"));
    let said = Said::of(scene.command().args(["explain", "B"]).arg(&path));
    assert!(said.code == 0 && said.stdout.contains("/tree/d\\xff/caf\\xe9"), "{said:?}");
    let built = scene.path("B/rootfs").join(path.strip_prefix("/").unwrap());
    fs::set_permissions(&built, fs::Permissions::from_mode(0o600)).unwrap();
    let said = scene.capsule("verify B").stdout;
    assert!(said.contains("/tree/d\\xff/caf\\xe9 has mode 0600, not 0644\n"), "{said}");
}

#[test]
fn a_trace_writes_a_name_that_is_not_utf_8_as_a_recipe_can_read_it() {
    needs_root!();
    let scene = scene();
    let file = scene.path("tree").join(odd(b"d\xff/caf\xe9"));
    let said = Said::of(scene.command().args(["trace", "-o", "lines", "--", "/bin/cat"]).arg(&file));
    assert_eq!((said.code, said.stdout.as_str()), (0, "latin"), "{said:?}");
    let lines = fs::read_to_string(scene.path("lines")).unwrap();
    assert!(lines.contains("/tree/d\\U0010FFFF/caf\\U0010FFE9\","), "{lines}");
    let here = scene.path("tree").display().to_string();
    let recipe = format!(
        "binaries = ['cat']\ninclude = [\"{here}/d\\U0010FFFF/caf\\U0010FFE9\"]\n[allow]\nunowned = ['{here}/**']\n"
    );
    scene.file("r.toml", recipe);
    scene.succeeds("build -r r.toml -o B --format dir");
    let said = Said::of(scene.command().args(["run", "B", "--", "/bin/cat"]).arg(&file));
    assert_eq!(said.stdout, "latin", "{said:?}");
}
