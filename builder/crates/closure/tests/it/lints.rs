//! Remarks about files that every loader accepts, and modules of name services.

use std::collections::BTreeSet;
use std::path::Path;

use closure::Why;
use closure::audit::{LintKind, Options, lint};
use closure::resolve::{self, ImageFacts, Root, resolve};

use crate::elf_file::ElfFile;

fn remarks(dir: &Path) -> Vec<String> {
    let options = Options { directories: vec![dir.into()], ..Options::default() };
    let lints = lint(&options).unwrap();
    lints.iter().map(|lint| lint.to_string().replace(dir.to_str().unwrap(), "@")).collect()
}

#[test]
fn run_paths_that_depend_on_more_than_the_file() {
    let dir = tempfile::tempdir().unwrap();
    ElfFile::library().runpath("$ORIGIN/x:").write(&dir.path().join("a"));
    ElfFile::library().rpath("/x/${PLATFORM}").write(&dir.path().join("b"));
    ElfFile::library().runpath("$ORIGIN/../lib").write(&dir.path().join("c"));
    ElfFile::program().runpath("/x").write(&dir.path().join("d"));
    std::fs::set_permissions(dir.path().join("d"), std::os::unix::fs::PermissionsExt::from_mode(0o4755))
        .unwrap();
    let expected = [
        "`@/a` searches libraries in the working directory",
        "`@/b` has $PLATFORM in its run path: another CPU loads other libraries",
        "`@/d` is setuid or setgid and has a run path",
    ];
    assert_eq!(remarks(dir.path()), expected);
}

#[test]
fn dlopen_without_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("a.c");
    std::fs::write(&source, "void *dlopen(const char *, int); void *f(void) { return dlopen(\"x\", 1); }")
        .unwrap();
    let library = dir.path().join("a.so");
    let gcc = std::process::Command::new("gcc").args(["-shared", "-o"]).arg(&library).arg(&source).status();
    assert!(gcc.unwrap().success());
    assert_eq!(remarks(dir.path()), ["`@/a.so` imports dlopen, and no note or rule names what it opens"]);
    std::fs::copy("/bin/true", &library).unwrap();
    assert_eq!(remarks(dir.path()), Vec::<String>::new());
}

#[test]
fn a_library_that_is_found_through_a_cache_only() {
    let dir = tempfile::tempdir().unwrap();
    let root = |inside: &str| dir.path().join(inside);
    std::fs::create_dir_all(root("etc")).unwrap();
    std::fs::write(root("etc/ld.so.conf"), "/opt/lib\n").unwrap();
    std::fs::create_dir_all(root("lib64")).unwrap();
    std::fs::copy("/lib64/ld-linux-x86-64.so.2", root("lib64/ld-linux-x86-64.so.2")).unwrap();
    ElfFile::program().needs("liba.so").write(&root("p"));
    ElfFile::library().soname("liba.so").write(&root("opt/lib/liba.so"));
    let lints =
        || lint(&Options { root: dir.path().into(), directories: vec!["/p".into(), "/".into()] }).unwrap();
    let expected = LintKind::NoCache { soname: "liba.so".into(), path: "/opt/lib/liba.so".into() };
    assert!(lints().iter().any(|lint| lint.file == Path::new("/p") && lint.kind == expected));
    let made = std::process::Command::new("/sbin/ldconfig").arg("-X").arg("-r").arg(dir.path()).status();
    assert!(made.unwrap().success());
    assert_eq!(lints(), []);
}

#[test]
fn glibc_brings_the_name_service_modules() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().to_str().unwrap();
    ElfFile::program().needs("libc.so.6").write(&dir.path().join("p"));
    ElfFile::library()
        .needs("libc.so.6")
        .soname("libnss_ours.so.2")
        .write(&dir.path().join("libnss_ours.so.2"));
    let options = resolve::Options { library_path: vec![base.into()], ..resolve::Options::default() };
    let image = ImageFacts {
        name_services: BTreeSet::from(["files", "ours", "nowhere"].map(str::to_owned)),
        ..ImageFacts::default()
    };
    let closure = resolve(&options, &image, &[Root::Path(dir.path().join("p"))]).unwrap();
    let module = closure.members.iter().find(|m| m.path.ends_with("libnss_ours.so.2")).unwrap();
    assert_eq!(module.reasons[0].why, Why::NssModule { service: "ours".into() });
    assert!(module.reasons[0].by.as_ref().unwrap().ends_with("libc.so.6"));
}
