//! The closure of real programs of the build host, and the error for every way in which it can fail.

use std::path::{Path, PathBuf};

use closure::dlopen::DlopenLevel;
use closure::resolve::{self, ImageFacts, Options, Root};
use closure::{Closure, Failure, MemberKind, Why};

use crate::elf_file::ElfFile;

fn closure_of(names: &[&str]) -> Closure {
    let roots: Vec<Root> = names.iter().map(|name| Root::Name(name.into())).collect();
    resolve(&Options::default(), &roots).unwrap()
}

fn resolve(options: &Options, roots: &[Root]) -> Result<Closure, Failure> {
    resolve::resolve(options, &ImageFacts::default(), roots)
}

fn error_of(path: &Path) -> String {
    resolve(&Options::default(), &[Root::Path(path.to_owned())]).unwrap_err().to_string()
}

#[test]
fn bash_brings_its_loader_and_libraries_each_with_a_reason() {
    let closure = closure_of(&["bash"]);
    let names = |why: &dyn Fn(&Why) -> bool| -> Vec<PathBuf> {
        let is_needed = |m: &&closure::Member| m.reasons.iter().any(|r| why(&r.why));
        closure.members.iter().filter(is_needed).map(|m| m.path.clone()).collect()
    };
    assert!(names(&|why| matches!(why, Why::Requested { root: 0 })).contains(&"/usr/bin/bash".into()));
    assert!(!names(&|why| *why == Why::ElfInterpreter).is_empty());
    let needed = names(&|why| matches!(why, Why::Needed { soname, .. } if soname == "libc.so.6"));
    assert!(needed.iter().any(|path| path.ends_with("libc.so.6")), "{needed:?}");
}

#[test]
fn no_member_is_below_a_symlink_member() {
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
fn a_name_that_is_not_on_path() {
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

/// The members that notes bring into the closure of a program, as file name and priority.
fn opened(dir: &Path, dlopen: DlopenLevel) -> Vec<String> {
    let options = Options { dlopen, ..Options::default() };
    let closure = resolve(&options, &[Root::Path(dir.join("p"))]).unwrap();
    let mut names = Vec::new();
    for member in &closure.members {
        for reason in &member.reasons {
            if let Why::Dlopen { priority, .. } = &reason.why {
                names.push(format!("{} {priority}", member.path.file_name().unwrap().display()));
            }
        }
    }
    names
}

#[test]
fn notes_are_followed_down_to_the_priority_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let run_path = dir.path().to_str().unwrap();
    let note = r#"[{"soname":["liba"],"priority":"required"},{"soname":["none","libb"]},
        {"soname":["libc"],"priority":"suggested"},{"soname":["nowhere"]}]"#;
    ElfFile::program().runpath(run_path).dlopen_note(note).needs("libx").write(&dir.path().join("p"));
    for name in ["liba", "libb", "libc", "libx"] {
        ElfFile::library().write(&dir.path().join(name));
    }
    assert_eq!(opened(dir.path(), DlopenLevel::None), Vec::<String>::new());
    assert_eq!(opened(dir.path(), DlopenLevel::Required), ["liba required"]);
    assert_eq!(opened(dir.path(), DlopenLevel::Recommended), ["liba required", "libb recommended"]);
    let all = ["liba required", "libb recommended", "libc suggested"];
    assert_eq!(opened(dir.path(), DlopenLevel::Suggested), all);
}

#[test]
fn a_required_note_without_a_library_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let note = r#"[{"soname":["nowhere"],"priority":"required"}]"#;
    ElfFile::program().dlopen_note(note).needs("libc.so.6").write(&dir.path().join("p"));
    let error = error_of(&dir.path().join("p"));
    assert!(
        error.starts_with(&format!("`nowhere` not found, needed by `{}/p`", dir.path().display())),
        "{error}"
    );
}

#[test]
fn glibc_brings_the_library_that_pthread_exit_needs() {
    let closure = closure_of(&["true"]);
    let libgcc = closure.members.iter().find(|m| m.path.ends_with("libgcc_s.so.1")).unwrap();
    assert!(matches!(&libgcc.reasons[0].why, Why::Dlopen { priority, .. } if priority.contains("glibc")));
}

#[test]
fn a_missing_library_names_the_chain_and_every_directory() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    ElfFile::program().runpath(&format!("{base}/lib")).needs("liba").write(&dir.path().join("p"));
    ElfFile::library().runpath("/nowhere").needs("libgone.so.1").write(&dir.path().join("lib/liba"));
    let expected = format!(
        "`libgone.so.1` not found, needed by `{base}/lib/liba` ← `{base}/p`\n  \
         searched: /nowhere, /lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib\n  \
         hint: add its directory with `--library-path`"
    );
    assert_eq!(error_of(&dir.path().join("p")), expected);
}

