//! Collects the packs that come with capsule: the library carries their text.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    collect_packs(&manifest.join("../../../recipes/packs"));
}

/// Writes the table of packs: every TOML file in the directory is one, so that a new pack needs no Rust.
fn collect_packs(directory: &Path) {
    println!("cargo::rerun-if-changed={}", directory.display());
    let entries = fs::read_dir(directory).expect("recipes/packs is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let rows = files.iter().map(|file| {
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        format!("    ({name:?}, include_str!({file:?})),\n")
    });
    let table = format!("&[\n{}]\n", rows.collect::<String>());
    let place = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("packs.rs");
    fs::write(place, table).expect("OUT_DIR can be written");
}
