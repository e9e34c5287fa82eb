//! `install.sh`: versions side by side, one link that leads to the current one.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bundle::digest::Sha;

use crate::scene::{Said, Scene, SharedBundle, listing, needs_root, wait_until};

/// What `install.sh` of a bundle prints, called with these words in the scene's directory.
fn install(scene: &Scene, bundle: &str, words: &[&str]) -> Said {
    let script = format!("{bundle}/install.sh");
    Said::of(Command::new("sh").arg(script).args(words).current_dir(scene.path("")))
}

/// The same, where nothing is wrong.
fn installs(scene: &Scene, bundle: &str, words: &[&str]) -> String {
    let said = install(scene, bundle, words);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{words:?}");
    said.stdout
}

/// Bundles that differ: copies, which a test may change, of three that are built once.
fn bundles(scene: &Scene, names: &[&str]) {
    static BUILT: [SharedBundle; 3] = [const { SharedBundle::new() }; 3];
    for name in names {
        let at = ["A", "B", "C"].iter().position(|known| known == name).expect("one of the three");
        let built = BUILT[at].path(|_| format!("bash {} --format dir", ["ls", "cat", "id"][at]));
        let said = Said::of(Command::new("cp").arg("-a").arg(built).arg(scene.path(name)));
        assert_eq!(said.code, 0, "{said:?}");
    }
}

/// The same for a test that runs what it installs: no other test has these versions, so none is in use by another.
fn own_bundles(scene: &Scene, test: &str, names: &[&str]) {
    for name in names {
        let programs =
            ["ls", "cat", "id"][["A", "B", "C"].iter().position(|known| known == name).expect("one of them")];
        let recipe = format!("binaries = ['bash', '{programs}']\n[files]\n'/etc/for' = '{test}'\n");
        scene.file(&format!("{name}.toml"), recipe);
        scene.succeeds(&format!("build -r {name}.toml -o {name} --format dir"));
        fs::remove_file(scene.path(&format!("{name}.toml"))).expect("removed");
    }
}

fn digest(scene: &Scene, bundle: &str) -> String {
    let sums = fs::read(scene.path(bundle).join("SHA256SUMS")).expect("there");
    Sha::of(&sums).as_str().to_owned()
}

fn versions(scene: &Scene) -> usize {
    fs::read_dir(scene.path("opt/versions")).expect("listed").count()
}

/// `run.sh` of what is installed.
fn run(scene: &Scene, command: &str) -> Command {
    let mut run = Command::new(scene.path("opt/run.sh"));
    run.args(["--", "/bin/bash", "-c", command]);
    run
}

#[test]
fn versions_stand_side_by_side_and_the_previous_one_can_come_back() {
    needs_root!();
    let scene = Scene::new();
    own_bundles(&scene, "versions", &["A", "B", "C"]);
    let name = |bundle: &str| digest(&scene, bundle)[..16].to_owned();
    for bundle in ["A", "B"] {
        let said = installs(&scene, bundle, &["opt"]);
        assert!(said.contains(&digest(&scene, bundle)), "{said}");
        let current = scene.path("opt/current");
        assert_eq!(fs::read_link(&current).expect("a link"), Path::new("versions").join(name(bundle)));
        assert_eq!(listing(&scene.path("opt/versions").join(name(bundle))), listing(&scene.path(bundle)));
    }
    assert_eq!(Said::of(&mut run(&scene, "cat /etc/hosts")).code, 0);
    let list = |current: &str, previous: &str| {
        let mut lines = [format!("{} current\n", name(current)), format!("{} previous\n", name(previous))];
        lines.sort();
        lines.concat()
    };
    assert_eq!(installs(&scene, "A", &["--list", "opt"]), list("B", "A"));
    installs(&scene, "A", &["--rollback", "opt"]);
    assert_eq!(installs(&scene, "A", &["--list", "opt"]), list("A", "B"));
    assert_eq!(Said::of(&mut run(&scene, "cat /etc/hosts")).code, 127);
    // The same once more changes nothing; a third one takes the place of the one that is not current.
    installs(&scene, "A", &["opt"]);
    assert_eq!(installs(&scene, "A", &["--list", "opt"]), list("A", "B"));
    installs(&scene, "C", &["opt"]);
    assert_eq!(installs(&scene, "A", &["--list", "opt"]), list("C", "A"));
    installs(&scene, "A", &["--uninstall", "opt"]);
    assert_eq!(scene.names(), ["A", "B", "C"]);
}

