//! Builds the static programs of the package init, and passes their paths to the compiler: the library contains their
//! bytes.
//!
//! They have their own profile and must not share features with crates that use std, so a second cargo builds them in a
//! target directory of its own. With `CAPSULE_INIT=FILE` the library contains that file as its init instead, and with
//! `CAPSULE_BOX_EXEC=FILE` and `CAPSULE_INIT_SERVE=FILE` those as box-exec and init-serve.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let workspace = workspace();
    for input in ["init", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let finished = FILES.map(|(_, variable)| finished(variable));
    let built = if finished.iter().all(Option::is_some) { None } else { Some(build(&workspace)) };
    for ((name, variable), finished) in FILES.into_iter().zip(finished) {
        // Not watched where we have built it: what this program itself writes is newer than its start, so that cargo would
        // run it, and compile all that depends on this crate, once more.
        let file =
            finished.or_else(|| Some(built.as_ref()?.join(name))).expect("it is finished or was built");
        refuse_mutant(&file);
        println!("cargo::rustc-env={variable}_FILE={}", file.display());
    }
}

/// The programs, each with the variable that may name a finished file.
const FILES: [(&str, &str); 3] =
    [("init", "CAPSULE_INIT"), ("box-exec", "CAPSULE_BOX_EXEC"), ("init-serve", "CAPSULE_INIT_SERVE")];

fn finished(variable: &str) -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed={variable}");
    let file = env::var_os(variable).map(PathBuf::from)?;
    println!("cargo::rerun-if-changed={}", file.display());
    Some(file)
}

/// Stops the build for an init that was broken on purpose (init/build.rs, `choose_mutation`), which its version says.
fn refuse_mutant(init: &Path) {
    const MARK: &[u8] = b" mutant:";
    let bytes = std::fs::read(init).unwrap_or_else(|error| panic!("`{}`: {error}", init.display()));
    let is_mutant = bytes.windows(MARK.len()).any(|window| window == MARK);
    assert!(!is_mutant, "`{}` is a mutant for tests, not a runner", init.display());
}

fn workspace() -> PathBuf {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(3).expect("builder/crates/bundle lies in the workspace").to_path_buf()
}

/// Builds them, and returns the directory that has them.
fn build(workspace: &Path) -> PathBuf {
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("init-target");
    // Without the features of init-serve, init is a kilobyte smaller (init/Cargo.toml).
    build_programs(workspace, &target, &["--bins", "--no-default-features"]);
    build_programs(workspace, &target, &["--bin", "init-serve"]);
    target.join("init")
}

fn build_programs(workspace: &Path, target: &Path, which: &[&str]) {
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo.current_dir(workspace);
    // Offline: the outer cargo has fetched init's dependencies, because other crates of the workspace use its library.
    cargo.args(["build", "--offline", "--package", "init", "--profile", "init", "--target-dir"]);
    cargo.arg(target).args(which);
    for inherited in FOREIGN_ENVIRONMENT {
        cargo.env_remove(inherited);
    }
    // init runs at a fixed address (init/link.ld), so its code can contain absolute addresses, which are shorter than
    // relative ones: this saves half a kilobyte. The inlining threshold is the one that makes init smallest, by 1.5 KiB.
    // The other switches of the back end keep it from spending bytes on speed (code hoisted out of loops, copies of tails
    // and returns, callee-saved registers, loads moved ahead): 1.7 KiB. Each was kept because the program got smaller.
    // `just size` and the mutants use the same file.
    let small = include_str!("../../../init/rustflags").split_whitespace().map(str::to_owned);
    // Joined by what no path has in it: the clone's may have a space.
    let flags: Vec<String> = small.chain(remapped(workspace)).collect();
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "building package `init` failed: {status}");
}

/// Variables that the outer cargo, clippy or a coverage run sets for the builder, and that would change init.
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

/// Panic locations name source files: without these flags, the binary would contain the path of the clone.
fn remapped(workspace: &Path) -> impl Iterator<Item = String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default_cargo_home);
    let places = [(Some(workspace.to_path_buf()), "."), (home, "cargo")];
    places.into_iter().filter_map(|(place, name)| {
        place.map(|place| format!("--remap-path-prefix={}={name}", place.display()))
    })
}

fn default_cargo_home() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"))
}
