//! `capsule seccomp compile`: compiles an operator's policy to the file that `init run --seccomp FILE` takes.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::bounded;

use crate::error::Error;

// The language and the compiler are next to the default policy, because init's build script uses them too.
#[path = "../../../init/policy/mod.rs"]
pub mod policy;

use policy::image::{INSTRUCTION, Image, MAX_INSTRUCTIONS};
use policy::{Arch, Policy};

/// The largest policy, in bytes.
const LARGEST: u64 = 1 << 20;

/// A policy to compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileRequest {
    /// The readable policy.
    pub policy: PathBuf,
    /// The processor that it is for.
    pub arch: &'static Arch,
    /// The compiled policy; by default next to the readable one, with the extension `bpf`.
    pub output: Option<PathBuf>,
}

/// A compiled policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The file that was written.
    pub output: PathBuf,
    /// How many BPF instructions the program has; the kernel's time to install it grows with them.
    pub instructions: usize,
}

/// Compiles a policy file; the output appears whole or not at all.
///
/// # Errors
/// [`Error::Policy`] for a mistake in the policy, and files that cannot be read or written.
pub fn compile(request: &CompileRequest) -> Result<Compiled, Error> {
    let path = &request.policy;
    let text = bounded::read(path, LARGEST).map_err(|failure| Error::read(path, failure.error)).and_then(
        |bytes| String::from_utf8(bytes).map_err(|error| Error::read(path, io::Error::other(error))),
    )?;
    let wrong = |mistake: policy::Error| Error::Policy {
        path: path.clone(),
        line: mistake.line,
        column: mistake.column,
        cause: mistake.cause.to_string(),
    };
    let arch = request.arch;
    Policy::parse(&text, arch).and_then(|policy| policy.can_start()).map_err(wrong)?;
    let bytes = policy::compile(&text, arch).map_err(wrong)?;
    let output = request.output.clone().unwrap_or_else(|| path.with_extension("bpf"));
    write(&output, &bytes).map_err(|error| Error::write(&output, error))?;
    Ok(Compiled { output, instructions: instructions(&bytes, arch) })
}

fn write(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // As any compiler's output: readable by every user, as far as the umask allows. `tempfile` would make it private.
    let mut file =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(output)?;
    Ok(())
}

fn instructions(bytes: &[u8], arch: &Arch) -> usize {
    let image = Image::parse(bytes, arch.audit).expect("what we just wrote can be read");
    image.programs(0, &mut [[0; INSTRUCTION]; MAX_INSTRUCTIONS])[0].len()
}
