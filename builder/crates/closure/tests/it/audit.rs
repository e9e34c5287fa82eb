//! What an audit compares, what it skips, and what it refuses.

use std::path::{Path, PathBuf};

use closure::audit::{AuditReport, Options, audit};

use crate::elf_file::ElfFile;

/// Class and machine of x32: Linux starts its programs only with `syscall.x32=y` on its command line.
const X32: (u8, u16) = (1, 62);

fn audit_of(path: &Path) -> Result<AuditReport, String> {
    let options = Options { directories: vec![path.to_owned()], ..Options::default() };
    audit(&options).map_err(|error| error.to_string())
}

fn skipped(report: &AuditReport) -> Vec<String> {
    report.skipped.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect()
}

#[test]
fn a_loader_that_the_kernel_refuses_is_not_replaced_by_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let (loader, program) = (dir.path().join("ld.so"), dir.path().join("p"));
    ElfFile::library().machine(X32.0, X32.1).write(&loader);
    let x32 = ElfFile::program().machine(X32.0, X32.1).interpreter(loader.to_str().unwrap());
    x32.needs("libnone").write(&program);
    ElfFile::program().needs("libc.so.6").write(&dir.path().join("own"));
    let report = audit_of(&program).unwrap();
    let why = format!("for x32: its loader `{}` cannot run here (ENOEXEC)", loader.display());
    assert_eq!(skipped(&report), [format!("{}: {why}", program.display())]);
    assert_eq!((report.files, report.mismatches), (0, vec![]));
    let whole = audit_of(dir.path()).unwrap();
    assert_eq!((whole.files, whole.mismatches), (1, vec![]), "the program of this machine is compared");
}

#[test]
fn a_skipped_file_names_its_machine() {
    let dir = tempfile::tempdir().unwrap();
    ElfFile::library().machine(2, 22).write(&dir.path().join("a"));
    ElfFile::program().machine(2, 183).interpreter("/no/ld.so").write(&dir.path().join("b"));
    let base = dir.path().display();
    let expected = [
        format!("{base}/a: for s390x, whose loaders are not known"),
        format!("{base}/b: for aarch64: its loader `/no/ld.so` does not exist"),
    ];
    assert_eq!(skipped(&audit_of(dir.path()).unwrap()), expected);
}

#[test]
fn a_directory_that_does_not_exist_is_an_error() {
    assert_eq!(audit_of(Path::new("/nonexistent")).unwrap_err(), "`/nonexistent` does not exist");
}

#[test]
fn a_file_may_stand_for_a_directory() {
    assert_eq!(audit_of(&PathBuf::from("/usr/bin/env")).unwrap().files, 1);
}
