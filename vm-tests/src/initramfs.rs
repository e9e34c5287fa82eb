//! The initramfs of a test VM: the bundle's own archive, unchanged, then a segment with the agent.

use std::fs;
use std::io;
use std::path::Path;

use crate::cpio::{Archive, PROGRAM, SECRET, pad};
use crate::frame::Nonce;
use crate::guest::{Guest, GuestError};
use crate::mutant::{self, Program};
use crate::plan::Plan;

/// What init reads after the kernel has started it.
const BOOT_LIST: &[u8] = b"exec /vm-tests/agent\n";
/// Where the probes lie in the VM, to be bound into a sandbox.
pub(crate) const PROBES: &str = "/vm-tests/probes";

/// The second segment: boot list, agent, plan, nonce, probes and further runners.
pub fn segment(
    guest: &Guest,
    programs: &[Program],
    plan: &Plan,
    nonce: &Nonce,
) -> Result<Vec<u8>, GuestError> {
    let plan = serde_json::to_vec(plan).expect("all keys of a plan are strings");
    let mut archive = Archive::default();
    archive
        .directory("/etc")
        .file("/etc/capsule", 0o100644, BOOT_LIST)
        .directory("/tmp")
        .directory("/vm-tests")
        .file("/vm-tests/agent", PROGRAM, &guest.program("agent")?)
        .file("/vm-tests/plan", SECRET, &plan)
        .file("/vm-tests/nonce", SECRET, nonce.as_bytes())
        .directory(PROBES)
        .file("/vm-tests/probes/probe", PROGRAM, &guest.program("probe")?);
    archive.directory(mutant::DIRECTORY);
    for Program { place, file, .. } in programs {
        let program = fs::read(file).map_err(|cause| GuestError::File { path: file.clone(), cause })?;
        archive.file(place, PROGRAM, &program);
    }
    Ok(archive.finish())
}

/// Writes `first`, as it is, and `segment` into `to`, and returns what was written.
pub fn join(first: &Path, segment: &[u8], to: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(first)?;
    pad(&mut bytes);
    bytes.extend_from_slice(segment);
    fs::write(to, &bytes)?;
    Ok(bytes)
}

/// An initramfs whose `/init` is the fixture, which does `behaviour`.
pub fn fixture(guest: &Guest, behaviour: &str) -> Result<Vec<u8>, GuestError> {
    let mut archive = Archive::default();
    for directory in ["/proc", "/sys", "/dev"] {
        archive.directory(directory);
    }
    archive.file("/init", PROGRAM, &guest.program("fixture")?);
    archive.file("/fixture", 0o100644, behaviour.as_bytes());
    Ok(archive.finish())
}
