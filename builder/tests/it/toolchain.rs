//! Toolchains that are not from packages of the build host: directories, archives, and the registries of PyPI and npm.

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use zip::write::{SimpleFileOptions, ZipWriter};

use crate::scene::{Said, Scene, needs_root};

/// Runs `capsule` with a cache of its own.
fn capsule(scene: &Scene, line: &str) -> Said {
    let mut command = scene.command();
    Said::of(command.env("XDG_CACHE_HOME", scene.path("cache")).args(line.split_whitespace()))
}

fn succeeds(scene: &Scene, line: &str) -> String {
    let said = capsule(scene, line);
    assert_eq!(said.code, 0, "capsule {line}: {}", said.stderr);
    said.stdout
}

fn fails(scene: &Scene, line: &str, why: &str) {
    let said = capsule(scene, line);
    assert!(said.code == 1 && said.stderr.contains(why), "capsule {line}: {said:?}");
}

/// A language that starts a script of its toolchain.
fn pack(scene: &Scene, toolchain: &str) {
    scene.file(
        "greet.toml",
        format!(
            "binaries = [\"dash\", \"cat\"]\n[toolchain]\n{toolchain}\nto = \"/opt/tool\"\n\
             [language]\nsource = \"main.greet\"\n[run]\nargv = [\"dash\", \"/opt/tool/bin/greet\", \"{{source}}\"]\n"
        ),
    );
    scene.file("main.greet", "World");
}

fn greets(scene: &Scene, greeting: &str) {
    succeeds(scene, "build --pack ./greet.toml --replace -o B --format dir");
    assert_eq!(succeeds(scene, "exec B main.greet"), greeting);
}

fn greeter(greeting: &str) -> String {
    format!("printf '{greeting}, '; cat \"$1\"; echo")
}

#[test]
fn a_directory_from_elsewhere_is_compared_with_its_lock() {
    needs_root!();
    let scene = Scene::new();
    scene.file("tool/bin/greet", greeter("Hello"));
    pack(&scene, &format!("from = \"{}\"", scene.path("tool").display()));
    greets(&scene, "Hello, World\n");
    assert!(succeeds(&scene, "pack fetch ./greet.toml").contains("locked as"));
    assert!(succeeds(&scene, "pack fetch ./greet.toml").contains("as in the lock"));
    greets(&scene, "Hello, World\n");
    scene.file("tool/bin/greet", greeter("Hallo"));
    fails(&scene, "build --pack ./greet.toml -o C", "greet.toml:2:2: ");
    fails(&scene, "build --pack ./greet.toml -o C", "differs from `./greet.lock`");
    fails(&scene, "pack fetch ./greet.toml", "`--update` makes a new lock");
    succeeds(&scene, "pack fetch ./greet.toml --update");
    greets(&scene, "Hallo, World\n");
    fs::remove_dir_all(scene.path("tool")).expect("removed");
    fails(&scene, "build --pack ./greet.toml -o C", "is not a directory of the build host");
}

/// An archive as releases have it: with one directory, whose name has the version.
fn release(scene: &Scene, greeting: &str) {
    scene.file("tool-1.0/bin/greet", greeter(greeting));
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(scene.path("tool.tar.gz")).arg("-C").arg(scene.path("")).arg("tool-1.0");
    assert!(tar.status().expect("started").success());
}

#[test]
fn archives_are_brought_once_and_kept() {
    needs_root!();
    let scene = Scene::new();
    release(&scene, "Hello");
    pack(&scene, &format!("fetch = [\"file:{}\"]", scene.path("tool.tar.gz").display()));
    fails(&scene, "build --pack ./greet.toml -o B", "`capsule pack fetch` with the pack's file brings it");
    succeeds(&scene, "pack fetch ./greet.toml");
    greets(&scene, "Hello, World\n");
    let lock = fs::read(scene.path("greet.lock")).expect("made");

    // Offline: neither the archive nor the directory is needed again.
    fs::remove_file(scene.path("tool.tar.gz")).expect("removed");
    fs::remove_dir_all(scene.path("greet.fetched")).expect("removed");
    succeeds(&scene, "pack fetch ./greet.toml");
    greets(&scene, "Hello, World\n");

    // A build refuses a directory that was changed by hand, and a fetch makes it anew.
    scene.file("greet.fetched/bin/greet", greeter("Hallo"));
    fails(&scene, "build --pack ./greet.toml -o C", "differs from `./greet.lock`");
    succeeds(&scene, "pack fetch ./greet.toml");
    greets(&scene, "Hello, World\n");

    // Another archive at the same place is not the one of the lock.
    fs::remove_dir_all(scene.path("cache")).expect("removed");
    fs::remove_dir_all(scene.path("greet.fetched")).expect("removed");
    release(&scene, "Hallo");
    fails(&scene, "pack fetch ./greet.toml", "did not bring `tool.tar.gz` with the SHA-256 of the lock");
    assert_eq!(fs::read(scene.path("greet.lock")).expect("there"), lock);
    let left = scene.names().into_iter().filter(|name| name.starts_with(".fetch-")).collect::<Vec<_>>();
    assert_eq!(left, Vec::<String>::new());
    succeeds(&scene, "pack fetch ./greet.toml --update");
    greets(&scene, "Hallo, World\n");
}

