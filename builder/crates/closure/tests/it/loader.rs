//! Each rule of the dynamic loaders as one small world, in which the real loader must do the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use closure::arch::Cpu;
use closure::audit::{self, audit};
use closure::loader::objects::Objects;
use closure::loader::setting::{Preload, Setting};
use closure::loader::tree::Tree;
use closure::sysroot::Sysroot;

use crate::elf_file::ElfFile;

/// Files below a temporary directory of the build host.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Writes a file; `@` in its strings is replaced by the world's directory.
    fn put(self, below: &str, file: ElfFile) -> Self {
        file.with_directory(self.dir.path()).write(&self.path(below));
        self
    }

    fn bytes(self, below: &str, bytes: &[u8]) -> Self {
        fs::create_dir_all(self.path(below).parent().unwrap()).unwrap();
        fs::write(self.path(below), bytes).unwrap();
        self
    }

    fn link(self, below: &str, target: &str) -> Self {
        symlink(target, self.path(below)).unwrap();
        self
    }

    fn directory(self, below: &str) -> Self {
        fs::create_dir_all(self.path(below)).unwrap();
        self
    }

    /// What is loaded for `program`, in order: paths below the world's directory, `!NAME` for a missing library,
    /// and `?PATH` alone for a file that ends the program. The real loader must agree for every file of the world.
    #[track_caller]
    fn loads(&self, program: &str, expected: &[&str]) {
        assert_eq!(self.load_order(program), expected);
        let report =
            audit(&audit::Options { directories: vec![self.dir.path().into()], ..Default::default() });
        let report = report.unwrap();
        let mismatches: Vec<String> = report.mismatches.iter().map(ToString::to_string).collect();
        assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
        assert!(report.files > 0, "nothing was compared");
    }

    fn load_order(&self, program: &str) -> Vec<String> {
        self.load_order_with(program, vec![])
    }

    fn load_order_with(&self, program: &str, library_path: Vec<PathBuf>) -> Vec<String> {
        let sysroot = Sysroot::new(Path::new("/")).unwrap();
        let objects = Objects::new(&sysroot);
        let setting =
            Setting { library_path, cpu: Cpu::host(), conf_without_cache: false, preload: Preload::OfTree };
        let tree = Tree::new(&objects, setting);
        let mut process = tree.process(objects.open(&self.path(program)).unwrap()).unwrap();
        let relative = |path: &Path| path.strip_prefix(self.dir.path()).unwrap_or(path).display().to_string();
        if let Err(fatal) = process.load_all() {
            return vec![format!("?{}", relative(&fatal.path))];
        }
        let missing = process.missing_names().map(|name| format!("!{}", name.display()));
        process.libraries().map(relative).chain(missing).collect()
    }
}

fn library() -> ElfFile {
    ElfFile::library()
}

fn program() -> ElfFile {
    ElfFile::program()
}

#[test]
fn runpath_finds_a_library() {
    let world = World::new().put("p", program().runpath("@/lib").needs("a")).put("lib/a", library());
    world.loads("p", &["lib/a"]);
}

#[test]
fn runpath_is_not_inherited() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a"))
        .put("lib/a", library().needs("b"))
        .put("lib/b", library());
    world.loads("p", &["lib/a", "!b"]);
}

#[test]
fn rpath_is_inherited_along_the_chain_of_loaders() {
    let world = World::new()
        .put("p", program().rpath("@/one").needs("a"))
        .put("one/a", library().rpath("@/two").needs("b"))
        .put("two/b", library().needs("c").needs("d"))
        .put("two/c", library())
        .put("one/d", library());
    world.loads("p", &["one/a", "two/b", "two/c", "one/d"]);
}

#[test]
fn the_nearest_rpath_comes_first() {
    let world = World::new()
        .put("p", program().rpath("@/one").needs("a"))
        .put("one/a", library().rpath("@/two").needs("b"))
        .put("one/b", library())
        .put("two/b", library());
    world.loads("p", &["one/a", "two/b"]);
}

#[test]
fn rpath_next_to_runpath_does_not_count() {
    let world = World::new()
        .put("p", program().rpath("@/one").runpath("@/two").needs("a"))
        .put("one/a", library())
        .put("two/a", library());
    world.loads("p", &["two/a"]);
}

