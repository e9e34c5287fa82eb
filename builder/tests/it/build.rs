//! `capsule build`: what it makes, and what it refuses to leave half-made.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::scene::{Said, Scene, listing, needs_root, wait_until};

#[test]
fn a_bundle_has_everything_a_host_needs() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls cat whoami -o B");
    let mut parts: Vec<_> =
        fs::read_dir(scene.path("B")).expect("made").map(|e| e.expect("read").file_name()).collect();
    parts.sort();
    assert_eq!(
        parts,
        [
            "MODES",
            "SHA256SUMS",
            "box",
            "build.sh",
            "init",
            "initramfs.cpio",
            "install.sh",
            "manifest.json",
            "rootfs",
            "run.sh",
            "sbom.cdx.json"
        ]
    );
    assert_eq!(fs::read_to_string(scene.path("B/rootfs/home/hello.txt")).expect("there"), "Hello, World!\n");
    assert_eq!(scene.names(), ["B"]);
}

#[test]
fn programs_of_the_image_start_with_the_image_alone() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls cat id -o B");
    let said = Said::of(Command::new("chroot").arg(scene.path("B/rootfs")).args([
        "/bin/bash",
        "-c",
        "ls /home && cat /home/hello.txt; id -un 60000",
    ]));
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("hello.txt\njudge\nHello, World!\njudge\n", "")
    );
}

#[test]
fn everything_belongs_to_root_with_fixed_modes_and_times() {
    needs_root!();
    let scene = Scene::new();
    scene.file("odd", "#!/bin/sh\n");
    fs::set_permissions(scene.path("odd"), fs::Permissions::from_mode(0o775)).expect("set");
    std::os::unix::fs::chown(scene.path("odd"), Some(1234), Some(1234)).expect("chowned");
    scene.succeeds(&format!(
        "build sh --include {} --allow unowned=/** -o B --format dir",
        scene.path("odd").display()
    ));
    let inside = scene.path("B/rootfs").join(scene.path("odd").strip_prefix("/").expect("absolute"));
    let facts = inside.metadata().expect("there");
    assert_eq!((facts.mode() & 0o7777, facts.uid(), facts.gid(), facts.mtime()), (0o755, 0, 0, 0));
    let tmp = scene.path("B/rootfs/tmp").metadata().expect("there");
    assert_eq!((tmp.mode() & 0o7777, tmp.mtime()), (0o1777, 0));
}

#[test]
fn source_date_epoch_is_every_entrys_time() {
    needs_root!();
    let scene = Scene::new();
    let said = Said::of(
        scene
            .command()
            .args(["build", "ls", "-o", "B", "--format", "dir"])
            .env("SOURCE_DATE_EPOCH", "1700000000"),
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    for path in ["B/rootfs", "B/rootfs/usr/bin/ls", "B/rootfs/etc/passwd"] {
        assert_eq!(scene.path(path).symlink_metadata().expect("there").mtime(), 1_700_000_000, "{path}");
    }
}

#[test]
fn mistakes_are_one_line_each_and_leave_nothing() {
    needs_root!();
    let scene = Scene::new();
    let text = scene.file("text", "no script\n");
    let head = scene.file("truncated", &fs::read("/bin/ls").expect("readable")[..100]);
    let mut foreign = fs::read("/bin/ls").expect("readable");
    foreign[18] = 183; // e_machine: EM_AARCH64
    let foreign = scene.file("foreign", foreign);
    let cases = [
        ("nosuch".to_owned(), "`nosuch` not found on PATH".to_owned()),
        (text.display().to_string(), format!("`{}` is neither an ELF file nor a script", text.display())),
        (head.display().to_string(), format!("`{}` is a damaged ELF file", head.display())),
        (foreign.display().to_string(), format!("`{}`", foreign.display())),
    ];
    for (binary, expected) in cases {
        let message = scene.fails(&format!("build {binary} -o B --allow unowned=/**"));
        assert!(message.starts_with(&format!("error: {expected}")), "{message}");
    }
}

#[test]
fn a_missing_library_is_reported_with_who_needs_it_and_the_directories_searched() {
    needs_root!();
    let scene = Scene::new();
    let (program, library) = (scene.path("needy"), scene.path("libgone.so"));
    let gcc = |arguments: &[&std::ffi::OsStr]| {
        let said = Said::of(Command::new("gcc").args(arguments).current_dir(scene.path(".")));
        assert_eq!(said.code, 0, "{}", said.stderr);
    };
    scene.file("lib.c", "int gone(void) { return 0; }\n");
    scene.file("main.c", "int gone(void); int main(void) { return gone(); }\n");
    gcc(&[
        "-shared".as_ref(),
        "-Wl,-soname,libgone.so".as_ref(),
        "-o".as_ref(),
        library.as_ref(),
        "lib.c".as_ref(),
    ]);
    gcc(&["-o".as_ref(), program.as_ref(), "main.c".as_ref(), library.as_ref()]);
    fs::remove_file(&library).expect("removed");
    let message = scene.fails(&format!("build {} -o B --allow unowned=/**", program.display()));
    let first = message.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("error: `libgone.so` not found, needed by `") && first.ends_with("needy`"),
        "{message}"
    );
    assert!(message.contains("\n  searched: "), "{message}");
}

