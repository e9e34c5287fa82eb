//! Programs that the kernel of the image's machine runs and the sandbox's filter ends: 32-bit ones on x86-64.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bundle::provenance::ProvenanceKind;
use closure::arch::Machine;

use crate::plan::entry::{EntryKind, FileSource, Plan};
use crate::plan::guards::with_link_targets;

/// A warning for each program of the recipe that is not for `machine`, the one that the image is for.
///
/// The filter knows the system calls of one machine. It ends a program that makes those of another one, whatever policy it
/// was made from.
pub(crate) fn warnings(plan: &Plan, machine: Machine) -> Vec<String> {
    let programs = with_link_targets(plan, |one| one.kind == ProvenanceKind::Requested);
    let foreign = programs.iter().filter_map(|path| {
        let EntryKind::File(FileSource::Host { path: file, .. }) = &plan.get(path)?.kind else { return None };
        Some((path, of_file(file).filter(|found| *found != machine)?))
    });
    let warning = |(path, found): (_, Machine)| {
        format!(
            "`{path}` is a program for {}: the sandbox ends it at its first system call (`forbidden-syscall`), unless a run has \
             no filter (`--seccomp off`)\n  hint: take the package for {}",
            found.name(),
            machine.name()
        )
    };
    foreign.map(warning).collect()
}

/// The machine of an ELF file; `None` for a script, or a file that copying will fail to read with a better error.
fn of_file(file: &Path) -> Option<Machine> {
    let mut head = [0; 20];
    File::open(file).ok()?.read_exact(&mut head).ok()?;
    Machine::of_elf(&head)
}