#[test]
fn the_printed_example_works_whatever_the_bundle_has() {
    needs_root!();
    let scene = Scene::new();
    for (name, programs) in [("A", "['bash']"), ("B", "['dash', 'bash']"), ("C", "['cat']")] {
        let recipe = format!("binaries = {programs}\n[files]\n'/etc/for' = 'example'\n");
        scene.file("r.toml", recipe);
        scene.succeeds(&format!("build -r r.toml -o {name} --format dir"));
        let said = installs(&scene, name, &["opt"]);
        let (_, example) = said.trim_end().split_once("try: ").expect("an example");
        let tried = Said::of(Command::new("sh").args(["-c", example]));
        assert_eq!((tried.code, tried.stderr.as_str()), (0, ""), "{example}");
        assert!(tried.stdout.starts_with("it works\n") || tried.stdout.starts_with("cat "), "{tried:?}");
    }
}

/// A run that waits for a line, and then starts one more program.
fn waiting_run(scene: &Scene) -> Child {
    let mut command = run(scene, "echo ready; read -r line; ls /etc/hosts");
    let ready = scene.path("ready");
    command.stdin(Stdio::piped()).stdout(fs::File::create(&ready).expect("made")).stderr(Stdio::piped());
    let run = command.spawn().expect("it starts");
    wait_until("the submission runs", || fs::read(&ready).is_ok_and(|text| text == b"ready\n"));
    run
}

#[test]
fn a_run_keeps_its_version_through_upgrades() {
    needs_root!();
    let scene = Scene::new();
    own_bundles(&scene, "keeps", &["A", "B", "C"]);
    installs(&scene, "A", &["opt"]);
    let mut waiting = waiting_run(&scene);
    for bundle in ["B", "C", "B"] {
        installs(&scene, bundle, &["opt"]);
    }
    let in_use = format!("{} in-use\n", &digest(&scene, "A")[..16]);
    assert!(installs(&scene, "A", &["--list", "opt"]).contains(&in_use));
    let said = install(&scene, "A", &["--uninstall", "opt"]);
    assert!(said.code == 1 && said.stderr.contains("a run uses the version"), "{said:?}");
    waiting.stdin.take().expect("piped").write_all(b"go\n").expect("written");
    let ended = waiting.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert_eq!(fs::read_to_string(scene.path("ready")).expect("there"), "ready\n/etc/hosts\n");
    // Idle now, it goes with the next installation.
    installs(&scene, "C", &["opt"]);
    assert_eq!(versions(&scene), 2);
}

/// Upgrades beside runs that start all the time, each of which starts several programs. No run may see that.
fn upgrades_under_load(runs: usize, upgrades: usize) {
    let scene = Scene::new();
    own_bundles(&scene, "load", &["A", "B", "C"]);
    installs(&scene, "A", &["opt"]);
    let (started, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let one_run = || {
        loop {
            let number = started.fetch_add(1, Ordering::Relaxed);
            if number >= runs && is_over.load(Ordering::Relaxed) {
                return;
            }
            let command = "for i in 1 2 3; do bash -c : || exit; done";
            let mut with_capsule = scene.command();
            with_capsule.args(["run", "opt/current", "--", "/bin/bash", "-c", command]);
            let said = Said::of(&mut if number % 2 == 0 { with_capsule } else { run(&scene, command) });
            assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
        }
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(one_run), scope.spawn(one_run)];
        for bundle in ["B", "C", "A"].into_iter().cycle().take(upgrades) {
            installs(&scene, bundle, &["opt"]);
        }
        is_over.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|worker| worker.join().expect("no run failed"));
    });
    installs(&scene, "A", &["opt"]);
    assert_eq!(versions(&scene), 2);
}

#[test]
fn no_run_notices_an_upgrade() {
    needs_root!();
    upgrades_under_load(20, 3);
}

#[test]
#[ignore = "takes a minute: `just test operate`"]
fn no_run_of_a_thousand_notices_one_of_twenty_upgrades() {
    needs_root!();
    upgrades_under_load(1000, 20);
}

