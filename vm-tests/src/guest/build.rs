//! How the guest's programs are built; shared by the harness and by the crate's own build script.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What brings a cargo that can build for another processor.
pub(crate) const CROSS: &str = ".ci/arm64";

/// Builds them for `triple` with cargo from the tree `source` into `target`, a directory of their own: the one in use is
/// locked while cargo runs us. Returns where they are, or the command that failed.
pub(crate) fn build(source: &Path, target: &Path, triple: &str, is_foreign: bool) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(if is_foreign { source.join(CROSS).into() } else { cargo });
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
    command.arg("--manifest-path").arg(source.join("vm-tests/Cargo.toml"));
    for inherited in FOREIGN_ENVIRONMENT {
        command.env_remove(inherited);
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(source));
    if is_foreign {
        // It makes the tree and this directory visible to that cargo.
        command.current_dir(source).env("CARGO_TARGET_DIR", target);
    }
    if !command.status().is_ok_and(|status| status.success()) {
        return Err(format!("{command:?}").replace('"', ""));
    }
    Ok(target.join(triple).join("release"))
}

/// Static, and without the paths of this machine, which panics would name: `capsule-prove` ships these programs.
fn flags(source: &Path) -> OsString {
    let mut flags = OsString::from("-Ctarget-feature=+crt-static");
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    let places = [(Some(source.to_path_buf()), "/capsule"), (cargo, "/cargo")];
    for (place, name) in places.iter().filter_map(|(place, name)| Some((place.as_ref()?, name))) {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(place);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// What an outer cargo or clippy set for another build. The feature is how the build script knows that it is wanted:
/// in the inner build it is not, or that would build again, without end.
const FOREIGN_ENVIRONMENT: [&str; 4] =
    ["CARGO_FEATURE_EMBEDDED", "CARGO_TARGET_DIR", "CLIPPY_ARGS", "RUSTC_WORKSPACE_WRAPPER"];
