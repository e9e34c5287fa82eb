//! Builds the static init and hands its path to the compiler: the release binary carries it inside, and the packs.
//!
//! init has its own profile and must not share features with std crates, so it is built by a second
//! cargo in its own target directory. `CAPSULE_INIT=FILE` takes a finished one instead.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let workspace = workspace();
    collect_packs(&workspace.join("recipes/packs"));
    for input in ["init", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    println!("cargo::rerun-if-env-changed=CAPSULE_INIT");
    let init = match env::var_os("CAPSULE_INIT") {
        Some(finished) => PathBuf::from(finished),
        None => build_init(&workspace),
    };
    println!("cargo::rerun-if-changed={}", init.display());
    refuse_mutant(&init);
    println!("cargo::rustc-env=CAPSULE_INIT_FILE={}", init.display());
}

/// Writes the table of packs: every TOML file in the directory is one, so that nobody writes Rust to add one.
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

/// An init that was broken on purpose (init/build.rs, `choose_mutation`) says so in its version, and never ships.
fn refuse_mutant(init: &Path) {
    const MARK: &[u8] = b" mutant:";
    let bytes = std::fs::read(init).unwrap_or_else(|error| panic!("`{}`: {error}", init.display()));
    let is_mutant = bytes.windows(MARK.len()).any(|window| window == MARK);
    assert!(!is_mutant, "`{}` is a mutant for tests, not a runner", init.display());
}

fn workspace() -> PathBuf {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    manifest.parent().expect("builder/ lies in the workspace").to_path_buf()
}

fn build_init(workspace: &Path) -> PathBuf {
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("init-target");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo.current_dir(workspace);
    // Offline: the outer cargo fetched init's dependencies already, as the builder uses init's library.
    cargo.args([
        "build",
        "--offline",
        "--package",
        "init",
        "--bin",
        "init",
        "--profile",
        "init",
        "--target-dir",
    ]);
    cargo.arg(&target);
    for inherited in FOREIGN_ENVIRONMENT {
        cargo.env_remove(inherited);
    }
    // init runs at a fixed address (init/link.ld): so code may name addresses outright, which is shorter than
    // relative to itself; half a kilobyte in all. And what a call costs is not what it costs to inline: of all
    // thresholds this one makes init smallest, by 1.5 KiB. `just size` and the mutants take the same file.
    let small = include_str!("../init/rustflags").trim();
    cargo.env("RUSTFLAGS", format!("{small} {}", remapped(workspace)));
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "building package `init` failed: {status}");
    target.join("init").join("init")
}

/// What the outer cargo, clippy or a coverage run set for the builder, and init must not see.
const FOREIGN_ENVIRONMENT: [&str; 10] = [
    "CAPSULE_MUTATION",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
];

/// Panic locations name source files: without this, the directory of the clone would be inside the binary.
fn remapped(workspace: &Path) -> String {
    let mut flags = format!("--remap-path-prefix={}=.", workspace.display());
    if let Some(home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default_cargo_home) {
        flags.push_str(&format!(" --remap-path-prefix={}=cargo", home.display()));
    }
    flags
}

fn default_cargo_home() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"))
}
