//! How the guest's programs are built; shared by the harness and by the crate's own build script.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What brings a cargo that can build for another processor.
pub(crate) const CROSS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/arm64");

/// Builds them for `triple` with cargo into `target`, a directory of their own: the one in use is locked while cargo runs
/// us. Returns where they are, or the command that failed.
pub(crate) fn build(target: &Path, triple: &str, is_foreign: bool) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(if is_foreign { CROSS.into() } else { cargo });
    if is_foreign {
        command.arg("cargo");
    }
    command.args([
        "build",
        "--quiet",
        "--release",
        "--no-default-features",
        "--bin=agent",
        "--bin=probe",
        "--bin=fixture",
    ]);
    command.args(["--target", triple, "--config", "profile.release.strip=true"]);
    // These programs compute little, and every run from nothing waits for them to be built.
    command.args(["--config", "profile.release.lto=\"off\"", "--config", "profile.release.opt-level=1"]);
    command.arg("--target-dir").arg(target);
    command.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    for inherited in FOREIGN_ENVIRONMENT {
        command.env_remove(inherited);
    }
    if is_foreign {
        // It makes the tree and this directory visible to that cargo.
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).env("CARGO_TARGET_DIR", target);
    }
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(format!("{command:?}").replace('"', ""));
    }
    Ok(target.join(triple).join("release"))
}

/// What an outer cargo or clippy set for another build. The feature is how the build script knows that it is wanted:
/// in the inner build it is not, or that would build again, without end.
const FOREIGN_ENVIRONMENT: [&str; 5] = [
    "CARGO_FEATURE_EMBEDDED",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
];
