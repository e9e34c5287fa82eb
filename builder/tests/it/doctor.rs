//! `capsule doctor` on hosts that lack something.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::judge::{command as judge, own, scene};
use crate::scene::{Said, Scene, needs_root};

#[test]
fn a_directory_for_temporary_files_that_cannot_be_used_is_no_obstacle() {
    needs_root!();
    let scene = Scene::new();
    let expected = scene.capsule("doctor");
    assert!(expected.stdout.contains("memory"), "{expected:?}");
    fs::create_dir(scene.path("tmp")).expect("made");
    for mount in ["ro", "noexec"] {
        let mut unshare = Command::new("unshare");
        let script = format!("mount -t tmpfs -o {mount} none \"$TMPDIR\" && exec \"$0\" doctor");
        unshare
            .args(["-m", "sh", "-c", &script, env!("CARGO_BIN_EXE_capsule")])
            .env("TMPDIR", scene.path("tmp"));
        let said = Said::of(unshare.current_dir("/"));
        assert_eq!(
            (said.code, said.stdout, said.stderr),
            (expected.code, expected.stdout.clone(), String::new())
        );
    }
}

#[test]
fn what_mends_a_sandbox_that_cannot_be_made_is_the_smallest_set_of_privileges() {
    needs_root!();
    let scene = Scene::new();
    let doctor = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        Said::of(
            command.args(words).args([env!("CARGO_BIN_EXE_capsule"), "doctor"]).current_dir(scene.path("")),
        )
    };
    let without = |names: &[&str]| {
        let dropped: Vec<String> = names.iter().map(|name| format!("-{}", name.to_lowercase())).collect();
        doctor("setpriv", &["--bounding-set", &dropped.join(","), "--inh-caps", &dropped.join(",")])
    };
    for names in [&["NET_ADMIN"][..], &["CHOWN", "NET_ADMIN"], &["SETUID", "SYS_ADMIN"]] {
        let said = without(names);
        assert!(said.stdout.contains(&format!("`--cap-add {}`", names.join(","))), "{names:?}: {said:?}");
        assert!(
            said.code == 1 && said.stdout.contains("a run that asks for nothing lacks guards"),
            "{said:?}"
        );
    }
    // Root of a namespace that has one user.
    let said = doctor("unshare", &["-Ur"]);
    assert!(said.code == 1 && said.stdout.contains("this user namespace has no user 60706"), "{said:?}");
}

/// In bubblewrap, by an ordinary user, without a /tmp: it ends with an answer, which is about that place.
#[test]
#[ignore = "needs bubblewrap's package: just test operate"]
fn another_sandbox_around_it_is_no_obstacle() {
    needs_root!();
    let capsule = env!("CARGO_BIN_EXE_capsule");
    let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    // An ordinary user may not enter every directory above the build's.
    let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let copy = directory.path().join("capsule").display().to_string();
    fs::copy(capsule, &copy).expect("copied");
    let whole = ["bwrap", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"];
    let bare = [
        "bwrap",
        "--ro-bind",
        "/usr",
        "/usr",
        "--ro-bind-try",
        "/lib",
        "/lib",
        "--ro-bind-try",
        "/lib64",
        "/lib64",
    ];
    let bare = [&bare[..], &["--ro-bind", &copy, "/capsule", "--dev", "/dev", "--proc", "/proc", "/capsule"]]
        .concat();
    let rows: [(Vec<&str>, &str); 4] = [
        ([&whole[..], &[&copy]].concat(), "mend: uncover /proc"),
        (bare, "guards can be had here"),
        ([&user[..], &[&copy]].concat(), "mend: run it as root"),
        ([&user[..], &whole, &["--unshare-user", &copy]].concat(), "guards can be had here"),
    ];
    for (words, wanted) in rows {
        let mut command = Command::new(words[0]);
        let said = Said::of(command.args(&words[1..]).arg("doctor").current_dir("/"));
        assert!(said.code < 2 && said.stdout.contains(wanted), "{words:?}: {said:?}");
        assert!(said.stdout.starts_with("kernel ") && said.stderr.is_empty(), "{words:?}: {said:?}");
    }
}

/// systemd-nspawn keeps CAP_NET_ADMIN from a container with the host's network, and mounts cgroups read-only. What is missing
/// is named, with nspawn's own option that mends it; a run works without it or says why.
#[test]
#[ignore = "needs systemd-container's package: just test operate"]
fn a_container_of_systemd_nspawn_is_told_what_it_lacks() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls -o B --format dir");
    let program = format!("{}:/usr/bin/capsule", env!("CARGO_BIN_EXE_capsule"));
    scene.succeeds(&format!("build bash {program} -o machine --format dir"));
    let inside = |options: &[&str], words: &str| {
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args(["--quiet", "--register=no", "--keep-unit", "--pipe", "--as-pid2", "--timezone=off"]);
        nspawn.args(["--resolv-conf=off"]).args(options);
        nspawn.arg(format!("--bind-ro={}:/bundle", scene.path("B").display()));
        nspawn.arg("--directory").arg(scene.path("machine/rootfs")).arg("/usr/bin/capsule");
        Said::of(nspawn.args(words.split_whitespace()).current_dir("/"))
    };
    let run = "run /bundle --memory 64M --report fd:2 -- /bin/ls /";

    let said = inside(&[], "doctor");
    assert!(said.code == 1 && said.stdout.contains("it lacks: `--private-network` for"), "{said:?}");
    let said = inside(&[], run);
    assert!(said.code == 125 && said.stderr.contains("the container needs CAP_NET_ADMIN"), "{said:?}");

    let apart = "--private-network";
    let said = inside(&[apart], "doctor");
    assert!(said.code == 1 && said.stdout.contains("lacks guards"), "{said:?}");
    for guard in ["memory", "swap", "oom-group", "pids", "cpu-accounting", "cpuset", "cpu-quota"] {
        assert!(said.stdout.contains(&format!("\n{guard}: ")), "{guard}: {said:?}");
    }
    assert_eq!(said.stdout.matches("mend: hand the host's cgroups on: `--bind=/sys/fs/cgroup`").count(), 7);
    let said = inside(&[apart], run);
    assert!(said.code == 0 && said.stdout.contains("usr\n"), "{said:?}");
    assert!(said.stderr.contains("\"memory\":\"unavailable: "), "{said:?}");

    let said = inside(&[apart, "--bind=/sys/fs/cgroup"], run);
    assert!(said.code == 0 && said.stderr.contains("\"memory\":\"on\""), "{said:?}");
}

