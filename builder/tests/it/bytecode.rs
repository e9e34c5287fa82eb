//! Python's bytecode in an image: it comes with its modules, and works whatever the times of the files are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scene::{Said, Scene, needs_root};

/// The head as Python writes it: magic number, no flags, time and length of the source (PEP 552).
fn head(source: &Path) -> Vec<u8> {
    let facts = source.metadata().expect("there");
    [*b"\xa7\x0d\r\n", [0; 4], (facts.mtime() as u32).to_le_bytes(), (facts.size() as u32).to_le_bytes()]
        .concat()
}

/// The head in an image: hash-based and unchecked, so that Python compares nothing (PEP 552).
const UNCHECKED: [u8; 16] = *b"\xa7\x0d\r\n\x01\0\0\0\0\0\0\0\0\0\0\0";

/// A scene with a module and its bytecode, and a module that was changed after its bytecode was made.
fn modules() -> Scene {
    let scene = Scene::new();
    for (name, text) in [("m/current.py", "a = 1\n"), ("m/stale.py", "b = 2\n")] {
        let module = scene.file(name, text);
        let cache = name.replace("m/", "m/__pycache__/").replace(".py", ".cpython-311.pyc");
        scene.file(&cache, [head(&module), b"code".to_vec()].concat());
    }
    fs::write(scene.path("m/stale.py"), "b = 2 + 2\n").expect("written");
    scene
}

fn inside(scene: &Scene, image: &Path, name: &str) -> PathBuf {
    image.join(scene.path(name).strip_prefix("/").expect("absolute"))
}

#[test]
fn the_bytecode_of_an_image_is_not_compared_with_times() {
    needs_root!();
    let scene = modules();
    let include = format!("--include {} --allow unowned=/**", scene.path("m").display());
    scene.succeeds(&format!("build true {include} -o B"));
    scene.succeeds(&format!("build true {include} -o C --format tar"));
    fs::create_dir(scene.path("T")).expect("made");
    for line in ["tar -xf C/rootfs.tar -C T", "sh B/build.sh A"] {
        let said = Said::of(Command::new("sh").args(["-c", line]).current_dir(scene.path(".")));
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{line}");
    }
    for tree in ["B/rootfs", "T", "A"].map(|tree| scene.path(tree)) {
        let read = |name: &str| fs::read(inside(&scene, &tree, name)).expect("there");
        let current = read("m/__pycache__/current.cpython-311.pyc");
        assert_eq!(current, [UNCHECKED.as_slice(), b"code"].concat(), "{}", tree.display());
        let stale = "m/__pycache__/stale.cpython-311.pyc";
        assert_eq!(read(stale), fs::read(scene.path(stale)).expect("there"), "{}", tree.display());
    }
    scene.succeeds("verify B");
}

/// The build host's own Python: dpkg knows its modules, and not their bytecode.
#[test]
fn bytecode_belongs_to_the_package_of_its_module() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build true --include /usr/lib/python3.*/json -o B --format dir");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.path("B/manifest.json")).expect("there")).expect("JSON");
    let packages: Vec<&str> = manifest["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["path"].as_str().is_some_and(|path| path.ends_with(".pyc")))
        .map(|entry| entry["package"].as_str().unwrap_or("none"))
        .collect();
    assert!(!packages.is_empty(), "the build host's Python has no bytecode of its json");
    assert!(packages.iter().all(|package| package.starts_with("libpython3")), "{packages:?}");
}

#[test]
fn bytecode_without_its_module_belongs_to_no_package() {
    needs_root!();
    let scene = Scene::new();
    let said = scene.fails("build true --include /usr/lib/python3.*/json/__pycache__ -o B --format dir");
    assert!(said.contains("files should not come from this build host"), "{said}");
    assert!(said.contains(".pyc` belongs to no package of the build host"), "{said}");
}