#[test]
fn what_a_killed_installation_left_is_removed_and_one_at_work_is_not_disturbed() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A"]);
    scene.file("opt/versions/.incoming/half", "x");
    scene.file("opt/versions/.old-1/half", "x");
    symlink("4194304-1", scene.path("opt/.lock")).expect("linked"); // above the largest pid
    installs(&scene, "A", &["opt"]);
    assert_eq!(versions(&scene), 1);
    assert_eq!(fs::read_dir(scene.path("opt/versions")).expect("listed").count(), 1);
    let stat = fs::read_to_string("/proc/self/stat").expect("there");
    let start = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).expect("a start");
    let lock = format!("{}-{start}", std::process::id());
    symlink(&lock, scene.path("opt/.lock")).expect("linked");
    for words in [vec!["opt"], vec!["--rollback", "opt"], vec!["--uninstall", "opt"]] {
        let said = install(&scene, "A", &words);
        assert!(said.code == 1 && said.stderr.contains("another install.sh is at work"), "{said:?}");
    }
    assert_eq!(fs::read_link(scene.path("opt/.lock")).expect("a link"), Path::new(&lock));
}

/// On a disk without space, on one that is read-only, and killed at some moment: `current` is a whole version, the old one
/// unless the new one was complete, and the next installation removes the remains.
#[test]
fn an_installation_that_does_not_end_leaves_a_whole_version() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A", "B"]);
    let script = r#"
        mkdir opt
        size=$(du -sk A | cut -f1)
        mount -t tmpfs -o "size=$((size * 3 / 2))k" none opt
        state() { readlink opt/current; ls -A opt/versions; }
        is_whole() { (cd opt/current && sha256sum -c SHA256SUMS > /dev/null); }
        sh A/install.sh opt > out
        state > before
        ! sh B/install.sh opt > out 2> full
        state | cmp - before
        is_whole
        mount -o remount,ro opt
        ! sh B/install.sh opt > out 2> read-only
        ! sh A/install.sh --uninstall opt > out 2>> read-only
        state | cmp - before
        mount -o "remount,rw,size=$((size * 8))k" opt
        for wait in 0 0.02 0.05 0.1 0.2 0.3 0.5 0.8; do
            for bundle in B A; do
                sh "$bundle/install.sh" opt > out 2>&1 &
                sleep "$wait"
                kill -9 $! 2> killed || :
                wait $! 2> killed || :
                is_whole
            done
        done
        # A cp(1) that has outlived its installation.
        while [ ! -e stop ]; do mkdir -p opt/versions/.incoming/half/x; done 2> killed &
        sh A/install.sh opt > out
        : > stop
        wait
        # One that was killed while it removed the lock of one that was killed.
        ln -s 1-1 opt/.lock.1
        sh B/install.sh opt > out
        is_whole
        ls -A opt/versions | wc -l
        ls -A opt | sort | tr '\n' ' '
    "#;
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "bash", "-euc", script]).current_dir(scene.path(""));
    let said = Said::of(&mut unshare);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert_eq!(said.stdout, "2\ncurrent previous run.sh versions ");
    let text = |name: &str| fs::read_to_string(scene.path(name)).expect("written");
    assert!(text("full").contains("No space left on device"), "{}", text("full"));
    assert!(text("read-only").contains("Read-only file system"), "{}", text("read-only"));
}

#[test]
fn a_damaged_version_is_replaced_and_never_made_current() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A", "B"]);
    installs(&scene, "A", &["opt"]);
    installs(&scene, "B", &["opt"]);
    let hosts = scene.path("opt/previous/rootfs/etc/hosts");
    fs::write(&hosts, "x").expect("written");
    let said = install(&scene, "A", &["--rollback", "opt"]);
    assert!(said.code == 1 && said.stderr.contains("rootfs/etc/hosts: FAILED"), "{said:?}");
    assert!(scene.path("opt/current").ends_with("current"));
    installs(&scene, "A", &["opt"]);
    assert_ne!(fs::read(scene.path("opt/current/rootfs/etc/hosts")).expect("there"), b"x");
}