#[test]
fn the_exit_code_is_about_the_guards_of_a_run_that_asks_for_nothing() {
    needs_root!();
    let scene = Scene::new();
    let said = scene.capsule("doctor --json");
    let holds = said.stdout.contains("\"defaults_hold\": true");
    assert_eq!((said.code, holds), (i32::from(!holds), said.code == 0), "{said:?}");
    // Subordinate users in the range of runs are advice.
    let script = "cp /etc/subuid subuid; echo me:60800:5 >> subuid; \
        mount --bind subuid /etc/subuid && exec \"$0\" doctor";
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_capsule")]);
    let with_advice = Said::of(unshare.current_dir(scene.path("")));
    assert!(with_advice.code == said.code && with_advice.stdout.contains("me:60800:5"), "{with_advice:?}");
}

/// What `calibrate` finds is what `doctor` shows and what reports quote.
#[test]
fn a_calibration_is_quoted() {
    needs_root!();
    let scene = scene();
    let file = scene.path("calibration.json");
    let timing = |options: &[&str]| {
        let mut command = scene.command();
        Said::of(command.args(["doctor", "--timing"]).args(options).env("CAPSULE_CALIBRATION", &file))
    };
    let before = timing(&[]);
    assert_eq!(before.code, 1, "{}", before.stdout);
    assert!(before.stdout.contains("mend: `capsule calibrate`"), "{}", before.stdout);
    let mut calibrate = scene.command();
    let said = Said::of(
        calibrate.args(["calibrate", "--seconds", "2", "--force"]).env("CAPSULE_CALIBRATION", &file),
    );
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{}", said.stdout);
    let found: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    // Equal programs are never equally fast.
    for error in ["noise", "floor_us"] {
        assert!(found[error].as_f64().unwrap() > 0.0, "{error}: {found}");
    }
    let id = found["id"].as_str().unwrap();
    let after: Value = serde_json::from_str(&timing(&["--json"]).stdout).unwrap();
    let of_calibration = |settings: &Value| {
        let all = settings.as_array().unwrap();
        all.iter().find(|setting| setting["name"] == "calibration").unwrap()["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(of_calibration(&after["settings"]).starts_with(id), "{after}");
    let sum = own("sum");
    let mut command = judge(&scene, &sum, &sum.join("submissions/accepted/sum.py"), "--format json");
    command.env("CAPSULE_CALIBRATION", &file);
    let mut judged = || {
        let mut report: Value = serde_json::from_str(&Said::of(&mut command).stdout).unwrap();
        report["tests"][0]["run"]["timing"].take()
    };
    let of_run = judged();
    assert_eq!(
        (&of_run["calibration"], of_run["error_us"].as_u64() > Some(0)),
        (&found["id"], true),
        "{of_run}"
    );
    // One that is damaged, old or of another machine is not used silently, and no obstacle.
    let mut other = found.clone();
    other["processor"] = "another one".into();
    for (text, why) in [
        ("{}".to_owned(), "missing field `version`"),
        (r#"{"version":1}"#.to_owned(), "it is of version 1, not 2"),
        (other.to_string(), "it is of another machine: its processor is `another one`"),
    ] {
        fs::write(&file, text).unwrap();
        let said = timing(&[]).stdout;
        assert!(said.contains(&format!("is not a calibration that can be used: {why}")), "{said}");
        assert!(said.contains("; `capsule calibrate` makes a new one\n"), "{said}");
    }
    let of_run = judged();
    let cause = of_run["causes"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(cause.contains("it is of another machine"), "{of_run}");
    assert_eq!((&of_run["calibration"], &of_run["reliable"]), (&Value::Null, &Value::Bool(false)));
}

/// A calibration of which a part failed would have errors of 0.
#[test]
fn a_calibration_that_fails_leaves_the_old_one() {
    needs_root!();
    let scene = Scene::new();
    let file = scene.file("calibration.json", "old");
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    // It can still be started, but starts nothing itself: the user has as many processes as they may have.
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "64717", "--clear-groups", "prlimit", "--nproc=1"]);
    let said = Said::of(
        command
            .args([env!("CARGO_BIN_EXE_capsule"), "calibrate", "--seconds", "2", "--force", "-o"])
            .arg(&file)
            .current_dir("/"),
    );
    assert_eq!(said.code, 1, "{said:?}");
    let why =
        "the machine cannot be calibrated: `/proc/self/exe --version`: Resource temporarily unavailable";
    assert!(said.stderr.contains(why) && said.stderr.trim_end().ends_with("nothing was written"), "{said:?}");
    assert_eq!((said.stdout.as_str(), fs::read_to_string(&file).unwrap().as_str()), ("", "old"));
}
