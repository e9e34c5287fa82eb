//! The request for a file is carried from the recipe to the manifest, and not guessed from names.

use bundle::manifest::Manifest;
use bundle::provenance::ProvenanceKind;
use recipe::image_path::ImagePath;

use crate::scene::{Scene, needs_root};

/// A recipe whose `include` brings a program with the base name of one under `binaries`.
fn two_of_one_name(scene: &Scene, allow: &str) {
    std::fs::copy("/bin/true", scene.file("x/bash", "")).unwrap();
    let other = scene.path("x/bash").display().to_string();
    let allow = allow.replace("OTHER", &other);
    scene.file("r.toml", format!("binaries = ['bash']\n\ninclude = ['{other}']\n{allow}"));
}

#[test]
fn a_refused_include_is_pointed_at_even_when_a_binary_has_its_name() {
    needs_root!();
    let scene = Scene::new();
    two_of_one_name(&scene, "");
    let error = scene.fails("build -r r.toml -o B");
    assert!(error.starts_with("error: r.toml:3:12: "), "{error}");
}

#[test]
fn an_allowed_include_is_included_and_not_requested() {
    needs_root!();
    let scene = Scene::new();
    two_of_one_name(&scene, "[allow]\nunowned = ['OTHER']\n");
    scene.succeeds("build -r r.toml -o B");
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    let path = ImagePath::new(&scene.path("x/bash")).unwrap();
    let why: Vec<ProvenanceKind> = manifest.get(&path).unwrap().why.iter().map(|cause| cause.kind).collect();
    assert_eq!(why, [ProvenanceKind::Included]);
    let bash = ImagePath::parse("/usr/bin/bash").unwrap();
    assert_eq!(manifest.get(&bash).unwrap().why[0].kind, ProvenanceKind::Requested);
}

#[test]
fn a_program_that_two_requests_name_has_one_reason() {
    needs_root!();
    let scene = Scene::new();
    scene.file("r.toml", "binaries = ['bash', '/usr/bin/bash']\n");
    scene.succeeds("build -r r.toml -o B");
    let manifest = Manifest::load(&scene.path("B")).unwrap();
    let why = &manifest.get(&ImagePath::parse("/usr/bin/bash").unwrap()).unwrap().why;
    assert_eq!(why.iter().filter(|cause| cause.kind == ProvenanceKind::Requested).count(), 1);
}

#[test]
fn the_second_of_two_binaries_is_pointed_at_when_it_is_the_one_that_fails() {
    let scene = Scene::new();
    scene.file("r.toml", "binaries = [\n  'bash',\n  'no-such-program',\n]\n");
    let error = scene.fails("build -r r.toml -o B --format tar");
    assert!(error.starts_with("error: r.toml:3:3: `no-such-program` not found on PATH"), "{error}");
}
