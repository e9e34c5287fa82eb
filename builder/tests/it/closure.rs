//! `capsule closure`: the files that programs, libraries and directories need.

use std::path::Path;
use std::process::Command;

use crate::elf_file::ElfFile;
use crate::scene::Scene;

#[test]
fn programs_and_names_are_listed_with_their_links_sorted_and_once() {
    let scene = Scene::new();
    let listed = scene.succeeds("closure bash /bin/ls").stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.is_sorted_by(|a, b| a < b), "{listed}");
    for path in ["/usr/bin/bash", "/usr/bin/ls", "/bin", "/lib64", "/usr/lib/x86_64-linux-gnu/libc.so.6"] {
        assert!(lines.contains(&path), "{path} in {listed}");
    }
    assert!(lines.iter().all(|path| Path::new(path).symlink_metadata().is_ok()));
}

#[test]
fn a_directory_stands_for_its_elf_files_and_a_hole_is_told_and_ends_nothing() {
    let scene = Scene::new();
    let write = |name: &str, file: ElfFile| {
        file.write(&scene.path(name));
    };
    write("tree/lib/liba", ElfFile::library());
    write("tree/bin/good", ElfFile::program().runpath("$ORIGIN/../lib").needs("liba"));
    write("tree/bin/bad", ElfFile::program().needs("libnowhere"));
    scene.file("tree/bin/notes", "no ELF file");
    let said = scene.capsule("closure ./tree ./none");
    assert_eq!(said.code, 1, "{said:?}");
    let lists = |name: &str| said.stdout.lines().any(|line| Path::new(line) == scene.path(name));
    assert!(lists("tree/bin/good") && lists("tree/lib/liba"), "{said:?}");
    assert!(
        lists("tree/bin/bad") && !lists("tree/bin/notes"),
        "what was found of a program is listed: {said:?}"
    );
    assert!(said.stderr.contains("error: `libnowhere` not found, needed by"), "{said:?}");
    assert!(said.stderr.contains("/none` does not exist"), "{said:?}");
}

#[test]
fn a_library_that_many_files_lack_is_one_error() {
    let scene = Scene::new();
    for number in 0..50 {
        ElfFile::program().needs("libnowhere").write(&scene.path(&format!("tree/p{number:02}")));
    }
    let said = scene.capsule("closure ./tree");
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.stderr.matches("error: ").count(), 1, "{said:?}");
    assert!(said.stderr.starts_with("error: `libnowhere` not found, needed by 50 files\n"), "{said:?}");
    assert!(said.stderr.contains("/tree/p09`\n  and 40 more\n  searched: "), "{said:?}");
    assert_eq!(said.stdout.lines().filter(|line| line.contains("/tree/p")).count(), 50, "{said:?}");
}

#[test]
fn a_relative_directory_of_an_audit_starts_at_the_working_directory() {
    let scene = Scene::new();
    ElfFile::program().needs("libc.so.6").write(&scene.path("tree/p"));
    let said = scene.succeeds("audit tree");
    assert_eq!(said.stdout, "1 files compared, 0 mismatches, 0 skipped\n");
    assert_eq!(
        scene.fails("audit ./none"),
        format!("error: `{}` does not exist\n", scene.path("none").display())
    );
}

#[test]
fn a_static_program_needs_only_itself() {
    let scene = Scene::new();
    let source = scene.file("a.c", "int main(void) { return 0; }");
    for kind in ["-static", "-static-pie"] {
        let program = scene.path(kind.trim_start_matches('-'));
        let built = Command::new("gcc").arg(kind).arg("-o").arg(&program).arg(&source).status();
        assert!(built.expect("gcc").success(), "{kind}");
        let listed = scene.succeeds(&format!("closure {}", program.display())).stdout;
        assert_eq!(listed, format!("{}\n", program.display()), "{kind}");
    }
}
