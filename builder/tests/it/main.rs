//! builder's tests against real files: one module for each subject.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod broken_elf;
mod build;
mod bytecode;
mod closure;
mod completions;
mod data;
mod elf_file;
mod exec;
mod explain;
mod formats;
mod guards;
mod lints;
mod loader;
mod machine;
mod planted;
mod progress;
mod prove;
mod questions;
mod recipe;
mod resolve;
mod rules;
mod scene;
mod script;
mod shell;
mod starts;
mod sysroot;
mod trace;
mod uids;
mod uninvited;
mod verify;

/// Whether a file that a test needs is there. Where it is not, the test says so, and fails in CI.
fn have(path: &std::path::Path, package: &str) -> bool {
    let there = path.exists();
    if !there {
        println!("SKIPPED: `{}` is not there: install {package}", path.display());
        assert!(
            std::env::var_os("CI").is_none(),
            "`{}` must be there in CI: install {package}",
            path.display()
        );
    }
    there
}
