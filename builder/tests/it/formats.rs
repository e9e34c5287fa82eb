//! Formats: every form holds the same image, the same input gives the same bytes, and others' tools agree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::have;
use crate::scene::{Said, Scene, listing, needs_root};

const ALL: &str = "dir,cpio,cpio.zst,tar,tar.zst,oci";
const LONG: &str = "a-directory-with-a-name-of-some-length/that-makes-paths-longer-than-the-hundred-bytes-of-a-tar-header/that/is/all";

/// A recipe with everything that formats treat differently: long names, long link texts, empty files, modes.
fn recipe() -> String {
    format!(
        "binaries = ['bash', 'ls']\npacks = ['hello', 'terminal']\n[files]\n'/opt/{LONG}' = 'deep'\n'/opt/empty' = ''\n\
         '/opt/private' = {{ content = 'x', mode = '0700' }}\n[symlinks]\n'/opt/long' = '{LONG}/{LONG}'\n'/opt/odd' = './{LONG}/..//odd/'\n"
    )
}

fn shell(script: &str, arguments: &[&Path]) -> Said {
    Said::of(Command::new("sh").args(["-euc", script, "sh"]).args(arguments))
}

fn unpacked(scene: &Scene, name: &str, script: &str, archive: &Path) -> PathBuf {
    let place = scene.path(name);
    fs::create_dir(&place).expect("made");
    let said = shell(script, &[archive, &place]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    place
}

#[test]
fn every_archive_holds_the_same_tree() {
    needs_root!();
    if !have(Path::new("/usr/bin/cpio"), "cpio") || !have(Path::new("/usr/bin/zstd"), "zstd") {
        return;
    }
    let scene = Scene::new();
    scene.file("r.toml", recipe());
    scene.succeeds(&format!("build -r r.toml -o B --format {ALL}"));
    let tree = listing(&scene.path("B/rootfs"));
    assert!(tree.len() > 40);
    let tar =
        unpacked(&scene, "tar", "tar -xpf \"$1\" -C \"$2\" --numeric-owner", &scene.path("B/rootfs.tar"));
    assert_eq!(listing(&tar), tree);
    let zst = unpacked(
        &scene,
        "zst",
        "zstd -dcq \"$1\" | tar -xp -C \"$2\" --numeric-owner",
        &scene.path("B/rootfs.tar.zst"),
    );
    assert_eq!(listing(&zst), tree);
    let cpio =
        unpacked(&scene, "cpio", "cd \"$2\" && cpio -idm --quiet <\"$1\"", &scene.path("B/initramfs.cpio"));
    assert_eq!(listing(&cpio.join("rootfs")), tree);
    let both = shell(
        "zstd -dcq \"$1\" | cmp - \"$2\"",
        &[&scene.path("B/initramfs.cpio.zst"), &scene.path("B/initramfs.cpio")],
    );
    assert_eq!(both.code, 0, "{}{}", both.stdout, both.stderr);
}

#[test]
fn the_initramfs_has_what_the_kernel_needs_first() {
    needs_root!();
    if !have(Path::new("/usr/bin/cpio"), "cpio") {
        return;
    }
    let scene = Scene::new();
    scene.succeeds("build bash -o B");
    let said = shell("cpio -itv --quiet --numeric-uid-gid <\"$1\"", &[&scene.path("B/initramfs.cpio")]);
    let names: Vec<&str> =
        said.stdout.lines().take(6).map(|line| line.rsplit(' ').next().unwrap_or_default()).collect();
    assert_eq!(names, ["dev", "proc", "sys", "dev/console", "init", "rootfs"]);
    let console = said.stdout.lines().nth(3).unwrap_or_default();
    assert!(console.starts_with("crw-------") && console.contains("5,   1"), "{console}");
}

#[test]
fn no_circumstance_shows_in_the_bytes() {
    needs_root!();
    let tmpfs = Path::new("/dev/shm");
    let circumstances: [(&str, &str, &str, &str, Scene); 3] = [
        ("022", "UTC", "C", "1", Scene::new()),
        ("077", "Asia/Tokyo", "C.UTF-8", "8", Scene::below(tmpfs)),
        ("000", "America/New_York", "tr_TR.UTF-8", "3", Scene::new()),
    ];
    let capsule = env!("CARGO_BIN_EXE_capsule");
    let mut bundles = Vec::new();
    for (umask, zone, locale, threads, scene) in &circumstances {
        let recipe = scene.file(&format!("in-{umask}/r.toml"), recipe());
        let script = format!(
            "umask {umask}; exec {capsule} build -r {} -o {}/B --format {ALL}",
            recipe.display(),
            scene.path("").display()
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .env("TZ", zone)
            .env("LC_ALL", locale)
            .env("LANG", locale)
            .env("RAYON_NUM_THREADS", threads);
        let said = Said::of(command.env_remove("SOURCE_DATE_EPOCH").current_dir("/"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        bundles.push(listing(&scene.path("B")));
    }
    assert!(bundles[0].len() > 60);
    assert_eq!(bundles[0], bundles[1]);
    assert_eq!(bundles[0], bundles[2]);
}

#[test]
fn other_tools_accept_the_oci_layout_and_crun_runs_it() {
    needs_root!();
    let tools = [("/usr/bin/skopeo", "skopeo"), ("/usr/bin/umoci", "umoci"), ("/usr/bin/crun", "crun")];
    if !tools.iter().all(|(path, package)| have(Path::new(path), package)) {
        return;
    }
    let scene = Scene::new();
    scene.succeeds("build bash cat -o B --format dir,oci");
    let (layout, copy, bundle) = (scene.path("B/oci"), scene.path("copy"), scene.path("unpacked"));
    let copied = shell(
        "skopeo --insecure-policy copy \"oci:$1:latest\" \"oci:$2:latest\" && umoci unpack --image \"$2:latest\" \"$3\"",
        &[&layout, &copy, &bundle],
    );
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_eq!(listing(&bundle.join("rootfs/rootfs")), listing(&scene.path("B/rootfs")));
    let said = run_with_crun(&bundle, &["/bin/bash", "-c", "cat /home/hello.txt; exit 9"]);
    assert_eq!((said.code, said.stdout.as_str()), (9, "Hello, World!\n"), "{}", said.stderr);
}

/// Runs the image's own entry point with another command, and with the capabilities that a sandbox needs.
fn run_with_crun(bundle: &Path, command: &[&str]) -> Said {
    let file = bundle.join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(&file).expect("there")).expect("json");
    let entry: Vec<String> = serde_json::from_value(config["process"]["args"].clone()).expect("words");
    assert_eq!(entry, ["/init", "run", "--root", "/rootfs", "--", "/bin/sh"]);
    let words = entry[..5].iter().map(String::as_str).chain(command.iter().copied());
    config["process"]["args"] = words.collect();
    config["process"]["terminal"] = false.into();
    config["process"]["noNewPrivileges"] = false.into();
    let needed = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "KILL",
        "MKNOD",
        "NET_ADMIN",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_ADMIN",
        "SYS_CHROOT",
    ];
    for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
        config["process"]["capabilities"][set] = needed.iter().map(|name| format!("CAP_{name}")).collect();
    }
    let linux = config["linux"].as_object_mut().expect("an object");
    linux.remove("resources");
    linux.remove("seccomp");
    fs::write(&file, config.to_string()).expect("written");
    // crun refuses machines with both cgroup versions: hide the second one from it, here only.
    let script = "if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi\n\
        exec crun --cgroup-manager=disabled run -b \"$1\" \"capsule-test-$$\"";
    Said::of(Command::new("unshare").args(["-m", "sh", "-c", script, "sh"]).arg(bundle))
}