#[test]
fn an_object_with_runpath_does_not_use_the_rpath_of_its_loader() {
    let world = World::new()
        .put("p", program().rpath("@/one").needs("a"))
        .put("one/a", library().runpath("@/empty").needs("b"))
        .put("one/b", library());
    world.loads("p", &["one/a", "!b"]);
}

#[test]
fn an_object_with_runpath_does_not_pass_its_rpath_on() {
    let world = World::new()
        .put("p", program().rpath("@/one").runpath("@/one").needs("a"))
        .put("one/a", library().needs("b"))
        .put("one/b", library());
    world.loads("p", &["one/a", "!b"]);
}

#[test]
fn the_library_path_comes_after_rpath_and_before_runpath() {
    let world = World::new()
        .put("old", program().rpath("@/own").needs("a"))
        .put("new", program().runpath("@/own").needs("a"))
        .put("own/a", library())
        .put("path/a", library());
    for (program, found) in [("old", "own/a"), ("new", "path/a")] {
        let path = world.path("path");
        assert_eq!(world.load_order_with(program, vec![path.clone()]), [found]);
        let mut loader = std::process::Command::new("/lib64/ld-linux-x86-64.so.2");
        let output = loader.arg("--library-path").arg(&path).arg("--list").arg(world.path(program)).output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(output.contains(&format!("{} (", world.path(found).display())), "{program}: {output}");
    }
}

#[test]
fn origin_is_the_directory_of_the_object_as_opened() {
    let world = World::new()
        .put("bin/p", program().runpath("$ORIGIN/../lib").needs("a"))
        .put("real/a", library().runpath("${ORIGIN}/private").needs("b"))
        .directory("lib")
        .link("lib/a", "../real/a")
        .put("real/private/b", library())
        .put("lib/private/b", library());
    world.loads("bin/p", &["bin/../lib/a", "bin/../lib/private/b"]);
}

#[test]
fn a_longer_name_than_origin_is_not_a_token() {
    let world =
        World::new().put("p", program().runpath("@/$ORIGINAL").needs("a")).put("$ORIGINAL/a", library());
    world.loads("p", &["$ORIGINAL/a"]);
}

#[test]
fn lib_has_the_value_that_is_in_the_loader() {
    let world = World::new()
        .put("p", program().runpath("@/$LIB:@/x/${LIB}").needs("a").needs("b"))
        .put("lib/x86_64-linux-gnu/a", library())
        .put("x/lib/x86_64-linux-gnu/b", library());
    world.loads("p", &["lib/x86_64-linux-gnu/a", "x/lib/x86_64-linux-gnu/b"]);
}

#[test]
fn platform_is_the_one_of_the_cpu() {
    // Not the bare name: glibc ≤ 2.36 searches a hardware directory of that name.
    let place = format!("for-{}/a", Cpu::host().platform);
    let world = World::new().put("p", program().runpath("@/for-$PLATFORM").needs("a")).put(&place, library());
    world.loads("p", &[&place]);
}

#[test]
fn a_needed_name_with_a_slash_is_a_path() {
    let world = World::new().put("p", program().needs("$ORIGIN/x/a").runpath("@/lib")).put("x/a", library());
    world.loads("p", &["x/a"]);
}

#[test]
fn a_missing_path_is_not_searched_elsewhere() {
    let world = World::new().put("p", program().needs("@/x/a").runpath("@/lib")).put("lib/a", library());
    let name = format!("!{}", world.path("x/a").display());
    world.loads("p", &[&name]);
}

#[test]
fn a_loaded_object_is_found_by_its_soname() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a").needs("b"))
        .put("lib/a", library().soname("b"))
        .put("lib/b", library());
    world.loads("p", &["lib/a"]);
}

#[test]
fn the_first_object_of_a_name_in_breadth_first_order_is_used() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a").needs("b"))
        .put("lib/a", library().runpath("@/near").needs("x"))
        .put("lib/b", library().needs("c").runpath("@/lib"))
        .put("lib/c", library().runpath("@/far").needs("x"))
        .put("near/x", library())
        .put("far/x", library());
    world.loads("p", &["lib/a", "lib/b", "near/x", "lib/c"]);
}

