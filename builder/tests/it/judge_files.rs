//! Input and output in files, files that problems add to submissions, and submissions that are the output.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::judge::{command, own, scene};
use crate::scene::{Said, Scene, needs_root};

/// The first test, and what else was said.
fn first_test(scene: &Scene, problem: &str, submission: &str) -> (Value, Said) {
    let (problem, submission) = (scene.path(problem), scene.path(submission));
    let said = Said::of(&mut command(scene, &problem, &submission, "--report report.json"));
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    (report["tests"][0].clone(), said)
}

/// A problem of CMS with one test.
fn in_files(scene: &Scene, task: &str) {
    scene.file("p/task.yaml", format!("name: p\ntime_limit: 5\nmemory_limit: 256\n{task}"));
    scene.file("p/input/input0.txt", "6 7\n");
    scene.file("p/output/output0.txt", "42\n");
}

#[test]
fn a_file_of_output_is_judged_whatever_else_the_submission_does() {
    needs_root!();
    let scene = scene();
    in_files(&scene, "");
    let right =
        "a, b = map(int, open('input.txt').read().split())\nopen('output.txt', 'w').write(str(a * b))\n";
    for (program, verdict, message) in [
        (right.to_owned(), "AC", ""),
        (format!("{right}print('words')"), "AC", ""),
        (format!("import os\nos.chdir('/tmp/files')\n{right}"), "AC", ""),
        // Nothing is on its standard input.
        (format!("import sys\nassert sys.stdin.read() == ''\n{right}"), "AC", ""),
        ("print(42)".to_owned(), "WA", "the submission left no file `output.txt`"),
        ("open('output.txt', 'w').write('41')".to_owned(), "WA", "line 1"),
        ("import os\nos.mkdir('output.txt')".to_owned(), "WA", "left no file"),
        ("import os\nos.mkfifo('output.txt')".to_owned(), "WA", "left no file"),
        // The answer is not where a link could lead to, and no link is followed.
        ("import os\nos.symlink('/etc/passwd', 'output.txt')".to_owned(), "WA", "left no file"),
        ("import os\nos.symlink('input.txt', 'output.txt')".to_owned(), "WA", "left no file"),
        ("open('input.txt', 'w')".to_owned(), "RTE", "exit code 1"),
        (format!("{right}\nraise SystemExit(3)"), "RTE", "exit code 3"),
    ] {
        scene.file("s.py", &program);
        let (test, said) = first_test(&scene, "p", "s.py");
        assert_eq!(test["verdict"], verdict, "{program}: {test} {}", said.stderr);
        let found = test["message"].as_str().unwrap_or_default();
        assert!(found.contains(message), "{program}: {found}");
    }
}

/// As tests are where contestants have accounts, too.
#[test]
fn files_of_the_problem_may_be_private() {
    needs_root!();
    for (problem, submission) in [
        ("divisor", "accepted/smallest.py"),
        ("guess", "accepted/halves.py"),
        ("lines", "files.py"),
        ("sum", "accepted/sum.py"),
    ] {
        let scene = scene();
        let place = scene.path(problem);
        let copied = Command::new("cp").arg("-r").args([own(problem), place.clone()]).status().unwrap();
        let closed = Command::new("chmod").args(["-R", "go-rwx"]).arg(&place).status().unwrap();
        assert!(copied.success() && closed.success());
        let solutions = if problem == "lines" { "solutions" } else { "submissions" };
        let submission = place.join(solutions).join(submission);
        let said = Said::of(&mut command(&scene, &place, &submission, "--jobs 2"));
        assert_eq!(
            (said.code, said.stdout.lines().last()),
            (0, Some("AC")),
            "{problem}: {}{}",
            said.stdout,
            said.stderr
        );
    }
}

#[test]
fn one_stream_may_be_a_file() {
    needs_root!();
    let scene = scene();
    in_files(&scene, "infile: ''\n");
    scene.file("s.py", "a, b = map(int, input().split())\nopen('output.txt', 'w').write(str(a * b))\n");
    assert_eq!(first_test(&scene, "p", "s.py").0["verdict"], "AC");
    in_files(&scene, "outfile: ''\n");
    scene.file("s.py", "a, b = map(int, open('input.txt').read().split())\nprint(a * b)\n");
    assert_eq!(first_test(&scene, "p", "s.py").0["verdict"], "AC");
}

