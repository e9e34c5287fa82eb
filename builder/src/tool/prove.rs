//! `capsule prove`: becomes `capsule-prove`, the program that boots bundles. It is a separate program, built from
//! `vm-tests`, and does not depend on the builder: it proves the bundle as it is on the disk.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;

/// It is in the directory of this program, or on PATH.
const PROGRAM: &str = "capsule-prove";

/// Returns only if it cannot be started. `capsule-prove` reads the arguments, capsule does not.
///
/// # Errors
/// [`Error::NoProver`], and what execve(2) says.
pub fn prove(args: &[OsString]) -> Result<Infallible, Error> {
    let program = find().ok_or(Error::NoProver)?;
    let error = Command::new(&program).args(args).exec();
    Err(Error::start(&program, error))
}

fn find() -> Option<PathBuf> {
    let own = env::current_exe().ok().and_then(|path| path.parent().map(|parent| parent.to_path_buf()));
    let on_path = env::var_os("PATH").unwrap_or_default();
    let directories = own.into_iter().chain(env::split_paths(&on_path));
    directories.map(|directory| directory.join(PROGRAM)).find(|path| path.is_file())
}