/// Every program that `install.sh` calls is one of busybox's.
#[test]
fn busybox_alone_is_enough() {
    needs_root!();
    let scene = Scene::new();
    own_bundles(&scene, "busybox", &["A", "B"]);
    fs::create_dir(scene.path("bin")).expect("made");
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    let busybox = busybox.iter().find(|path| path.exists()).expect("busybox-static is installed");
    let applets = Said::of(Command::new(busybox).arg("--list")).stdout;
    for applet in applets.lines() {
        symlink(busybox, scene.path("bin").join(applet)).expect("linked");
    }
    for words in
        [vec!["A", "opt"], vec!["B", "opt"], vec!["B", "--list", "opt"], vec!["B", "--rollback", "opt"]]
    {
        let mut sh = Command::new(scene.path("bin/sh"));
        sh.env("PATH", scene.path("bin")).current_dir(scene.path(""));
        let said = Said::of(sh.arg(format!("{}/install.sh", words[0])).args(&words[1..]));
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{words:?}");
    }
    let mut run = run(&scene, "ls /etc/hosts");
    assert_eq!(Said::of(run.env("PATH", scene.path("bin"))).stdout, "/etc/hosts\n");
}

#[test]
fn what_is_installed_is_roots_whoever_has_built_it() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A"]);
    let said = Said::of(Command::new("chown").args(["-R", "1000:1000", "A"]).current_dir(scene.path("")));
    assert_eq!(said.code, 0, "{said:?}");
    installs(&scene, "A", &["opt"]);
    let foreign = Command::new("find")
        .args(["opt", "!", "-user", "0", "-o", "!", "-group", "0"])
        .current_dir(scene.path(""))
        .output();
    assert_eq!(foreign.expect("it ran").stdout, b"");
}

#[test]
fn a_directory_that_others_can_exchange_is_refused() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A"]);
    for (mode, owner) in [(0o777, 0), (0o755, 1000)] {
        fs::create_dir(scene.path("theirs")).expect("made");
        fs::set_permissions(scene.path("theirs"), Permissions::from_mode(mode)).expect("set");
        chown(scene.path("theirs"), Some(owner), None).expect("set");
        let said = install(&scene, "A", &["theirs/opt"]);
        assert!(said.code == 1 && said.stderr.contains("other users than root can write in"), "{said:?}");
        assert!(!scene.path("theirs/opt").exists());
        fs::remove_dir(scene.path("theirs")).expect("empty");
    }
    // In a sticky directory as /tmp they can not.
    fs::create_dir(scene.path("shared")).expect("made");
    fs::set_permissions(scene.path("shared"), Permissions::from_mode(0o1777)).expect("set");
    installs(&scene, "A", &["shared/opt"]);
}

#[test]
fn only_the_bundle_with_the_expected_digest_is_installed() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A", "B"]);
    let expected = digest(&scene, "A");
    installs(&scene, "A", &["--digest", &expected.to_uppercase(), "opt"]);
    let said = install(&scene, "B", &["--digest", &expected, "opt"]);
    assert!(
        said.code == 1 && said.stderr.contains(&format!("not {expected}; nothing was installed")),
        "{said:?}"
    );
    assert_eq!(versions(&scene), 1);
    let said = install(&scene, "A", &["--digest", "abc", "opt"]);
    assert!(said.code == 1 && said.stderr.contains("`abc` is not a SHA-256"), "{said:?}");
}

#[test]
#[ignore = "needs openssh-client: just test operate"]
fn only_a_bundle_that_a_signer_has_signed_is_installed() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A", "B"]);
    let ssh = |line: &str| {
        let said = Said::of(Command::new("sh").args(["-ec", line]).current_dir(scene.path("")));
        assert_eq!(said.code, 0, "{said:?}");
    };
    ssh("for key in ours theirs; do ssh-keygen -q -t ed25519 -N '' -f $key; done");
    ssh("echo \"judges $(cat ours.pub)\" > signers; for b in A B; do cp $b/SHA256SUMS $b.sums; done");
    let sign = |key: &str, bundle: &str, namespace: &str| {
        ssh(&format!("ssh-keygen -q -Y sign -n {namespace} -f {key} < {bundle}.sums > A.sig"));
    };
    let refused = |what: &str| {
        let said = install(&scene, "A", &["--signers", "signers", "opt"]);
        assert!(said.code == 1 && said.stderr.contains(what) && !scene.path("opt").exists(), "{said:?}");
    };
    refused("A.sig` does not exist");
    sign("theirs", "A", "capsule");
    refused("no signer of `signers` has made");
    for (bundle, namespace) in [("B", "capsule"), ("A", "file")] {
        sign("ours", bundle, namespace);
        refused("A.sig` is not a signature of this bundle");
    }
    sign("ours", "A", "capsule");
    let expected = digest(&scene, "A");
    installs(&scene, "A", &["--signers", "signers", "--digest", &expected, "opt"]);
    assert_eq!(versions(&scene), 1);
    let said = install(&scene, "A", &["--signers", "nothing", "opt"]);
    assert!(said.code == 1 && said.stderr.contains("`nothing` is not a file of allowed signers"), "{said:?}");
}

