//! Real trees of Debian packages for other machines, as they are unpacked: each becomes a bundle, and none of it runs here.
//!
//! `just test foreign` runs this: it fetches some 60 MB for each tree the first time.

use std::path::{Path, PathBuf};
use std::process::Command;

use bundle::manifest::{Manifest, RecordKind};
use closure::arch::Machine;

use crate::scene::{Scene, needs_root};

/// Debian's name, our name, and the first release of it that has the architecture.
const TREES: [(&str, &str, &str); 5] = [
    ("amd64", "x86-64", "bookworm"),
    ("i386", "i386", "bookworm"),
    ("arm64", "aarch64", "bookworm"),
    ("armhf", "armhf", "bookworm"),
    ("riscv64", "riscv64", "trixie"),
];

#[test]
#[ignore = "fetches five trees; `just test foreign`"]
fn a_tree_of_every_machine_becomes_a_bundle_for_it() {
    needs_root!();
    for (debian, machine, suite) in TREES {
        let tree = tree(debian, debian, suite, &[]);
        let scene = Scene::new();
        let sysroot = tree.display();
        let said = scene.succeeds(&format!("build --sysroot {sysroot} bash ls -o B --format dir,tar,oci"));
        let is_foreign = machine != "x86-64";
        assert_eq!(said.stderr.contains("has no runner"), is_foreign, "{machine}: {said:?}");
        let manifest = Manifest::load(&scene.path("B")).unwrap();
        assert_eq!((manifest.architecture.as_str(), manifest.init.is_none()), (machine, is_foreign));
        let libraries = elf_files(&manifest, &scene.path("B/rootfs"));
        assert!(libraries.len() > 5, "{machine}: {libraries:?}");
        for (path, found) in libraries {
            assert_eq!(found, machine, "{}", path.display());
        }
        let owned = manifest.entries.iter().filter(|record| matches!(record.kind, RecordKind::File { .. }));
        let of_packages = owned.filter(|record| record.package.is_some()).count();
        assert!(of_packages > 5, "{machine}: {of_packages} files of packages");
        scene.succeeds("verify B");
        audited(&scene, machine, is_foreign);
    }
}

/// The real loader cannot be asked where the kernel refuses it, and `audit` says so for each program.
fn audited(scene: &Scene, machine: &str, is_foreign: bool) {
    let said = scene.capsule("audit B/rootfs");
    // An x86-64 kernel may run i386 programs, if it was built so.
    let compared = said.stdout.contains("skipped") || said.stdout.contains("compared");
    assert!(compared, "{machine}: {said:?}");
    if is_foreign && machine != "i386" {
        assert!(said.stdout.contains(&format!("skipped: for {machine}: ")), "{machine}: {said:?}");
    } else if !is_foreign {
        assert_eq!(said.code, 0, "{said:?}");
    }
}

/// The ELF files of a tree that its manifest names, and their machines.
fn elf_files(manifest: &Manifest, root: &Path) -> Vec<(PathBuf, String)> {
    let files = manifest.entries.iter().map(|record| record.path.below(root));
    let elf = files.filter(|path| !path.is_symlink() && path.is_file()).filter_map(|path| {
        let machine = Machine::of_elf(&std::fs::read(&path).ok()?)?;
        Some((path, machine.name()))
    });
    elf.collect()
}

/// As docs/packs.md says. From Debian 13 on, the compiler proper is in /usr/libexec.
#[test]
#[ignore = "fetches a tree; `just test foreign`"]
fn compilers_of_the_next_release_come_from_its_tree() {
    needs_root!();
    let scene = Scene::new();
    let tree = tree("trixie-compilers", "amd64", "trixie", &["g++"]);
    scene.succeeds(&format!("build --sysroot {} --pack c,cpp -o B --format dir", tree.display()));
    // A header that GCC 12 does not have.
    scene.file("main.cpp", "#include <print>\nint main() { std::println(\"{}\", __GNUC__); }\n");
    assert_eq!(scene.succeeds("exec B --lang cpp23 main.cpp").stdout, "14\n");
    scene.file("main.c", "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", __GNUC__); }\n");
    assert_eq!(scene.succeeds("exec B main.c").stdout, "14\n");
}

/// The unpacked packages, made when they are not there yet.
fn tree(name: &str, debian: &str, suite: &str, packages: &[&str]) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let tree = cache.unwrap().join("capsule/trees").join(name);
    if !tree.exists() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/foreign-tree");
        // Without `Said`'s deadline: this downloads and unpacks hundreds of packages.
        let made = Command::new(script).args([debian, suite]).arg(&tree).args(packages).output().unwrap();
        assert!(made.status.success(), "{}: {}", made.status, String::from_utf8_lossy(&made.stderr));
    }
    tree
}
