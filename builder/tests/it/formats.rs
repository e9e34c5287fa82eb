//! Formats: each holds the same image, the same input gives the same bytes, and other tools accept them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::have::have;
use crate::scene::{Said, Scene, listing, needs_root};

const ALL: &str = "dir,cpio,cpio.zst,tar,tar.zst,oci,oci-judge";
const LONG: &str = "a-directory-with-a-name-of-some-length/that-makes-paths-longer-than-the-hundred-bytes-of-a-tar-header/that/is/all";

/// A recipe with everything that formats treat differently: long names, long link targets, empty files, modes.
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
fn an_unpacked_archive_has_the_images_time_on_every_directory() {
    let scene = Scene::new();
    scene.file("r.toml", "[files]\n'/opt/plug/a' = ''\n'/opt/plug.x/a' = ''\n'/opt/plug/b/c' = ''\n");
    scene.succeeds("build -r r.toml -o B --format tar");
    fs::create_dir(scene.path("out")).expect("made");
    let said = shell("tar -xf \"$1\" -C \"$2\"", &[&scene.path("B/rootfs.tar"), &scene.path("out")]);
    assert_eq!(said.code, 0, "{said:?}");
    for directory in ["opt", "opt/plug", "opt/plug/b", "opt/plug.x"] {
        let time = fs::metadata(scene.path("out").join(directory)).expect("there").mtime();
        assert_eq!(time, 0, "{directory}");
    }
}

#[test]
fn a_file_with_several_names_is_one_file_in_every_form() {
    needs_root!();
    let scene = Scene::new();
    let data =
        scene.file("data/b/first", "content").parent().expect("below").parent().expect("below").to_owned();
    for name in ["data/b/second", "data/b.x", "data/c"] {
        fs::hard_link(scene.path("data/b/first"), scene.path(name)).expect("linked");
    }
    let here = data.display();
    scene.succeeds(&format!("build --include {here} --allow unowned={here}/** -o B --format dir,tar,cpio"));
    scene.succeeds("verify B");
    let in_image = |root: &Path, name: &str| {
        let path = scene.path(name);
        fs::metadata(root.join(path.strip_prefix("/").expect("absolute"))).expect("there")
    };
    let tar = unpacked(&scene, "tar", "tar -xf \"$1\" -C \"$2\"", &scene.path("B/rootfs.tar"));
    let cpio =
        unpacked(&scene, "cpio", "cd \"$2\" && cpio -idm --quiet <\"$1\"", &scene.path("B/initramfs.cpio"));
    let script = scene.path("made");
    let said = Said::of(Command::new("sh").arg(scene.path("B/build.sh")).arg(&script));
    assert_eq!(said.code, 0, "{said:?}");
    for root in [scene.path("B/rootfs"), tar, cpio.join("rootfs"), script] {
        let names = ["data/b/first", "data/b/second", "data/b.x", "data/c"];
        let facts = names.map(|name| in_image(&root, name));
        let is_same =
            facts.iter().all(|one| one.ino() == facts[0].ino() && one.len() == 7 && one.nlink() == 4);
        assert!(is_same, "{}: {facts:?}", root.display());
    }
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
fn the_bytes_do_not_depend_on_umask_zone_locale_threads_or_file_system() {
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
fn other_tools_accept_the_oci_layouts_and_crun_runs_them() {
    needs_root!();
    let tools = [("/usr/bin/skopeo", "skopeo"), ("/usr/bin/umoci", "umoci"), ("/usr/bin/crun", "crun")];
    if !tools.iter().all(|(path, package)| have(Path::new(path), package)) {
        return;
    }
    let scene = Scene::new();
    scene.succeeds("build bash cat id -o B --format dir,oci,oci-judge");
    let unpack = |layout: &str| {
        let (copy, bundle) = (scene.path(&format!("copy-{layout}")), scene.path(&format!("out-{layout}")));
        let copied = shell(
            "skopeo --insecure-policy copy \"oci:$1:latest\" \"oci:$2:latest\" && umoci unpack --image \"$2:latest\" \"$3\"",
            &[&scene.path("B").join(layout), &copy, &bundle],
        );
        assert_eq!(copied.code, 0, "{}", copied.stderr);
        bundle
    };
    let tree = listing(&scene.path("B/rootfs"));

    let judge = unpack("oci-judge");
    assert_eq!(listing(&judge.join("rootfs/rootfs")), tree);
    let args = ["/init", "run", "--root", "/rootfs", "--", "/usr/bin/bash"];
    let said = run_with_crun(&judge, &args, 5, &["/bin/bash", "-c", "cat /home/hello.txt; exit 9"]);
    assert_eq!((said.code, said.stdout.as_str()), (9, "Hello, World!\n"), "{}", said.stderr);

    let plain = unpack("oci");
    assert_eq!(listing(&plain.join("rootfs")), tree);
    let said = run_with_crun(&plain, &["/usr/bin/bash"], 0, &["bash", "-c", "cat /home/hello.txt; id -u"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "Hello, World!\n60000\n"), "{}", said.stderr);
}

/// Runs a container with another command after the first `kept` of its `args`, and with the capabilities that a sandbox
/// needs.
fn run_with_crun(bundle: &Path, args: &[&str], kept: usize, command: &[&str]) -> Said {
    let file = bundle.join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(&file).expect("there")).expect("json");
    let words: Vec<String> = serde_json::from_value(config["process"]["args"].clone()).expect("words");
    assert_eq!(words, args);
    config["process"]["args"] = args[..kept].iter().chain(command).copied().collect();
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
    // crun refuses machines with both cgroup versions: hide version 2 from it, in its own mount namespace.
    let script = "if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi\n\
        exec crun --cgroup-manager=disabled run -b \"$1\" \"capsule-test-$$\"";
    Said::of(Command::new("unshare").args(["-m", "sh", "-c", script, "sh"]).arg(bundle))
}
