//! The static init of every bundle: this capsule's own, or one for another machine, which the user brings.

use std::borrow::Cow;
use std::path::Path;

use closure::arch::Machine;

use crate::bounded;
use crate::error::Error;

/// The bytes of the executable, an ELF file; build.rs builds it with this crate.
pub const INIT: &[u8] = include_bytes!(env!("CAPSULE_INIT_FILE"));

/// The bytes of `box-exec`, a static executable for the machine that [`INIT`] is built for: the last step before a program in
/// a box of `capsule isolate` (init/src/box_exec.rs).
pub const BOX_EXEC: &[u8] = include_bytes!(env!("CAPSULE_BOX_EXEC_FILE"));

/// The bytes of `init-serve`, a static executable for the machine that [`INIT`] is built for: all that [`INIT`] runs, and a
/// supervisor for many runs (init/src/serve.rs).
pub const INIT_SERVE: &[u8] = include_bytes!(env!("CAPSULE_INIT_SERVE_FILE"));

/// The largest init that is taken, in bytes.
const LARGEST: u64 = 16 << 20;

/// How the version of an init that was broken on purpose for a test goes on (init/build.rs).
const MUTANT: &[u8] = b" mutant:";

/// The init of a bundle.
#[derive(Debug, Clone)]
pub struct Runner {
    /// The executable.
    pub bytes: Cow<'static, [u8]>,
    /// The machine that it runs on.
    pub machine: Machine,
}

impl Runner {
    /// [`INIT`].
    ///
    /// # Panics
    /// [`INIT`] is not an ELF file.
    pub fn own() -> Runner {
        Runner { bytes: Cow::Borrowed(INIT), machine: machine() }
    }

    /// An init that was built for another machine.
    ///
    /// # Errors
    /// The file cannot be read, or is not a static executable.
    pub fn load(path: &Path) -> Result<Runner, Error> {
        let bytes = bounded::read(path, LARGEST)?;
        let refused = |what| Err(Error::NotARunner { path: path.to_path_buf(), what });
        let Some(machine) = Machine::of_elf(&bytes) else { return refused("it is not an ELF file") };
        match closure::elf::parse(bytes.as_slice()) {
            Err(_) => refused("it is not a whole ELF file"),
            Ok(facts) if !facts.is_static() => {
                refused("it is not static, and an empty root has no libraries")
            }
            Ok(_) if has(&bytes, MUTANT) => refused("it was broken on purpose, for a test"),
            Ok(_) => Ok(Runner { bytes: Cow::Owned(bytes), machine }),
        }
    }
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// The machine that [`INIT`] runs on.
///
/// # Panics
/// [`INIT`] is not an ELF file.
pub fn machine() -> Machine {
    Machine::of_elf(INIT).expect("init is an ELF file")
}
