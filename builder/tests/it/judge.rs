//! `capsule judge`: verdicts, scores, checkers that misbehave, reports, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Pid;
use serde_json::Value;

use crate::scene::{Said, Scene, SharedBundle, children, children_of_all, needs_root, wait_until};

/// The languages of submissions and of programs of problems.
pub(crate) fn bundle() -> &'static Path {
    static BUNDLE: SharedBundle = SharedBundle::new();
    BUNDLE.path(|_| "--pack python,c,cpp".to_owned())
}

pub(crate) fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/problems").join(name)
}

/// The directories of all of them.
pub(crate) fn own_problems() -> impl Iterator<Item = PathBuf> {
    fs::read_dir(own("")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
}

pub(crate) fn command(scene: &Scene, problem: &Path, submission: &Path, options: &str) -> Command {
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(problem).arg(submission).args(options.split_whitespace());
    // Not the user's own directory: what a test finds there may be of another one.
    command.env("XDG_CACHE_HOME", scene.path("cache"));
    command
}

fn judge(scene: &Scene, problem: &Path, submission: &Path, options: &str) -> Said {
    Said::of(&mut command(scene, problem, submission, options))
}

/// The report, and what else was said.
fn reported(scene: &Scene, problem: &Path, submission: &Path, options: &str) -> (Value, Said) {
    let said = judge(scene, problem, submission, &format!("{options} --report report.json"));
    let text = fs::read_to_string(scene.path("report.json")).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text} {}", said.stderr);
    (serde_json::from_str(&text).unwrap(), said)
}