#[test]
fn limits_hold_for_a_file_of_output() {
    needs_root!();
    let scene = scene();
    scene.file("p/testdata/config.yaml", "filename: p\nmemory: 256m\n");
    scene.file("p/testdata/1.in", "");
    scene.file("p/testdata/1.out", "");
    scene.file("s.py", "with open('p.out', 'wb') as output:\n  while True: output.write(b'x' * 65536)");
    let (test, said) = first_test(&scene, "p", "s.py");
    assert_eq!(test["verdict"], "OLE", "{test} {}", said.stderr);
}

/// What it has beside its own program is where it opens it.
#[test]
fn a_submission_of_several_files_opens_its_own_by_name() {
    needs_root!();
    let scene = scene();
    in_files(&scene, "");
    scene.file("s/main.py", "import half\nopen('output.txt', 'w').write(open('table.txt').read())");
    scene.file("s/half.py", "");
    scene.file("s/table.txt", "42");
    assert_eq!(first_test(&scene, "p", "s").0["verdict"], "AC");
}

#[test]
fn the_problem_says_which_languages_and_how_much_source() {
    needs_root!();
    let scene = scene();
    let submission = scene.file("s.c", "int main(void) { return 0; }");
    let said = Said::of(&mut command(&scene, &own("area"), &submission, "--report report.json"));
    assert_eq!(said.code, 125, "{}", said.stdout);
    assert!(
        said.stderr.contains("does not allow the language `c`; it allows cpp, python"),
        "{}",
        said.stderr
    );
    scene.file("p/problem.yaml", "limits: {code: 1}\n");
    // What the problem adds is not the submission's.
    scene.file("p/include/default/table.txt", "x".repeat(5000));
    scene.file("p/data/secret/1.in", "");
    scene.file("p/data/secret/1.ans", "");
    for (bytes, code, last) in [(1024, 0, "AC"), (1025, 122, "CE")] {
        let submission = scene.file("s.py", "#".repeat(bytes));
        let said = Said::of(&mut command(&scene, &scene.path("p"), &submission, ""));
        assert_eq!(
            (said.code, said.stdout.lines().last()),
            (code, Some(last)),
            "{}{}",
            said.stdout,
            said.stderr
        );
        let says_why = said.stdout.contains("the submission has 1025 bytes; the problem allows 1024");
        assert_eq!(says_why, last == "CE", "{}", said.stdout);
    }
}

/// A file of the problem replaces one of the submission, so that no submission brings a driver of its own.
#[test]
fn files_of_the_problem_come_first() {
    needs_root!();
    let scene = scene();
    scene.file("s/area.cpp", "#include \"area.h\"\nint area(int, int) { return 6; }");
    // With it all answers would be right.
    let main =
        "#include <cstdio>\nint main() { int a, b; scanf(\"%d %d\", &a, &b); printf(\"%d\\n\", a * b); }";
    scene.file("s/main.cpp", main);
    scene.file("s/area.h", "#error mine");
    let said =
        Said::of(&mut command(&scene, &own("area"), &scene.path("s"), "--stop never --report report.json"));
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    let verdicts: Vec<_> =
        report["tests"].as_array().unwrap().iter().map(|test| test["verdict"].clone()).collect();
    assert_eq!(verdicts, ["AC", "WA", "WA"], "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_submission_that_is_the_output_needs_no_program() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "problem_format_version: 2025-09\nname: P\nuuid: x\ntype: submit-answer\n");
    for test in ["1", "2"] {
        scene.file(&format!("p/data/secret/{test}.in"), "");
        scene.file(&format!("p/data/secret/{test}.ans"), test);
    }
    scene.file("s/secret/1.out", "1");
    scene.file("s/2.ans", "3");
    let said = Said::of(&mut command(
        &scene,
        &scene.path("p"),
        &scene.path("s"),
        "--stop never --report report.json",
    ));
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    assert_eq!((said.code, &report["verdict"], &report["language"]), (1, &"WA".into(), &"output".into()));
    assert_eq!(
        (&report["tests"][0]["verdict"], &report["tests"][1]["verdict"]),
        (&"AC".into(), &"WA".into())
    );
    assert!(report["tests"][0]["run"].is_null() && report["tests"][0]["time_us"].is_null(), "{report}");
}