/// A scene with a program that needs libfar.so, which only `--library-path` leads to; and how it is built.
fn far_library() -> (Scene, String) {
    let scene = Scene::new();
    scene.file("lib.c", "int far(void) { return 7; }\n");
    scene.file("main.c", "int far(void); int main(void) { return far(); }\n");
    let script = "gcc -shared -Wl,-soname,libfar.so -o libfar.so lib.c && gcc -o program main.c libfar.so";
    let said = Said::of(Command::new("sh").args(["-c", script]).current_dir(scene.path(".")));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let here = scene.path("").display().to_string();
    let build = format!("build {here}program --library-path {here} --allow unowned=/** --format dir");
    (scene, build)
}

#[test]
fn a_library_outside_the_loaders_directories_is_found_through_a_cache_of_the_image() {
    needs_root!();
    let (scene, build) = far_library();
    let said = scene.succeeds(&format!("{build} -o B"));
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    let program = scene.path("program").display().to_string();
    let said = scene.capsule(&format!("run B -- {program}"));
    assert_eq!(said.code, 7, "the library was called: {said:?}");
    let why = scene.succeeds("explain B /etc/ld.so.cache").stdout;
    assert!(why.contains("leads the loader to libraries outside its own directories"), "{why}");
    let again = Said::of(Command::new("sh").args(["B/build.sh", "again"]).current_dir(scene.path(".")));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(listing(&scene.path("again")), listing(&scene.path("B/rootfs")));
    // What the loader finds by itself needs none.
    scene.succeeds("build bash python3 -o C --format dir");
    assert!(!scene.path("C/rootfs/etc/ld.so.cache").exists());
}

#[test]
fn a_program_named_through_a_linked_directory_builds_without_a_warning() {
    needs_root!();
    let scene = Scene::new();
    assert!(std::path::Path::new("/bin").is_symlink(), "this Debian is merged");
    let said = scene.succeeds("build /bin/true -o B --format dir");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    assert!(scene.succeeds("explain B /bin").stdout.contains("\n  directory of other entries\n"));
}

#[test]
fn a_library_that_the_images_loader_will_not_find_is_a_warning() {
    needs_root!();
    let (scene, build) = far_library();
    scene.file("r.toml", "[files]\n'/etc/ld.so.cache' = 'none'\n");
    let said = scene.succeeds(&format!("{build} -r r.toml -o B"));
    let here = scene.path("").display().to_string();
    let expected = format!("warning: inside the image: `libfar.so` not found, needed by `{here}program`");
    assert!(said.stderr.contains(&expected), "{}", said.stderr);
}

#[test]
fn an_output_that_exists_stays_as_it_is() {
    needs_root!();
    let scene = Scene::new();
    scene.file("B/mine", "mine");
    assert!(scene.fails("build ls -o B").starts_with("error: `B` already exists"));
    assert!(scene.fails("build ls -o B --replace").starts_with("error: `B` is not a bundle"));
    assert_eq!(fs::read_to_string(scene.path("B/mine")).expect("there"), "mine");
    assert!(
        scene
            .fails("build ls -o nowhere/B")
            .starts_with("error: `nowhere` cannot be written: no such file or directory")
    );
}

#[test]
fn a_bundle_can_be_replaced_by_a_finished_one() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build ls -o B --format dir");
    scene.succeeds("build cat -o B --format dir --replace");
    assert!(scene.path("B/rootfs/usr/bin/cat").exists() && !scene.path("B/rootfs/usr/bin/ls").exists());
    assert_eq!(scene.names(), ["B"]);
}