/// What is done to a bundle, and what install.sh says of it.
type Change = (fn(&Path), &'static [&'static str]);

#[test]
fn a_bundle_that_differs_from_its_lists_is_refused() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A"]);
    let nothing = "; nothing was installed";
    let changes: [Change; 8] = [
        (
            |a| fs::write(a.join("rootfs/etc/hosts"), "x").unwrap(),
            &["rootfs/etc/hosts: FAILED", "SHA256SUMS"],
        ),
        (|a| fs::write(a.join("init"), "x").unwrap(), &["init: FAILED", "SHA256SUMS"]),
        (
            |a| fs::remove_file(a.join("rootfs/etc/group")).unwrap(),
            &["rootfs/etc/group: FAILED", "SHA256SUMS"],
        ),
        (|a| fs::write(a.join("rootfs/etc/new"), "").unwrap(), &["f 0644 rootfs/etc/new", "MODES"]),
        (
            |a| {
                fs::write(a.join("rootfs/odd"), "").unwrap();
                fs::set_permissions(a.join("rootfs/odd"), Permissions::from_mode(0o4711)).unwrap();
            },
            // chown(2) has taken the set-user-ID bit away.
            &["has files that are not in its list MODES"],
        ),
        (
            |a| fs::set_permissions(a.join("rootfs/etc"), Permissions::from_mode(0o1777)).unwrap(),
            &["d 0755 rootfs/etc", "d 1777 rootfs/etc", "MODES"],
        ),
        (
            |a| {
                fs::remove_file(a.join("rootfs/bin")).unwrap();
                symlink("/etc", a.join("rootfs/bin")).unwrap();
            },
            &["l rootfs/bin -> /etc", "l rootfs/bin -> usr/bin", "MODES"],
        ),
        (
            |a| {
                fs::rename(a.join("SHA256SUMS"), a.join("list")).unwrap();
                symlink("list", a.join("SHA256SUMS")).unwrap();
            },
            &["SHA256SUMS` is a link"],
        ),
    ];
    for (change, expected) in changes {
        let said = Said::of(Command::new("cp").args(["-a", "A", "B"]).current_dir(scene.path("")));
        assert_eq!(said.code, 0, "{said:?}");
        change(&scene.path("B"));
        let said = install(&scene, "B", &["C"]);
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
        assert!(expected.iter().all(|text| said.stderr.contains(text)), "{expected:?}: {said:?}");
        assert!(said.stderr.trim_end().ends_with(nothing), "{said:?}");
        assert_eq!(scene.names(), ["A", "B"]);
        fs::remove_dir_all(scene.path("B")).unwrap();
    }
}

#[test]
fn invalid_arguments_are_refused_and_nothing_is_written() {
    needs_root!();
    let scene = Scene::new();
    bundles(&scene, &["A"]);
    scene.file("file", "x");
    scene.file("mine/x", "mine");
    let inside = scene.path("A/below").display().to_string();
    for (words, what) in [
        (vec!["one", "two"], "expected at most one directory, not `one two`"),
        (vec![""], "`` is not a directory name"),
        (vec!["--help"], "`--help` is not a directory name"),
        (vec![inside.as_str()], "is inside of the bundle"),
        (vec!["file/below"], "file"),
        (vec!["file"], "/file` holds something else than installed bundles"),
        (vec!["mine"], "/mine` holds something else than installed bundles"),
        (vec!["/"], "`/` is not a directory name"),
        (vec!["--rollback", "mine"], "no bundle is installed in"),
        (vec!["--list", "mine"], "no bundle is installed in"),
        (vec!["--uninstall", "mine"], "no bundle is installed in"),
    ] {
        let said = install(&scene, "A", &words);
        assert_eq!((said.code, said.stderr.lines().count()), (1, 1), "{words:?}: {}", said.stderr);
        assert!(said.stderr.contains(what), "{words:?}: {}", said.stderr);
        assert_eq!(scene.names(), ["A", "file", "mine"], "{words:?}");
        assert!(said.stdout.is_empty() && !scene.path("A/below").exists(), "{words:?}");
        assert_eq!(fs::read_dir(scene.path("mine")).expect("listed").count(), 1);
    }
}
