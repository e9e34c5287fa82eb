//! What `templates/deploy` has for clusters, containers and services: tried where it can be, checked where it cannot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::judge;
use crate::scene::{Said, Scene, needs_root};

pub(crate) fn template(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/deploy").join(name)
}

/// The judgement of many submissions, as one of several tasks with these variables.
fn rejudge(scene: &Scene, problem: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new("sh");
    command.arg(template("rejudge.sh")).arg(judge::bundle()).arg(problem).args(["submissions", "reports"]);
    command.current_dir(scene.path("")).env("XDG_CACHE_HOME", scene.path("cache"));
    command.env("CAPSULE", env!("CARGO_BIN_EXE_capsule")).envs(variables.iter().copied());
    command
}

fn reports(scene: &Scene) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(scene.path("reports"))
        .expect("listed")
        .map(|entry| entry.expect("read").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

/// Six submissions: three that are right, two that are wrong, and one that does not compile.
fn submissions(scene: &Scene) {
    let mean = judge::own("mean").join("submissions");
    for (name, file) in [("a", "accepted/mean.py"), ("b", "accepted/mean.py"), ("c", "wrong_answer/whole.py")]
    {
        for twice in ["1", "2"] {
            let text = fs::read(mean.join(file)).expect("there");
            scene.file(&format!("submissions/{name}{twice}.py"), text);
        }
    }
    fs::remove_file(scene.path("submissions/b2.py")).expect("there");
    scene.file("submissions/d.c", "this is not C");
}

#[test]
fn tasks_share_submissions_and_each_is_judged_once() {
    needs_root!();
    let scene = judge::scene();
    submissions(&scene);
    let problem = judge::own("mean");
    // Of a task that was killed.
    scene.file("reports/.a2.py.host.1", "half");
    // As Kubernetes and Slurm number them.
    let task = |variables: &[(&str, &str)]| Said::of(&mut rejudge(&scene, &problem, variables));
    let said = task(&[("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "3")]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert_eq!(reports(&scene), ["a2.py.json", "c2.py.json"]);
    let before = fs::read(scene.path("reports/a2.py.json")).expect("there");
    for (number, least) in [("7", "5"), ("5", "5"), ("6", "5")] {
        let variables = [
            ("SLURM_ARRAY_TASK_ID", number),
            ("SLURM_ARRAY_TASK_MIN", least),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        assert_eq!(task(&variables).code, 0);
    }
    let all = ["a1.py", "a2.py", "b1.py", "c1.py", "c2.py", "d.c"].map(|name| format!("{name}.json"));
    assert_eq!(reports(&scene), all);
    assert_eq!(fs::read(scene.path("reports/a2.py.json")).expect("there"), before, "not judged again");
    for (name, verdict) in [("a1.py", "AC"), ("c1.py", "WA"), ("d.c", "CE")] {
        let text = fs::read_to_string(scene.path("reports").join(format!("{name}.json"))).expect("there");
        assert!(text.contains(&format!("\"verdict\":\"{verdict}\"")), "{name}: {text}");
    }
}

#[test]
fn a_judge_that_fails_leaves_no_report_and_is_tried_again() {
    needs_root!();
    let scene = judge::scene();
    submissions(&scene);
    let said = Said::of(&mut rejudge(&scene, Path::new("/nowhere"), &[]));
    assert_eq!((said.code, said.stderr.matches("was not judged: exit code 125").count()), (1, 6), "{said:?}");
    assert_eq!(reports(&scene), [""; 0]);
    // What is killed in the middle leaves nothing that looks like a report.
    let problem = judge::own("mean");
    let mut first = rejudge(&scene, &problem, &[]).stdout(Stdio::null()).spawn().expect("it starts");
    crate::scene::wait_until("there is a report", || {
        reports(&scene).iter().any(|name| !name.starts_with('.'))
    });
    first.kill().expect("it runs or has ended");
    first.wait().expect("it ends");
    assert_eq!(Said::of(&mut rejudge(&scene, &problem, &[])).code, 0);
    let finished: Vec<String> = reports(&scene).into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(finished.len(), 6, "{finished:?}");
    for name in finished {
        let text = fs::read(scene.path("reports").join(&name)).expect("there");
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "{name}");
    }
}

/// podman, rootful, with what this host needs of it.
fn podman(scene: &Scene, words: &[&str]) -> Said {
    let mut command = Command::new("podman");
    for (option, place) in [("--root", "pod-root"), ("--runroot", "pod-run"), ("--tmpdir", "pod-tmp")] {
        command.arg(option).arg(scene.path(place));
    }
    command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]).args(words);
    Said::of(command.current_dir(scene.path("")))
}

#[test]
#[ignore = "needs systemd's and podman's packages: just test operate"]
fn podman_runs_both_images_with_the_least_privileges() {
    needs_root!();
    let scene = Scene::new();
    scene.succeeds("build bash ls cat -o bundle --format oci,oci-judge");
    let pull = |name: &str| {
        let said = podman(&scene, &["pull", "-q", &format!("oci:bundle/{name}:latest")]);
        assert_eq!(said.code, 0, "{said:?}");
        said.stdout.trim_end().to_owned()
    };
    // crun refuses a host that has both versions of cgroups; a root without CAP_SYS_RESOURCE cannot raise limits.
    let host = [
        "run",
        "--rm",
        "--runtime=runc",
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=4096:4096",
        "--network=none",
    ];
    let run = |more: &[&str]| podman(&scene, &[&host[..], more].concat());
    let said = run(&[&pull("oci"), "ls", "/"]);
    assert!(said.code == 0 && said.stdout.contains("usr\n"), "{said:?}");
    let image = pull("oci-judge");
    let least = "--cap-add=CHOWN,DAC_OVERRIDE,KILL,MKNOD,NET_ADMIN,SETGID,SETPCAP,SETUID,SYS_ADMIN,SYS_CHROOT,SYS_NICE";
    let judge =
        [image.as_str(), "--wall-time", "9s", "--memory", "64M", "--report", "fd:2", "--", "/bin/ls", "/"];
    let said =
        run(&[&["--cap-drop=all", least, "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"], &judge[..]].concat());
    assert!(said.code == 0 && said.stderr.contains("\"status\":\"ok\""), "{said:?}");
    for guard in ["memory", "pids", "cpu-accounting", "seccomp", "uid", "capabilities"] {
        assert!(said.stderr.contains(&format!("\"{guard}\":\"on\"")), "{guard}: {said:?}");
    }
    // Without the cgroups it runs, and says what is weaker; without a capability it is no verdict.
    let said = run(&[&["--cap-drop=all", least], &judge[..]].concat());
    assert!(said.code == 0 && said.stderr.contains("\"memory\":\"unavailable: "), "{said:?}");
    let said = run(&[&["--cap-drop=all"], &judge[..]].concat());
    assert!(said.code == 125 && said.stderr.contains("\"status\":\"sandbox-error\""), "{said:?}");
}
