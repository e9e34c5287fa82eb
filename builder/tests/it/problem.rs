//! `capsule problem`: what it prints of the problems in recipes/problems, and of problems with mistakes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::judge::{own, own_problems};
use crate::scene::{Said, Scene};

fn problem(scene: &Scene, question: &str, place: &Path, options: &[&str]) -> Said {
    Said::of(scene.command().args(["problem", question]).arg(place).args(options))
}

#[test]
fn every_problem_of_ours_is_understood() {
    let scene = Scene::new();
    let mut count = 0;
    for entry in own_problems() {
        let said = problem(&scene, "check", &entry, &[]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{}: {}", entry.display(), said.stdout);
        assert_eq!(said.stdout.lines().count(), 1, "{}: {}", entry.display(), said.stdout);
        count += 1;
    }
    assert!(count >= 8, "{count}");
}

#[test]
fn the_page_of_the_docs_shows_what_is_printed() {
    let said = problem(&Scene::new(), "show", &own("mean"), &[]);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/judge.md")).unwrap();
    let (_, shown) = page.split_once("$ capsule problem show recipes/problems/mean\n").unwrap();
    let (shown, _) = shown.split_once("  …\n").unwrap();
    assert!(said.stdout.starts_with(shown), "{}", said.stdout);
}

#[test]
fn json_has_groups_and_tests() {
    let said = problem(&Scene::new(), "show", &own("hydro"), &["--json"]);
    let value: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&value["format"], &value["limits"]["cpu_us"]), (&"hydro".into(), &1_000_000.into()));
    let second = &value["root"]["members"][1]["group"];
    assert_eq!(
        (&second["score"], &second["points"], &second["requires"][0]),
        (&"sum".into(), &80.0.into(), &"1".into())
    );
    assert_eq!(value["tests"][3]["answer"], "testdata/long2.out");
}

#[test]
fn an_archive_is_the_same_problem() {
    let scene = Scene::new();
    let zip = "import shutil, sys; shutil.make_archive('mean', 'zip', sys.argv[1], 'mean')";
    let made =
        Command::new("python3").current_dir(scene.path("")).args(["-c", zip]).arg(own("")).status().unwrap();
    assert!(made.success());
    let [directory, archive] =
        [own("mean"), scene.path("mean.zip")].map(|place| problem(&scene, "show", &place, &[]));
    assert_eq!((archive.code, archive.stdout), (0, directory.stdout));
}

#[test]
fn what_is_not_supported_makes_check_fail() {
    let scene = Scene::new();
    scene.file("p/init.yml", "custom_judge: grade.py\n");
    scene.file("p/1.in", "");
    scene.file("p/1.out", "");
    let said = problem(&scene, "check", Path::new("p"), &[]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (1, "not supported: init.yml: a grader in Python\nDMOJ: 1 test\n")
    );
    assert_eq!(problem(&scene, "show", Path::new("p"), &[]).code, 0);
    let json: Value =
        serde_json::from_str(&problem(&scene, "check", Path::new("p"), &["--json"]).stdout).unwrap();
    assert_eq!(json["unsupported"][0], "init.yml: a grader in Python");
}

#[test]
fn a_mistake_is_one_line_that_names_file_and_reason() {
    let scene = Scene::new();
    scene.file("p/data/secret/1.in", "");
    assert_eq!(
        scene.fails("problem show p"),
        "error: `p`: data/secret/1.in: its answer `1.ans` is missing\n"
    );
    scene.file("p/data/secret/1.ans", "");
    scene.file("p/problem.yaml", "name: A\nlimts: {}\n");
    let said = scene.fails("problem show p");
    assert!(
        said.starts_with("error: `p`: problem.yaml:2: ")
            && said.contains("limts")
            && said.lines().count() == 1,
        "{said}"
    );
    symlink("/etc/passwd", scene.path("p/data/secret/2.in")).unwrap();
    assert_eq!(scene.fails("problem show p"), "error: `p`: data/secret/2.in: it is an absolute link\n");
    assert!(scene.fails("problem show gone").contains("`gone`"));
    scene.file("text", "no archive");
    assert!(scene.fails("problem check text").contains("neither a directory nor a zip archive"));
    fs::create_dir(scene.path("empty")).unwrap();
    assert!(scene.fails("problem check empty").contains("the problem has no tests"));
}
