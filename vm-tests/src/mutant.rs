//! Mutants: inits built from this tree, each with one guard broken on purpose (init/build.rs, init/mutations).
//!
//! They are faults that would help an attacker without being noticed: their reports claim that every guard is up. So only a
//! probe can tell them from the init that ships.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::guest::{CROSS, GuestError, cargo, source_tree, target_directory};
use crate::processor::Processor;

/// The directory of the mutants in the VM.
pub(crate) const DIRECTORY: &str = "/vm-tests/mutants";

/// One of them.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What is broken: a name of init/mutations.
    pub(crate) name: String,
    /// The program.
    pub(crate) init: PathBuf,
}

/// Builds one for each name, as many at a time as there are CPUs. One build uses one CPU nearly all of the time: only
/// init's own crate differs, and it is one codegen unit. Each worker has a target directory, since cargo locks the one
/// it builds in.
///
/// # Errors
/// cargo fails, or its program cannot be copied.
pub(crate) fn build(names: &[&str], processor: Processor) -> Result<Vec<Mutant>, GuestError> {
    let workspace = source_tree();
    let target = target_directory().join("mutants").join(processor.debian());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(names.len());
    let (workspace, target) = (&workspace, &target);
    let built = thread::scope(|scope| {
        let build = |worker: usize| {
            let own = target.join(worker.to_string());
            let share = names.iter().enumerate().skip(worker).step_by(workers);
            share
                .map(|(index, name)| Ok((index, build_one(name, processor, workspace, &own, target)?)))
                .collect()
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || build(worker))).collect();
        let shares = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked())));
        shares.collect::<Result<Vec<Vec<(usize, Mutant)>>, GuestError>>()
    });
    let mut mutants = built?.concat();
    mutants.sort_by_key(|(index, _)| *index);
    Ok(mutants.into_iter().map(|(_, mutant)| mutant).collect())
}

fn panicked() -> GuestError {
    GuestError::Build("a thread that builds mutants".into())
}

/// Builds `name` in the directory `own`, and copies it to `target`.
fn build_one(
    name: &str,
    processor: Processor,
    workspace: &Path,
    own: &Path,
    target: &Path,
) -> Result<Mutant, GuestError> {
    let mut command = init_build(processor);
    command.current_dir(workspace);
    // The directory is also said by the environment: the tree in which a foreign cargo runs shows it that one.
    command.arg("--target-dir").arg(own).env("CARGO_TARGET_DIR", own);
    command.env("CAPSULE_MUTATION", name).env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(GuestError::Build(format!("CAPSULE_MUTATION={name} {command:?}").replace('"', "")));
    }
    let init = target.join(name);
    match fs::copy(own.join(processor.triple()).join("init/init"), &init) {
        Ok(_) => Ok(Mutant { name: name.to_string(), init }),
        Err(cause) => Err(GuestError::File { path: init, cause }),
    }
}

/// cargo, as the init that ships is built: builder/crates/bundle/build.rs, and `_init-aarch64` in the justfile.
fn init_build(processor: Processor) -> Command {
    let mut command = match processor == Processor::HERE {
        true => Command::new(cargo()),
        false => Command::new(source_tree().join(CROSS)),
    };
    if processor != Processor::HERE {
        command.arg("cargo");
    }
    command.args(["build", "--quiet", "--package", "init", "--bin", "init", "--no-default-features"]);
    command.args(["--profile", "init"]);
    let flags = [include_str!("../../init/rustflags"), include_str!("../../init/rustflags.aarch64")];
    let used = if processor == Processor::Aarch64 { &flags[..] } else { &flags[..1] };
    let used: Vec<&str> = used.iter().map(|flags| flags.trim()).collect();
    command.args(["--target", processor.triple()]).env("RUSTFLAGS", used.join(" "));
    command
}

/// Where the mutant `name` is in the VM.
pub(crate) fn place(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}