#[test]
fn a_run_keeps_the_bundle_that_is_replaced() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls -o B --format dir");
    // It starts another program after the bundle was replaced by one that lacks it.
    let mut run = scene.command();
    run.args(["run", "B", "--", "/bin/bash", "-c", "echo ready; read -r line; ls /etc/hosts"]);
    let ready = scene.file("ready", "");
    run.stdin(Stdio::piped()).stdout(fs::File::create(&ready).expect("made")).stderr(Stdio::piped());
    let mut run = run.spawn().expect("it starts");
    wait_until("the submission runs", || fs::read(&ready).is_ok_and(|text| text == b"ready\n"));
    for program in ["cat", "id"] {
        scene.succeeds(&format!("build {program} -o B --format dir --replace"));
    }
    // The first one, and nothing of the second, which no run uses.
    assert_eq!(scene.names().len(), 3, "{:?}", scene.names());
    run.stdin.take().expect("piped").write_all(b"go\n").expect("written");
    let ended = run.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert_eq!(fs::read_to_string(&ready).expect("there"), "ready\n/etc/hosts\n");
    scene.succeeds("build cat -o B --format dir --replace");
    assert_eq!(scene.names(), ["B", "ready"]);
}

#[test]
fn no_space_left_is_one_line_and_nothing_stays() {
    needs_root!();
    let scene = Scene::new();
    let small = Mounted::tmpfs(&scene, "small", "1M");
    let message = scene.fails("build bash -o small/B");
    assert!(
        message.starts_with("error: `small/B/")
            && message.ends_with("cannot be written: no space left on device\n"),
        "{message}"
    );
    assert_eq!(fs::read_dir(&small.place).expect("listed").count(), 0);
}

#[test]
fn without_root_a_directory_is_refused_and_an_archive_is_built() {
    needs_root!();
    let scene = Scene::new();
    // The user must be able to enter it and to write to it.
    fs::set_permissions(scene.path("."), fs::Permissions::from_mode(0o777)).expect("set");
    let capsule = scene.path("capsule");
    fs::copy(env!("CARGO_BIN_EXE_capsule"), &capsule).expect("copied");
    let as_nobody = |line: &str| {
        Said::of(
            Command::new(&capsule).args(line.split(' ')).current_dir(scene.path(".")).uid(65534).gid(65534),
        )
    };
    let said = as_nobody("build ls -o B");
    assert!(
        said.stderr.starts_with("error: `B/rootfs` needs root: its files must belong to root"),
        "{}",
        said.stderr
    );
    assert_eq!(said.code, 1);
    let said = as_nobody("build ls -o B --format tar");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let owners =
        Said::of(Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(scene.path("B/rootfs.tar")));
    assert!(owners.stdout.lines().all(|line| line.contains(" 0/0 ")), "{}", owners.stdout);
}

#[test]
fn ctrl_c_leaves_nothing() {
    needs_root!();
    let scene = Scene::new();
    let big = scene.path("big");
    // Sparse: costs no disk until it is copied, and takes long enough to be interrupted.
    fs::File::create(&big).and_then(|file| file.set_len(6 << 30)).expect("made");
    let include = big.display().to_string();
    let mut command = scene.command();
    command.args([
        "build",
        "--include",
        &include,
        "--allow",
        "unowned=/**",
        "--format",
        "tar.zst",
        "-o",
        "B",
    ]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
    wait_until("the build writes", || scene.names().iter().any(|name| name.starts_with(".B.capsule-")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert_eq!(scene.names(), ["big"]);
}

#[test]
fn two_builds_give_the_same_bytes() {
    needs_root!();
    let (one, two) = (Scene::new(), Scene::new());
    for scene in [&one, &two] {
        scene.succeeds("build bash ls cat -o B --format dir,cpio,tar,cpio.zst,tar.zst,oci");
    }
    assert_eq!(listing(&one.path("B")), listing(&two.path("B")));
}

/// A mount that the test removes, even if it fails.
struct Mounted {
    place: std::path::PathBuf,
}

impl Mounted {
    fn tmpfs(scene: &Scene, name: &str, size: &str) -> Mounted {
        let place = scene.path(name);
        fs::create_dir(&place).expect("made");
        let options = format!("size={size}");
        let said = Said::of(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&place));
        assert_eq!(said.code, 0, "{}", said.stderr);
        Mounted { place }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone_with_the_machine = Command::new("umount").arg(&self.place).status();
    }
}