#[test]
fn a_lock_of_other_packages_is_not_taken() {
    needs_root!();
    let scene = Scene::new();
    release(&scene, "Hello");
    pack(&scene, &format!("fetch = [\"file:{}\"]", scene.path("tool.tar.gz").display()));
    succeeds(&scene, "pack fetch ./greet.toml");
    pack(&scene, "fetch = [\"file:/opt/other.tar.gz\"]");
    fails(&scene, "pack fetch ./greet.toml", "and the pack names others");
    fails(&scene, "build --pack ./greet.toml -o B", "is of a lock that is for other packages");
}

/// Makes an archive: names, contents, and whether each is a link.
pub(crate) fn zip(path: &Path, entries: &[(&str, &str, bool)]) {
    let mut archive = ZipWriter::new(File::create(path).expect("made"));
    for (name, content, is_link) in entries {
        let options = SimpleFileOptions::default().unix_permissions(0o755);
        if *is_link {
            archive.add_symlink(*name, *content, options).expect("added");
        } else {
            archive.start_file(*name, options).expect("added");
            archive.write_all(content.as_bytes()).expect("written");
        }
    }
    archive.finish().expect("finished");
}

/// Wheels have their files as they are installed, but for those below `NAME.data`; other archives have a directory.
#[test]
fn a_wheel_is_unpacked_as_pip_installs_it() {
    needs_root!();
    let scene = Scene::new();
    let wheel = scene.path("greet-1.0-py3-none-any.whl");
    let text = greeter("Hello");
    zip(&wheel, &[("bin/greet", &text, false), ("greet-1.0.data/purelib/more/text", "more", false)]);
    pack(&scene, &format!("fetch = [\"file:{}\"]", wheel.display()));
    succeeds(&scene, "pack fetch ./greet.toml");
    greets(&scene, "Hello, World\n");
    assert_eq!(fs::read_to_string(scene.path("greet.fetched/more/text")).expect("there"), "more");
}

/// A `pip3` of this Python, which brings the scene's only wheel and writes its arguments to `calls`.
fn pip(scene: &Scene, python: &str) {
    let place = scene.path("");
    let place = place.display();
    scene.file(
        "bin/pip3",
        format!(
            "#!/bin/sh\n\
            [ \"$1\" != --version ] || exec echo \"pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python {python})\"\n\
            echo \"$@\" >> {place}/calls\n\
            while [ \"$1\" != --dest ]; do shift; done\n\
            exec cp {place}/greet-1.0-py3-none-any.whl \"$2\"\n"
        ),
    );
}