#[test]
fn a_missing_name_is_searched_again_for_the_next_object() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a").needs("b"))
        .put("lib/a", library().needs("x"))
        .put("lib/b", library().runpath("@/far").needs("x"))
        .put("far/x", library());
    world.loads("p", &["lib/a", "lib/b", "far/x", "!x"]);
}

#[test]
fn two_names_of_one_file_are_one_object() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a").needs("b").needs("c"))
        .put("lib/a", library())
        .link("lib/b", "a");
    fs::hard_link(world.path("lib/a"), world.path("lib/c")).unwrap();
    world.loads("p", &["lib/a"]);
}

#[test]
fn a_library_of_another_class_or_machine_is_skipped() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two:@/three").needs("a"))
        .put("one/a", library().machine(1, 3))
        .put("two/a", library().machine(2, 183))
        .put("three/a", library());
    world.loads("p", &["three/a"]);
}

#[test]
fn a_file_that_is_not_elf_ends_the_program() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two").needs("a"))
        .bytes("one/a", &[b'#'; 100])
        .put("two/a", library());
    world.loads("p", &["?one/a"]);
}

#[test]
fn a_file_that_is_too_short_ends_the_program() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two").needs("a"))
        .bytes("one/a", b"")
        .put("two/a", library());
    world.loads("p", &["?one/a"]);
}

#[test]
fn a_directory_of_that_name_ends_the_program() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two").needs("a"))
        .directory("one/a")
        .put("two/a", library());
    world.loads("p", &["?one/a"]);
}

#[test]
fn a_program_is_not_a_library() {
    const DF_1_PIE: u64 = 0x0800_0000;
    let world = World::new()
        .put("p", program().runpath("@/one").needs("a"))
        .put("one/a", library().flags_1(DF_1_PIE).needs("b"));
    world.loads("p", &["?one/a"]);
}

#[test]
fn a_loop_of_links_ends_the_list_but_not_the_search() {
    let world = World::new()
        .put("p", program().rpath("@/one:@/two").needs("a"))
        .directory("one")
        .link("one/a", "a")
        .put("two/a", library());
    world.loads("p", &["!a"]);
}

#[test]
fn a_dangling_link_is_skipped() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two").needs("a"))
        .directory("one")
        .link("one/a", "nowhere")
        .put("two/a", library());
    world.loads("p", &["two/a"]);
}

#[test]
fn a_file_in_place_of_a_directory_is_skipped() {
    let world = World::new()
        .put("p", program().runpath("@/one:@/two").needs("a"))
        .bytes("one", b"file")
        .put("two/a", library());
    world.loads("p", &["two/a"]);
}

#[test]
fn nodeflib_forbids_the_system_directories() {
    const DF_1_NODEFLIB: u64 = 0x0800;
    let world = World::new().put("p", program().flags_1(DF_1_NODEFLIB).needs("libm.so.6"));
    world.loads("p", &["!libm.so.6"]);
}

#[test]
fn system_libraries_come_from_the_cache() {
    let world = World::new().put("p", program().needs("libm.so.6"));
    world.loads("p", &["/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libc.so.6"]);
}

#[test]
fn the_best_hwcaps_directory_that_the_cpu_allows_comes_first() {
    let mut world = World::new().put("p", program().runpath("@/lib").needs("a")).put("lib/a", library());
    let levels = Cpu::host().level.directories();
    world = world.put("lib/glibc-hwcaps/x86-64-v9/a", library());
    for level in levels {
        world = world.put(&format!("lib/glibc-hwcaps/{level}/a"), library());
    }
    let best = levels.first().map_or("lib/a".to_owned(), |level| format!("lib/glibc-hwcaps/{level}/a"));
    world.loads("p", &[&best]);
}

#[test]
fn the_old_hardware_directories_are_searched_up_to_glibc_2_36() {
    let place = if glibc_version() <= (2, 36) { "lib/tls/x86_64/a" } else { "lib/a" };
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a"))
        .put("lib/tls/x86_64/a", library())
        .put("lib/x86_64/a", library())
        .put("lib/a", library());
    world.loads("p", &[place]);
}