pub(crate) fn scene() -> Scene {
    let scene = Scene::new();
    fs::set_permissions(scene.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    scene
}

#[test]
fn a_verdict_has_its_exit_code() {
    needs_root!();
    let scene = scene();
    for (problem, submission, code, last) in [
        ("mean", "accepted/mean.py", 0, "AC"),
        ("mean", "run_time_error/no_file.py", 1, "RTE"),
        ("divisor", "wrong_answer/one.py", 1, "WA"),
        ("distinct", "accepted/set.py", 0, "AC, score 100"),
        ("distinct", "partially_accepted/few.py", 0, "AC, score 30"),
        ("distinct", "wrong_answer/count.py", 1, "WA, score 0"),
    ] {
        let place = own(problem);
        let said = judge(&scene, &place, &place.join("submissions").join(submission), "");
        let found = (said.code, said.stdout.lines().last());
        assert_eq!(found, (code, Some(last)), "{submission}: {}{}", said.stdout, said.stderr);
    }
}

#[test]
fn the_report_has_every_test_and_the_first_difference() {
    needs_root!();
    let scene = scene();
    let problem = own("mean");
    let (report, said) =
        reported(&scene, &problem, &problem.join("submissions/wrong_answer/whole.py"), "--stop never");
    assert_eq!((&report["version"], &report["verdict"], said.code), (&1.into(), &"WA".into(), 1));
    let tests = report["tests"].as_array().unwrap();
    let verdicts: Vec<&str> = tests.iter().map(|test| test["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["WA", "AC", "WA", "WA"]);
    assert_eq!(tests[0]["message"], "line 1: expected `1.500000000`, found `1`");
    assert!(report["warm_up"]["wall_us"].is_u64(), "{report}");
    for test in tests {
        let timing = &test["run"]["timing"];
        assert!(test["error_us"].is_u64() && test["error_us"] == timing["error_us"], "{test}");
        assert!(test["reliable"].is_boolean() && test["reliable"] == timing["reliable"], "{test}");
    }
    assert!(tests[1]["time_us"].is_u64() && tests[1]["run"]["guards"].is_object(), "{}", tests[1]);
    let first = reported(&scene, &problem, &problem.join("submissions/wrong_answer/whole.py"), "").0;
    assert_eq!(
        (&first["tests"][1]["verdict"], &first["tests"][3]["verdict"]),
        (&"SKIPPED".into(), &"SKIPPED".into())
    );
}

#[test]
fn any_number_of_jobs_gives_the_same_verdicts() {
    needs_root!();
    let scene = scene();
    let problem = own("distinct");
    let submission = problem.join("submissions/partially_accepted/few.py");
    let verdicts = |options: &str| {
        let report = reported(&scene, &problem, &submission, options).0;
        let tests = report["tests"].as_array().unwrap().clone();
        (report["score"].clone(), tests.iter().map(|test| test["verdict"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(verdicts("--jobs 1"), verdicts("--jobs 4"));
    assert_eq!(verdicts("--jobs 4").1[3..], ["WA", "SKIPPED"]);
}

#[test]
fn the_caller_says_when_the_rest_is_left_out() {
    needs_root!();
    let scene = scene();
    let case = "{input: wrong, output: answer}, {input: right, output: answer}";
    let group = |id| format!("{{id: {id}, type: min, score: 50, cases: [{case}]}}");
    scene.file("p/testdata/config.yaml", format!("subtasks: [{}, {}]\n", group(1), group(2)));
    for name in ["wrong", "right"] {
        scene.file(&format!("p/testdata/{name}"), name);
    }
    scene.file("p/testdata/answer", "right");
    let submission = scene.file("s.py", "print(input())");
    for (options, expected) in [
        ("--stop first", ["WA", "SKIPPED", "SKIPPED", "SKIPPED"]),
        ("--stop group", ["WA", "SKIPPED", "WA", "SKIPPED"]),
        ("", ["WA", "SKIPPED", "WA", "SKIPPED"]),
        ("--stop never", ["WA", "AC", "WA", "AC"]),
    ] {
        let report = reported(&scene, &scene.path("p"), &submission, options).0;
        let tests = report["tests"].as_array().unwrap().iter();
        let verdicts: Vec<&str> = tests.map(|test| test["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, expected, "{options}: {report}");
    }
}

/// A problem with one test and this checker.
fn checked_by(scene: &Scene, checker: &str) -> PathBuf {
    let sheet = "validation: custom\nlimits: {time_limit: 5, validation_time: 1, validation_output: 1, validation_memory: 64}\n";
    scene.file("p/problem.yaml", sheet);
    scene.file("p/data/secret/1.in", "input\n");
    scene.file("p/data/secret/1.ans", "answer\n");
    scene.file("p/data/secret/2.in", "other\n");
    scene.file("p/data/secret/2.ans", "S3CRET\n");
    scene.file("p/output_validators/v.py", format!("import os, sys\n{checker}\n"));
    scene.path("p")
}

#[test]
fn a_checker_that_misbehaves_is_the_judges_fault() {
    needs_root!();
    for (checker, verdict, message) in [
        ("sys.exit(42)", "AC", ""),
        ("open(sys.argv[3] + 'judgemessage.txt', 'w').write('no'); sys.exit(43)", "WA", "no"),
        ("", "JE", "the checker: exit code 0"),
        ("sys.exit(1)", "JE", "the checker: exit code 1"),
        ("raise ValueError('broken')", "JE", "ValueError: broken"),
        ("os.kill(os.getpid(), 11)", "JE", "the checker: signal 11"),
        ("while True: pass", "JE", "the checker: cpu-time-limit"),
        ("x = bytearray(256 << 20)", "JE", "the checker: "),
        ("while True: os.write(1, b'x' * 65536)", "JE", "the checker: output-limit"),
        // More than the feedback's directory holds.
        (
            "for i in range(100): open(sys.argv[3] + str(i), 'wb').write(b'x' * 1000000)\nsys.exit(42)",
            "JE",
            "No space left",
        ),
        // What it leaves in the place of its message is not followed.
        ("os.symlink('/etc/passwd', sys.argv[3] + 'judgemessage.txt'); sys.exit(43)", "WA", ""),
        ("os.mkfifo(sys.argv[3] + 'judgemessage.txt'); sys.exit(43)", "WA", ""),
        ("open(sys.argv[3] + 'score.txt', 'w').write('3'); sys.exit(42)", "JE", "the problem has no scores"),
        // It sees its own test, the output, and nothing of the others.
        (
            "sys.exit(42 if open(sys.argv[1]).read() in ('input\\n', 'other\\n') and sys.stdin.read() == 'out\\n' else 1)",
            "AC",
            "",
        ),
        (
            "for root in ('/tmp', '/home', '/proc/self/fd'):\n  print(os.listdir(root))\nsys.exit(43 if 'data' in str(os.listdir('/tmp')) else 42)",
            "AC",
            "",
        ),
        ("if os.fork() == 0:\n  import time; time.sleep(100)\nsys.exit(42)", "AC", ""),
    ] {
        let scene = scene();
        let problem = checked_by(&scene, checker);
        let submission = scene.file("out.py", "print('out')");
        let (report, said) = reported(&scene, &problem, &submission, "");
        assert_eq!(report["verdict"], verdict, "{checker}: {report} {}", said.stderr);
        let found = report["tests"][0]["message"].as_str().unwrap_or_default();
        assert!(found.contains(message) && (!message.is_empty() || found.is_empty()), "{checker}: {found}");
        let code = match verdict {
            "AC" => 0,
            "WA" => 1,
            _ => 125,
        };
        assert_eq!(said.code, code, "{checker}");
    }
}

#[test]
fn a_checker_gets_the_flags_of_the_problem_and_then_those_of_the_group() {
    needs_root!();
    let scene = scene();
    let problem = checked_by(&scene, "sys.exit(42 if sys.argv[4:] == ['a', 'b', 'c'] else 1)");
    scene.file("p/problem.yaml", "validation: custom\nvalidator_flags: a b\nlimits: {time_limit: 5}\n");
    scene.file("p/data/secret/testdata.yaml", "output_validator_flags: c\n");
    let submission = scene.file("out.py", "print('out')");
    let (report, _) = reported(&scene, &problem, &submission, "");
    assert_eq!(report["verdict"], "AC", "{report}");
}

#[test]
fn a_submission_that_does_not_compile_has_no_tests() {
    needs_root!();
    let scene = scene();
    let submission = scene.file("a.c", "int main( {");
    let (report, said) = reported(&scene, &own("sum"), &submission, "");
    assert_eq!(
        (said.code, &report["verdict"], report["tests"].as_array().unwrap().len()),
        (122, &"CE".into(), 0)
    );
    assert!(said.stdout.contains("error") && said.stdout.ends_with("CE\n"), "{}", said.stdout);
}

#[test]
fn limits_of_the_problem_hold() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 2, memory: 32, output: 1}\n");
    scene.file("p/data/secret/1.in", "");
    scene.file("p/data/secret/1.ans", "");
    for (text, verdict) in [
        ("x = bytearray(64 << 20)", "MLE"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "OLE"),
        ("import time\ntime.sleep(1000)", "TLE"),
        ("raise SystemExit(42)", "RTE"),
        ("import os\nos.kill(os.getpid(), 9)", "RTE"),
    ] {
        let submission = scene.file("s.py", text);
        let (report, said) = reported(&scene, &scene.path("p"), &submission, "");
        assert_eq!((&report["verdict"], said.code), (&verdict.into(), 1), "{text}: {report}");
    }
}

/// Fifty groups in each other, as many as a legacy package may reasonably have: one test in the innermost one.
#[test]
fn groups_may_be_fifty_deep() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 5}\n");
    let innermost = format!("p/data/secret/{}", "g/".repeat(50));
    for (name, answer) in [("1", "right"), ("2", "other")] {
        scene.file(&format!("{innermost}{name}.in"), "");
        scene.file(&format!("{innermost}{name}.ans"), answer);
    }
    let submission = scene.file("s.py", "print('right')");
    let (report, said) = reported(&scene, &scene.path("p"), &submission, "--jobs 2");
    assert_eq!((&report["verdict"], said.code), (&"WA".into(), 1), "{report}");
    let (mut depth, mut groups) = (0, &report["groups"]);
    while let Some(group) = groups.as_array().and_then(|groups| groups.last()) {
        assert_eq!(group["verdict"], "WA", "{group}");
        (depth, groups) = (depth + 1, &group["groups"]);
    }
    // data/secret, and those in it.
    assert_eq!(depth, 51);
}

#[test]
fn an_ordinary_user_can_judge() {
    needs_root!();
    for (name, submission) in [("divisor", "accepted/smallest.py"), ("guess", "accepted/halves.py")] {
        let scene = scene();
        let problem = scene.path(name);
        let copied = Command::new("cp").arg("-r").args([own(name), problem.clone()]).status();
        assert!(copied.unwrap().success());
        let submission = problem.join("submissions").join(submission);
        let said = Said::of(command(&scene, &problem, &submission, "--jobs 2").uid(65534).gid(65534));
        let last = said.stdout.lines().last();
        assert_eq!((said.code, last), (0, Some("AC")), "{name}: {}{}", said.stdout, said.stderr);
        // It cannot write to the directory that root has.
        assert!(said.stderr.starts_with("warning: no artifact is kept: "), "{}", said.stderr);
    }
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_report() {
    needs_root!();
    let scene = scene();
    let submission = scene.file("s.py", "");
    scene.file("files/task.yaml", "time_limit: 1\nscore_type: GroupThreshold\n");
    scene.file("files/gen/GEN", "#ST: 100\n1\n");
    scene.file("files/input/input0.txt", "");
    scene.file("files/output/output0.txt", "");
    scene.file("half/1.in", "");
    let broken = checked_by(&scene, "def f(:");
    for (problem, options, what) in [
        (scene.path("files"), "", "cannot be judged: task.yaml: the score type GroupThreshold"),
        (scene.path("half"), "", "its answer is missing"),
        (scene.path("gone"), "", "gone"),
        (broken, "", "its checker does not compile"),
        (own("sum"), "--lang cobol", "no language `cobol`"),
        (own("sum"), "--jobs 0", "--jobs"),
        (own("sum"), "--stop soon", "--stop"),
    ] {
        let (report, said) = reported(&scene, &problem, &submission, options);
        assert_eq!((said.code, &report["verdict"]), (125, &"IE".into()), "{what}: {}", said.stderr);
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(what) && said.stderr.contains(what), "{error} {}", said.stderr);
    }
}

/// Nothing of a run is left, whenever the judge is killed: neither a process nor a file.
#[test]
fn a_judge_that_is_killed_leaves_nothing() {
    needs_root!();
    let scene = scene();
    let problem = checked_by(&scene, "import time; time.sleep(60)");
    scene.file("p/problem.yaml", "validation: custom\nlimits: {time_limit: 60, validation_time: 60}\n");
    let submission = scene.file("s.py", "print('out')");
    scene.file("temporary/x", "");
    let mut command = command(&scene, &problem, &submission, "--jobs 2 --stop never");
    let mut judge = command.env("TMPDIR", scene.path("temporary")).spawn().unwrap();
    // Both checkers; each is the third process of its run.
    let checkers = |run: &Pid| children(*run).into_iter().any(|pid1| !children(pid1).is_empty());
    wait_until("the checkers run", || {
        runs(Pid::from_child(&judge)).iter().filter(|run| checkers(run)).count() == 2
    });
    let runs = runs(Pid::from_child(&judge));
    judge.kill().unwrap();
    judge.wait().unwrap();
    let is_there = |run: &Pid| Path::new(&format!("/proc/{}", run.as_raw_nonzero())).exists();
    wait_until("its runs end", || !runs.iter().any(is_there));
    let own = |name: &str| {
        runs.iter().any(|run| name.starts_with(&format!("capsule-{:08x}-", run.as_raw_nonzero())))
    };
    wait_until("their cgroups are gone", || !has_directory(Path::new("/sys/fs/cgroup"), &own));
    assert_eq!(fs::read_dir(scene.path("temporary")).unwrap().count(), 1);
}

/// The supervisors of a judge or a service: the children of all its threads, and those of the server of its pool in the place
/// of that. Some of the pool's wait for their run.
pub(crate) fn runs(judge: Pid) -> Vec<Pid> {
    let serves = |pid: &Pid| {
        let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(b"serve")
    };
    let all = children_of_all(judge).into_iter();
    all.flat_map(|pid| if serves(&pid) { children(pid) } else { vec![pid] }).collect()
}

/// Whether a directory with such a name is somewhere below another.
pub(crate) fn has_directory(below: &Path, is_one: &dyn Fn(&str) -> bool) -> bool {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    let mut directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories
        .any(|entry| is_one(&entry.file_name().to_string_lossy()) || has_directory(&entry.path(), is_one))
}