/// pip chooses wheels for the Python that runs it, and another machine may have another one.
#[test]
fn a_lock_has_the_python_for_which_pip_chose() {
    needs_root!();
    let scene = Scene::new();
    zip(&scene.path("greet-1.0-py3-none-any.whl"), &[("bin/greet", &greeter("Hello"), false)]);
    let path = format!("{}:{}", scene.path("bin").display(), env::var("PATH").expect("set"));
    let fetch = |options: &[&str]| {
        let mut command = scene.command();
        command.env("XDG_CACHE_HOME", scene.path("cache")).env("PATH", &path);
        let said = Said::of(command.args(["pack", "fetch", "./greet.toml"]).args(options));
        assert_eq!(said.code, 0, "{}", said.stderr);
        let lock = fs::read_to_string(scene.path("greet.lock")).expect("made");
        let calls = fs::read_to_string(scene.path("calls")).expect("pip was called");
        (lock, calls.lines().last().map(str::to_owned).expect("a call"))
    };
    pack(&scene, "fetch = [\"pypi:greet\"]");
    pip(&scene, "3.7");
    let (lock, call) = fetch(&[]);
    assert!(
        lock.contains("\npython_of_pip = \"3.7\"\n") && !call.contains("--python-version"),
        "{lock}{call}"
    );

    // The same wheel again, by another pip.
    fs::remove_dir_all(scene.path("cache")).expect("removed");
    fs::remove_dir_all(scene.path("greet.fetched")).expect("removed");
    pip(&scene, "3.8");
    let (same, call) = fetch(&[]);
    assert!(same == lock && call.contains("--python-version 3.7"), "{call}");

    // A new lock is of this pip; a pack that names a Python needs none.
    assert!(fetch(&["--update"]).0.contains("\npython_of_pip = \"3.8\"\n"));
    pack(&scene, "fetch = [\"pypi:greet\"]\npython = \"3.9\"");
    let (lock, call) = fetch(&["--update"]);
    assert!(!lock.contains("python_of_pip") && call.contains("--python-version 3.9"), "{lock}{call}");
}

