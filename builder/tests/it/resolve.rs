//! The closure of real programs of the build host, and one clear line for every way it can fail.

use std::path::{Path, PathBuf};

use builder::closure::{Closure, MemberKind, Why};
use builder::resolve::{Options, Root, resolve};

fn closure_of(names: &[&str]) -> Closure {
    let roots: Vec<Root> = names.iter().map(|name| Root::Name(name.into())).collect();
    resolve(&Options::default(), &roots).unwrap()
}

fn error_of(path: &Path) -> String {
    resolve(&Options::default(), &[Root::Path(path.to_owned())]).unwrap_err().to_string()
}

#[test]
fn bash_comes_with_its_loader_and_libraries_and_each_says_why() {
    let closure = closure_of(&["bash"]);
    let names = |why: &dyn Fn(&Why) -> bool| -> Vec<PathBuf> {
        let asked = |m: &&builder::closure::Member| m.reasons.iter().any(|r| why(&r.why));
        closure.members.iter().filter(asked).map(|m| m.path.clone()).collect()
    };
    assert!(names(&|why| *why == Why::Requested).contains(&"/usr/bin/bash".into()));
    assert!(!names(&|why| *why == Why::ElfInterpreter).is_empty());
    let needed = names(&|why| matches!(why, Why::Needed { soname, .. } if soname == "libc.so.6"));
    assert!(needed.iter().any(|path| path.ends_with("libc.so.6")), "{needed:?}");
}

#[test]
fn no_member_stands_below_a_symlink_member() {
    let closure = closure_of(&["bash", "python3", "vim"]);
    let links: Vec<&PathBuf> =
        closure.members.iter().filter(|m| m.kind != MemberKind::File).map(|m| &m.path).collect();
    assert!(links.contains(&&PathBuf::from("/lib64")), "{links:?}");
    for member in &closure.members {
        let below = links.iter().find(|link| member.path.starts_with(link) && member.path != ***link);
        assert_eq!(below, None, "{}", member.path.display());
    }
}

#[test]
fn the_closure_is_the_same_every_time() {
    assert_eq!(closure_of(&["bash", "git", "perl"]), closure_of(&["bash", "git", "perl"]));
}

#[test]
fn a_binary_that_does_not_exist() {
    assert_eq!(error_of(Path::new("/no/such")), "`/no/such` does not exist");
}

#[test]
fn a_name_that_path_does_not_have() {
    let error = resolve(&Options::default(), &[Root::Name("no-such-name".into())]).unwrap_err().to_string();
    let expected = "`no-such-name` not found on PATH\n  searched: /usr/local/sbin, /usr/local/bin, /usr/sbin, \
         /usr/bin, /sbin, /bin";
    assert_eq!(error, expected);
}

#[test]
fn a_directory() {
    assert_eq!(error_of(Path::new("/etc")), "`/etc` is a directory, not a program");
}

#[test]
fn a_text_file_without_interpreter() {
    let expected = "`/etc/passwd` is neither an ELF file nor a script with a `#!` line\n  \
                    hint: a data file goes under `include` of a recipe";
    assert_eq!(error_of(Path::new("/etc/passwd")), expected);
}

#[test]
fn a_truncated_elf_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut");
    std::fs::write(&path, &std::fs::read("/bin/true").unwrap()[..100]).unwrap();
    let expected =
        format!("`{}` is a damaged ELF file: program header table lies outside the file", path.display());
    assert_eq!(error_of(&path), expected);
}

#[test]
fn a_script_brings_its_interpreters() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    std::fs::write(&path, "#!/usr/bin/env -S perl -w\n").unwrap();
    let closure = resolve(&Options::default(), &[Root::Path(path.clone())]).unwrap();
    let by_script: Vec<_> = closure
        .members
        .iter()
        .filter(|m| m.reasons.iter().any(|r| r.by.as_ref() == Some(&path) && r.why == Why::ScriptInterpreter))
        .map(|m| m.path.display().to_string())
        .collect();
    assert_eq!(by_script, ["/usr/bin/env", "/usr/bin/perl"]);
}

#[test]
fn a_program_for_another_machine() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("foreign");
    let mut bytes = std::fs::read("/bin/true").unwrap();
    bytes[18..20].copy_from_slice(&183u16.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let expected = format!(
        "`{}` is for aarch64, but this machine is x86-64\n  hint: name a tree of that machine with `--sysroot`",
        path.display()
    );
    assert_eq!(error_of(&path), expected);
}
