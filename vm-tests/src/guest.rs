//! The guest's programs (agent, probe, fixture): static, so that they run in any root and in none.

mod build;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::processor::Processor;

pub(crate) use build::CROSS;

/// Where the static programs are.
#[derive(Debug, Clone)]
pub enum Guest {
    /// In a directory.
    Directory(PathBuf),
    /// In this program.
    #[cfg(feature = "embedded")]
    Embedded,
}

/// Why there are no guest programs.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// cargo failed, and has said why on stderr.
    #[error("the guest programs were not built: `{0}` failed")]
    Build(String),
    /// The program carries none for this processor.
    #[error(
        "this program carries the guest's programs for its own processor only, not for {0}\n  hint: in capsule's source, `just vm-test {0}`"
    )]
    Foreign(&'static str),
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
        Guest::Directory(directory.to_path_buf())
    }

    /// Those in this program where it carries them, else built now.
    pub fn ready() -> Result<Guest, GuestError> {
        #[cfg(feature = "embedded")]
        return Ok(Guest::Embedded);
        #[cfg(not(feature = "embedded"))]
        Guest::build(Processor::HERE)
    }

    /// The same for a processor. A program carries only those for its own.
    pub fn ready_for(processor: Processor) -> Result<Guest, GuestError> {
        match processor == Processor::HERE {
            true => Guest::ready(),
            false if cfg!(feature = "embedded") => Err(GuestError::Foreign(processor.debian())),
            false => Guest::build(processor),
        }
    }

    /// Builds them with cargo.
    pub fn build(processor: Processor) -> Result<Guest, GuestError> {
        let is_foreign = processor != Processor::HERE;
        build::build(&source_tree(), &target_directory().join("guest"), processor.triple(), is_foreign)
            .map(Guest::Directory)
            .map_err(GuestError::Build)
    }

    /// The bytes of one of them.
    pub fn program(&self, name: &str) -> Result<Vec<u8>, GuestError> {
        match self {
            Guest::Directory(directory) => {
                let path = directory.join(name);
                fs::read(&path).map_err(|cause| GuestError::File { path, cause })
            }
            #[cfg(feature = "embedded")]
            Guest::Embedded => embedded(name),
        }
    }

    /// Writes one of them to `path`, executable by all.
    pub fn place(&self, name: &str, path: &Path) -> Result<(), GuestError> {
        use std::os::unix::fs::PermissionsExt;
        let written = fs::write(path, self.program(name)?)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
        written.map_err(|cause| GuestError::File { path: path.to_path_buf(), cause })
    }
}

#[cfg(feature = "embedded")]
fn embedded(name: &str) -> Result<Vec<u8>, GuestError> {
    match name {
        "agent" => Ok(include_bytes!(env!("GUEST_AGENT")).to_vec()),
        "probe" => Ok(include_bytes!(env!("GUEST_PROBE")).to_vec()),
        other => Err(GuestError::File { path: other.into(), cause: std::io::ErrorKind::NotFound.into() }),
    }
}

/// The cargo that runs us, if one does.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where cargo builds. The builds that the harness starts have directories of their own in it.
pub(crate) fn target_directory() -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    chosen.unwrap_or_else(|| source_tree().join("target"))
}

/// This source tree. A program that carries the guest's programs does without, and must not name the place where it was
/// built: it would be another program in each clone.
pub(crate) fn source_tree() -> PathBuf {
    let package = if cfg!(feature = "embedded") { "/capsule/vm-tests" } else { env!("CARGO_MANIFEST_DIR") };
    Path::new(package).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}
