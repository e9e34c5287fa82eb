//! `capsule seccomp compile`: an operator's policy to the file that `init run --seccomp FILE` takes.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::cause;

// The language and the compiler stand beside the default policy, because init's build script uses them too.
#[path = "../../init/policy/mod.rs"]
pub mod policy;

use policy::Policy;
use policy::image::{INSTRUCTION, Image, MAX_INSTRUCTIONS};

/// What to compile, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileRequest {
    /// The readable policy.
    pub policy: PathBuf,
    /// The compiled one; without it, beside the policy with the extension `bpf`.
    pub output: Option<PathBuf>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The file that was written.
    pub output: PathBuf,
    /// How many BPF instructions the program has; the kernel's time to install it grows with them.
    pub instructions: usize,
}

/// Why there is no compiled policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy could not be read (or is not UTF-8).
    #[error("`{}` cannot be read: {}", path.display(), cause(source))]
    Read {
        /// The policy.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The policy has a mistake.
    #[error("`{}:{}:{}` {}", path.display(), mistake.line, mistake.column, mistake.cause)]
    Policy {
        /// The policy.
        path: PathBuf,
        /// What is wrong, and where.
        mistake: policy::Error,
    },
    /// The output could not be written; nothing was left behind.
    #[error("`{}` cannot be written: {}", path.display(), cause(source))]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Compiles a policy file; the output appears whole or not at all.
///
/// # Errors
/// See [`Error`].
pub fn compile(request: &CompileRequest) -> Result<Compiled, Error> {
    let path = &request.policy;
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })?;
    let wrong = |mistake| Error::Policy { path: path.clone(), mistake };
    Policy::parse(&text).and_then(|policy| policy.can_start()).map_err(wrong)?;
    let bytes = policy::compile(&text).map_err(wrong)?;
    let output = request.output.clone().unwrap_or_else(|| path.with_extension("bpf"));
    write(&output, &bytes).map_err(|source| Error::Write { path: output.clone(), source })?;
    Ok(Compiled { output, instructions: instructions(&bytes) })
}

fn write(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // As any compiler's output: for everybody to read, as far as the umask allows.
    let mut file =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(output)?;
    Ok(())
}

fn instructions(bytes: &[u8]) -> usize {
    let image = Image::parse(bytes, policy::names::ARCH).expect("what we just wrote can be read");
    image.program(0, &mut [[0; INSTRUCTION]; MAX_INSTRUCTIONS]).len()
}
