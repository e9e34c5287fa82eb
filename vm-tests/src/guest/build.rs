//! How the guest's programs are built; shared by the harness and by the crate's own build script.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// glibc's static build has everything these programs use, and needs no other target to be installed.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds them with cargo into `target`, a directory of their own: the one in use is locked while cargo runs us.
/// Returns where they are, or the command that failed.
pub fn build(target: &Path) -> Result<PathBuf, String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "--quiet",
        "--release",
        "--no-default-features",
        "--bin=agent",
        "--bin=probe",
        "--bin=fixture",
    ]);
    command.args(["--target", TARGET, "--config", "profile.release.strip=true"]);
    // Nobody waits for these programs to compute; somebody does wait for them to be built.
    command.args(["--config", "profile.release.lto=\"off\"", "--config", "profile.release.opt-level=1"]);
    command.arg("--target-dir").arg(target);
    command.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    for inherited in FOREIGN_ENVIRONMENT {
        command.env_remove(inherited);
    }
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(format!("{command:?}").replace('"', ""));
    }
    Ok(target.join(TARGET).join("release"))
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
