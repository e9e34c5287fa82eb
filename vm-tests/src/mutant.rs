//! Runners that are built for the VMs: init-serve as it ships, and mutants, which are inits built from this tree, each with one guard broken on purpose (init/build.rs, init/mutations).
//!
//! They are faults that would help an attacker without being noticed: their reports claim that every guard is up. So only a
//! probe can tell them from the init that ships.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::guest::{CROSS, GuestError, cargo, source_tree, target_directory};
use crate::plan::Runner;
use crate::processor::Processor;

/// The directory of the mutants in the VM.
pub(crate) const DIRECTORY: &str = "/vm-tests/mutants";
/// Where the server of a world with a pool is in the VM.
pub(crate) const SERVER: &str = "/vm-tests/init-serve";

/// A runner besides the bundle's init.
#[derive(Debug, Clone)]
pub struct Program {
    /// Which kind it is.
    pub(crate) runner: Runner,
    /// Where it is in the VM.
    pub(crate) place: String,
    /// Where it is on this host.
    pub(crate) file: PathBuf,
}

/// A runner to build, and the mutation that breaks it (a name of init/mutations).
pub(crate) type Order<'a> = (Runner, Option<&'a str>);

/// Builds each, as many at a time as there are CPUs. One build uses one CPU nearly all of the time: only init's own crate
/// differs, and it is one codegen unit. Each worker has a target directory, since cargo locks the one it builds in.
///
/// # Errors
/// cargo fails, or its program cannot be copied.
pub(crate) fn build(orders: &[Order<'_>], processor: Processor) -> Result<Vec<Program>, GuestError> {
    let workspace = source_tree();
    let target = target_directory().join("mutants").join(processor.debian());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(orders.len());
    let (workspace, target) = (&workspace, &target);
    thread::scope(|scope| {
        let build = |worker: usize| {
            let own = target.join(worker.to_string());
            let share = orders.iter().skip(worker).step_by(workers);
            share.map(|order| build_one(*order, processor, workspace, &own, target)).collect()
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || build(worker))).collect();
        let shares = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked())));
        shares.collect::<Result<Vec<Vec<Program>>, GuestError>>().map(|shares| shares.concat())
    })
}

fn panicked() -> GuestError {
    GuestError::Build("a thread that builds mutants".into())
}

/// Builds one in the directory `own`, and copies it to `target`.
fn build_one(
    (runner, mutation): Order<'_>,
    processor: Processor,
    workspace: &Path,
    own: &Path,
    target: &Path,
) -> Result<Program, GuestError> {
    let mut command = init_build(runner, processor);
    command.current_dir(workspace);
    // The directory is also said by the environment: the tree in which a foreign cargo runs shows it that one.
    command.arg("--target-dir").arg(own).env("CARGO_TARGET_DIR", own);
    command.env_remove("CAPSULE_MUTATION").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if let Some(mutation) = mutation {
        command.env("CAPSULE_MUTATION", mutation);
    }
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(GuestError::Build(format!("{mutation:?}: {command:?}").replace('"', "")));
    }
    let built = own.join(processor.triple()).join("init").join(binary(runner));
    let file = target.join(format!("{}-{}", binary(runner), mutation.unwrap_or("whole")));
    match fs::copy(built, &file) {
        Ok(_) => Ok(Program { runner, place: mutation.map_or_else(|| SERVER.to_string(), place), file }),
        Err(cause) => Err(GuestError::File { path: file, cause }),
    }
}

/// The name of its program in the package init.
fn binary(runner: Runner) -> &'static str {
    match runner {
        Runner::Once => "init",
        Runner::Pool => "init-serve",
    }
}

/// cargo, as the init that ships is built: builder/crates/bundle/build.rs, and `_init-aarch64` in the justfile.
fn init_build(runner: Runner, processor: Processor) -> Command {
    let mut command = match processor == Processor::HERE {
        true => Command::new(cargo()),
        false => Command::new(source_tree().join(CROSS)),
    };
    if processor != Processor::HERE {
        command.arg("cargo");
    }
    command.args(["build", "--quiet", "--package", "init", "--bin", binary(runner), "--profile", "init"]);
    if runner == Runner::Once {
        command.arg("--no-default-features");
    }
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