/// A name in an archive, its content, and whether it is a link.
type Entry = (&'static str, &'static str, bool);
/// An archive's name and entries, and what is said of it.
type Hostile = (&'static str, &'static [Entry], &'static str);

/// Nothing is written outside of an archive's own directory, and no link leads there.
#[test]
fn an_archive_has_nothing_outside() {
    needs_root!();
    const LINK: bool = true;
    const HOSTILE: [Hostile; 6] = [
        ("a.zip", &[("../../../planted", "x", false)], "leads outside"),
        ("a.zip", &[("way", "../../..", LINK), ("way/planted", "x", false)], "way"),
        (
            "a.zip",
            &[("way", "/etc", LINK), ("more", "x", false)],
            "a link in `a.zip` leads outside: `way` -> `/etc`",
        ),
        ("a.zip", &[("top/way", "../more", LINK)], "leads outside"),
        (
            "a.zip",
            &[("a/b/root", "../..", LINK), ("a/b/way", "root/..", LINK), ("more", "x", false)],
            "leads outside: `way`",
        ),
        ("a-1-py3-none-any.whl", &[("a-1.data/purelib", "VICTIM", LINK)], "leads outside"),
    ];
    for (name, entries, says) in HOSTILE {
        let scene = Scene::new();
        let victim = scene.file("victim/file", "kept");
        let directory = scene.path("victim").display().to_string();
        let entries: Vec<_> = entries
            .iter()
            .map(|(name, text, link)| (*name, text.replace("VICTIM", &directory), *link))
            .collect();
        let entries: Vec<_> =
            entries.iter().map(|(name, text, link)| (*name, text.as_str(), *link)).collect();
        zip(&scene.path(name), &entries);
        pack(&scene, &format!("fetch = [\"file:{}\"]", scene.path(name).display()));
        let before = scene.names();
        fails(&scene, "pack fetch ./greet.toml", says);
        let after = scene.names().into_iter().filter(|name| name != "cache").collect::<Vec<_>>();
        assert_eq!(after, before, "{entries:?}");
        assert_eq!(fs::read_to_string(&victim).expect("kept"), "kept");
    }
}

#[test]
fn a_link_within_an_archive_stays() {
    needs_root!();
    let scene = Scene::new();
    zip(
        &scene.path("a.zip"),
        &[
            ("bin/greet-1", &greeter("Hello"), false),
            ("bin/greet", "greet-1", true),
            ("lib/up", "../bin/greet", true),
        ],
    );
    pack(&scene, &format!("fetch = [\"file:{}\"]", scene.path("a.zip").display()));
    succeeds(&scene, "pack fetch ./greet.toml");
    greets(&scene, "Hello, World\n");
}

#[test]
#[ignore = "downloads from PyPI and npm: just test fetch"]
fn registries_bring_what_a_pack_names() {
    needs_root!();
    let scene = Scene::new();
    scene.file(
        "sorted.toml",
        "extends = \"python\"\n[toolchain]\nfetch = [\"pypi:sortedcontainers\"]\nto = \"/usr/local/lib/python3.11/dist-packages\"\n",
    );
    scene.file("main.py", "from sortedcontainers import SortedList\nprint(*SortedList([3, 1, 2]))\n");
    succeeds(&scene, "pack fetch ./sorted.toml");
    succeeds(&scene, "build --pack ./sorted.toml -o B --format dir");
    assert_eq!(succeeds(&scene, "exec B main.py"), "1 2 3\n");

    scene.file("ts5.toml", TYPESCRIPT);
    // A type parameter that is `const` came with 5.0.
    scene.file(
        "main.ts",
        "const t = <const T>(x: T): T => x;\nconsole.log(...t([1, 2]) satisfies number[]);\n",
    );
    succeeds(&scene, "pack fetch ./ts5.toml");
    succeeds(&scene, "build --pack ./ts5.toml -o T --format dir");
    assert_eq!(succeeds(&scene, "exec T main.ts"), "1 2\n");

    // Offline, and the same bytes.
    let lock = fs::read_to_string(scene.path("ts5.lock")).expect("made");
    assert!(lock.contains("package = \"npm:typescript@5."), "{lock}");
    for name in ["sorted", "ts5"] {
        fs::remove_dir_all(scene.path(&format!("{name}.fetched"))).expect("removed");
        let mut offline = Command::new("unshare");
        offline.arg("--net").arg(env!("CARGO_BIN_EXE_capsule")).args(["pack", "fetch"]);
        offline.arg(scene.path(&format!("{name}.toml"))).env("XDG_CACHE_HOME", scene.path("cache"));
        let said = Said::of(&mut offline);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    assert_eq!(fs::read_to_string(scene.path("ts5.lock")).expect("there"), lock);
}

/// As docs/packs.md says: cargo builds the crates with the pack's compiler, and the pack takes the directory.
#[test]
#[ignore = "downloads from crates.io: just test fetch"]
fn crates_that_cargo_has_built_are_there_for_submissions() {
    needs_root!();
    let scene = Scene::new();
    scene.file("crates/Cargo.toml", CRATES);
    scene.file("crates/src/lib.rs", "");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--target-dir", "target"]).current_dir(scene.path("crates"));
    // The wrapper of these tests' own build is of another compiler.
    let said = Said::of(cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTC_WORKSPACE_WRAPPER"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    for file in fs::read_dir(scene.path("crates/target/release/deps")).expect("built").flatten() {
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "rlib" || extension == "so") {
            scene.file(&format!("built/{}", file.file_name().display()), fs::read(path).expect("read"));
        }
    }
    let from = scene.path("built");
    scene.file("crates.toml", RUST.replace("FROM", &from.display().to_string()));
    scene.file("main.rs", WITH_CRATES);
    assert!(succeeds(&scene, "pack fetch ./crates.toml").contains("locked as"));
    succeeds(&scene, "build --pack ./crates.toml -o B --format dir");
    assert_eq!(succeeds(&scene, "exec B main.rs"), "12\n15511210043330985984000000\n");
}

/// One of them is a macro, which runs in the compiler.
const CRATES: &str = r#"
[package]
name = "crates"
version = "0.0.0"
edition = "2021"
[dependencies]
itertools = "=0.14.0"
num-bigint = "=0.4.6"
serde = { version = "=1.0.219", features = ["derive"] }
"#;

const WITH_CRATES: &str = r#"
use itertools::Itertools;
use num_bigint::BigUint;

#[derive(serde::Serialize)]
struct One;

fn is_serialized(_: impl serde::Serialize) {}

fn main() {
    println!("{}", (0..4).permutations(2).count());
    println!("{}", (1..=25u32).map(BigUint::from).product::<BigUint>());
    is_serialized(One);
}
"#;

/// The pack `rust` with these crates.
const RUST: &str = r#"
extends = "rust"
[toolchain]
from = "FROM"
to = "/opt/crates"
[compile]
argv = ["/usr/bin/rustc", "--edition", "2021", "-C", "linker=gcc", "-O", "--cfg", "ONLINE_JUDGE", "-L", "/opt/crates",
    "--extern", "itertools", "--extern", "num_bigint", "--extern", "serde", "-o", "{output}", "{source}"]
"#;

/// The pack `typescript` with another compiler.
const TYPESCRIPT: &str = r#"
extends = "typescript"
[toolchain]
fetch = ["npm:typescript@5"]
to = "/opt/node"
[compile]
argv = ["node", "--max-old-space-size={memory_mb}", "/opt/node/typescript/lib/tsc.js", "--target", "es2022", "--lib", "es2022",
    "--module", "commonjs", "--noEmitOnError", "--types", "capsule", "--typeRoots", "/usr/share/capsule/types",
    "--rootDir", "{dir}", "--outDir", "{dir}", "{source}"]
"#;
