//! `capsule prove`: becomes `capsule-prove`, the program that boots bundles. It is a program of its own, built from
//! `vm-tests`, and knows nothing of the builder: what it proves is the bundle as it lies there.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;

/// Its name, beside this program or on PATH.
const PROGRAM: &str = "capsule-prove";

/// Does not return unless it cannot be started. The words are its own to read.
pub fn prove(words: &[OsString]) -> Result<Infallible, Error> {
    let program = find().ok_or(Error::NoProver)?;
    let error = Command::new(&program).args(words).exec();
    Err(Error::Start { path: program, error })
}

fn find() -> Option<PathBuf> {
    let beside = env::current_exe().ok().and_then(|path| path.parent().map(|parent| parent.to_path_buf()));
    let on_path = env::var_os("PATH").unwrap_or_default();
    let directories = beside.into_iter().chain(env::split_paths(&on_path));
    directories.map(|directory| directory.join(PROGRAM)).find(|path| path.is_file())
}
