//! The guest's programs (agent, probe, fixture): static, so that they run in any root and in none.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the static programs are.
#[derive(Debug, Clone)]
pub struct Guest {
    directory: PathBuf,
}

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
/// glibc's static build has everything these programs use, and needs no other target to be installed.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Why there are no guest programs.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// cargo failed, and has said why on stderr.
    #[error("the guest programs were not built: `{0}` failed")]
    Build(String),
    /// A program is missing or unreadable.
    #[error("`{path}`: {cause}")]
    File {
        /// The program.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl Guest {
    /// Programs that were built before.
    pub fn at(directory: &Path) -> Guest {
        Guest { directory: directory.to_path_buf() }
    }

    /// Builds them with cargo, in a target directory of their own: the one in use is locked while cargo runs us.
    pub fn build() -> Result<Guest, GuestError> {
        let target = target_directory().join("guest");
        let mut command = Command::new(cargo());
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
        command.arg("--target-dir").arg(&target);
        command.arg("--manifest-path").arg(CRATE.to_string() + "/Cargo.toml");
        command.env("RUSTFLAGS", "-C target-feature=+crt-static").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if !command.status().is_ok_and(|status| status.success()) {
            return Err(GuestError::Build(format!("{command:?}").replace('"', "")));
        }
        Ok(Guest { directory: target.join(TARGET).join("release") })
    }

    /// The path of one of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The bytes of one of them.
    pub fn program(&self, name: &str) -> Result<Vec<u8>, GuestError> {
        let path = self.path(name);
        std::fs::read(&path).map_err(|cause| GuestError::File { path, cause })
    }
}

/// The cargo that runs us, if one does.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo builds; what is built besides has a directory of its own in it.
pub(crate) fn target_directory() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    chosen.unwrap_or_else(|| Path::new(CRATE).join("../target"))
}