fn glibc_version() -> (u32, u32) {
    let output = std::process::Command::new("/lib64/ld-linux-x86-64.so.2").arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version =
        text.split("release version ").nth(1).unwrap().split(|c: char| c != '.' && !c.is_ascii_digit());
    let mut numbers = version.into_iter().next().unwrap().split('.').map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn a_filter_is_needed_and_an_auxiliary_is_not() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a").needs("b"))
        .put("lib/a", library().runpath("@/lib").filter("f"))
        .put("lib/b", library().runpath("@/lib").auxiliary("g").auxiliary("h"))
        .put("lib/f", library())
        .put("lib/g", library());
    world.loads("p", &["lib/a", "lib/b", "lib/f", "lib/g", "!h"]);
}

#[test]
fn dependencies_of_filters_come_before_those_of_other_objects() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a"))
        .put("lib/a", library().runpath("@/lib").needs("b").filter("f").auxiliary("g"))
        .put("lib/g", library())
        .put("lib/f", library().runpath("@/one").needs("x"))
        .put("lib/b", library().runpath("@/two").needs("x"))
        .put("one/x", library())
        .put("two/x", library());
    world.loads("p", &["lib/a", "lib/b", "lib/f", "lib/g", "one/x"]);
}

#[test]
fn an_empty_element_of_a_run_path_is_the_current_directory() {
    // The audit runs the loader in `/`.
    let world = World::new().put("p", program().runpath(":@/lib").needs("a")).put("lib/a", library());
    world.loads("p", &["lib/a"]);
}

#[test]
fn dependencies_may_form_a_cycle() {
    let world = World::new()
        .put("p", program().runpath("@/lib").needs("a"))
        .put("lib/a", library().runpath("@/lib").needs("b"))
        .put("lib/b", library().runpath("@/lib").needs("a").needs("b"));
    world.loads("p", &["lib/a", "lib/b"]);
}

#[test]
fn the_empty_name_is_the_program() {
    let world = World::new().put("p", program().runpath("@/lib").needs("")).put("lib/a", library());
    world.loads("p", &[]);
}

#[test]
fn a_32_bit_program_has_its_own_loader_and_libraries() {
    let loader = "/lib/ld-linux.so.2";
    if !crate::have::have(Path::new(loader), "libc6-i386") {
        return;
    }
    let world = World::new()
        .put("p", program().machine(1, 3).interpreter(loader).runpath("@/lib").needs("a").needs("libm.so.6"))
        .put("lib/a", library().machine(1, 3));
    let loaded = world.load_order("p");
    assert!(loaded[1].ends_with("lib32/libm.so.6"), "{loaded:?}");
    let order: Vec<&str> = loaded.iter().map(String::as_str).collect();
    world.loads("p", &order);
}

const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

fn musl_program() -> ElfFile {
    program().interpreter(MUSL).needs("libc.so")
}

#[test]
fn musl_inherits_runpath_too() {
    if !crate::have::have(Path::new(MUSL), "musl") {
        return;
    }
    let world = World::new()
        .put("p", musl_program().runpath("@/lib").needs("a"))
        .put("lib/a", library().needs("libc.so").needs("b"))
        .put("lib/b", library().needs("libc.so"));
    world.loads("p", &["lib/a", "lib/b"]);
}

#[test]
fn musl_ignores_sonames_and_is_libc_itself() {
    if !crate::have::have(Path::new(MUSL), "musl") {
        return;
    }
    let world = World::new()
        .put(
            "p",
            musl_program()
                .runpath("$ORIGIN/lib")
                .needs("a")
                .needs("b")
                .needs("libpthread.so.0")
                .needs("libcrypt.so"),
        )
        .put("lib/libcrypt.so", library())
        .put("lib/a", library().needs("libc.so").soname("b"))
        .put("lib/b", library().needs("libc.so"))
        .put("lib/libpthread.so.0", library());
    world.loads("p", &["lib/a", "lib/b", "lib/libcrypt.so"]);
}

#[test]
fn musl_ignores_a_run_path_with_another_token() {
    if !crate::have::have(Path::new(MUSL), "musl") {
        return;
    }
    let world =
        World::new().put("p", musl_program().runpath("@/lib:@/$LIB").needs("a")).put("lib/a", library());
    world.loads("p", &["!a"]);
}