#[test]
fn every_missing_library_is_named_with_the_file_that_needs_it() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    let program = ElfFile::program().runpath(&base.to_string()).needs("liba").needs("libgone.so.1");
    program.needs("libaway.so.2").write(&dir.path().join("p"));
    ElfFile::library()
        .runpath("/nowhere")
        .needs("libgone.so.1")
        .needs("libc.so.6")
        .write(&dir.path().join("liba"));
    let default = "/lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib";
    let hint = "hint: add its directory with `--library-path`";
    let expected = format!(
        "3 libraries not found\n  \
         `libgone.so.1` not found, needed by `{base}/p`\n  \
         `libaway.so.2` not found, needed by `{base}/p`\n    searched: {base}, {default}\n    {hint}\n  \
         `libgone.so.1` not found, needed by `{base}/liba` ← `{base}/p`\n    searched: /nowhere, {default}\n    {hint}"
    );
    assert_eq!(error_of(&dir.path().join("p")), expected);
}

#[test]
fn a_survey_has_what_was_found_of_a_program_that_lacks_libraries() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("p");
    ElfFile::program().needs("libgone.so.1").needs("libc.so.6").write(&program);
    let survey = resolve::survey(&Options::default(), &[Root::Path(program.clone())]).unwrap();
    let paths: Vec<&PathBuf> = survey.closure.members.iter().map(|member| &member.path).collect();
    assert!(paths.contains(&&program) && paths.iter().any(|path| path.ends_with("libc.so.6")), "{paths:?}");
    assert_eq!(survey.failures.len(), 1);
}

#[test]
fn equal_errors_are_one_message_that_names_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    for number in 10..22 {
        ElfFile::program().needs("libgone.so.1").write(&dir.path().join(format!("p{number}")));
    }
    ElfFile::library().machine(1, 3).interpreter("/no/ld.so").write(&dir.path().join("q"));
    let survey = resolve::survey(&Options::default(), &[Root::Path(dir.path().to_owned())]).unwrap();
    let names: String = (10..20).map(|number| format!("\n  `{base}/p{number}`")).collect();
    let missing = format!(
        "`libgone.so.1` not found, needed by 12 files{names}\n  and 2 more\n  \
         searched: /lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib\n  \
         hint: add its directory with `--library-path`"
    );
    let loader = format!("`/no/ld.so` does not exist, needed by `{base}/q`");
    assert_eq!(closure::grouped(&survey.failures), [missing, loader]);
}

#[test]
fn a_library_for_another_machine_is_the_hint() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    ElfFile::program().runpath(&base.to_string()).needs("liba").write(&dir.path().join("p"));
    ElfFile::library().machine(1, 3).write(&dir.path().join("liba"));
    let error = error_of(&dir.path().join("p"));
    assert!(error.ends_with(&format!("hint: `{base}/liba` is for i386")), "{error}");
}

#[test]
fn a_file_that_is_not_a_library() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    ElfFile::program().runpath(&base.to_string()).needs("liba").write(&dir.path().join("p"));
    std::fs::write(dir.path().join("liba"), [b'#'; 100]).unwrap();
    let expected =
        format!("`{base}/liba` cannot be loaded as `liba`, needed by `{base}/p`: invalid ELF header");
    assert_eq!(error_of(&dir.path().join("p")), expected);
}

#[test]
fn a_missing_program_interpreter_names_its_program() {
    let dir = tempfile::tempdir().unwrap();
    ElfFile::program().interpreter("/no/ld.so").needs("libc.so.6").write(&dir.path().join("p"));
    let expected = format!("`/no/ld.so` does not exist, needed by `{}/p`", dir.path().display());
    assert_eq!(error_of(&dir.path().join("p")), expected);
}

#[test]
fn scripts_that_interpret_each_other_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p");
    std::fs::write(&path, format!("#!{}\n", path.display())).unwrap();
    let expected = format!("`{}`: more than 5 levels of script interpreters", path.display());
    assert_eq!(error_of(&path), expected);
}

#[test]
fn why_not_lists_every_path_with_its_rule_and_errno() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display();
    ElfFile::program().runpath(&format!("{base}:/nowhere")).needs("libgone").write(&dir.path().join("p"));
    let roots = [Root::Path(dir.path().join("p"))];
    let attempts = resolve::why_not(&Options::default(), &roots, "libgone".as_ref()).unwrap();
    let lines: Vec<String> =
        attempts.iter().map(|a| format!("{}: {}: {}", a.path.display(), a.rule, a.outcome)).collect();
    assert_eq!(lines[0], format!("{base}/libgone: RUNPATH: ENOENT"));
    assert_eq!(lines[1], "/nowhere/libgone: RUNPATH: no such directory");
    assert_eq!(lines[2], "/lib/x86_64-linux-gnu/libgone: default directory: ENOENT");
}
