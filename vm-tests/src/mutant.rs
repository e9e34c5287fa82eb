//! Mutants: inits built from this tree, each with one guard broken on purpose (init/build.rs, init/mutations).
//!
//! They are what an attacker would wish for and nobody notices: their reports say that every guard is up. So only a
//! probe can tell them from the init that ships.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guest::{GuestError, cargo, target_directory};

/// Where the mutants lie in the VM.
pub const DIRECTORY: &str = "/vm-tests/mutants";

/// One of them.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What is broken: a name of init/mutations.
    pub name: String,
    /// The program.
    pub init: PathBuf,
}

/// Builds one for each name, all in one target directory: only init's own crate differs.
pub fn build(names: &[&str]) -> Result<Vec<Mutant>, GuestError> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = target_directory().join("mutants");
    names.iter().map(|name| build_one(name, &workspace, &target)).collect()
}

fn build_one(name: &str, workspace: &Path, target: &Path) -> Result<Mutant, GuestError> {
    let mut command = Command::new(cargo());
    command.current_dir(workspace);
    command.args(["build", "--quiet", "--package", "init", "--bin", "init", "--profile", "init"]);
    command.arg("--target-dir").arg(target);
    // As the init that ships is built (builder/build.rs).
    command.env("CAPSULE_MUTATION", name).env("RUSTFLAGS", include_str!("../../init/rustflags").trim());
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(GuestError::Build(format!("CAPSULE_MUTATION={name} {command:?}").replace('"', "")));
    }
    let init = target.join(name);
    match fs::copy(target.join("init/init"), &init) {
        Ok(_) => Ok(Mutant { name: name.to_string(), init }),
        Err(cause) => Err(GuestError::File { path: init, cause }),
    }
}

/// Where the mutant `name` is in the VM.
pub fn place(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}
