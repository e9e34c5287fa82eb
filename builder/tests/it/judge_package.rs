//! `capsule judge BUNDLE PROBLEM`: every submission of a package, the time limit that follows, and what an end before the
//! end leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::judge::{bundle, command, has_directory, own, runs, scene};
use crate::scene::{Said, Scene, children, needs_root, wait_until};

fn package(scene: &Scene, problem: &Path, options: &str) -> Said {
    let mut command = scene.command();
    command.env("XDG_CACHE_HOME", scene.path("cache"));
    Said::of(command.arg("judge").arg(bundle()).arg(problem).args(options.split_whitespace()))
}

fn report(scene: &Scene) -> Value {
    let text = fs::read_to_string(scene.path("report.json")).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A copy of one of our problems.
fn copy(scene: &Scene, name: &str) {
    let status = Command::new("cp").arg("-r").args([own(name), scene.path(name)]).status().unwrap();
    assert!(status.success());
}

/// A test for each of our problems: together they take longer than any other test.
macro_rules! as_expected {
    ($($name:ident)*) => {
        mod every_submission_is_as_expected {
            $(#[test]
            fn $name() {
                super::every_submission_is_as_expected(stringify!($name));
            })*

            #[test]
            fn of_each_problem() {
                let mut names = vec![$(stringify!($name)),*];
                names.sort_unstable();
                let of_directory = |place: std::path::PathBuf| place.file_name().unwrap().to_str().unwrap().to_owned();
                let mut own: Vec<String> = crate::judge::own_problems().map(of_directory).collect();
                own.sort_unstable();
                assert_eq!(names, own);
            }
        }
    };
}

as_expected! {
    area cms distinct divisor dmoj guess hydro lines mean narrow near polygon queens rated sorted square sum twice twins
}

fn every_submission_is_as_expected(name: &str) {
    needs_root!();
    let scene = scene();
    let said = package(&scene, &own(name), "--jobs 2");
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{}", said.stdout);
    assert!(said.stdout.lines().any(|line| line.starts_with("ok  ")), "{}", said.stdout);
}

#[test]
fn a_submission_that_is_not_as_expected_is_named() {
    needs_root!();
    let scene = scene();
    copy(&scene, "sum");
    scene.file("sum/submissions/accepted/wrong.py", "print(3)");
    scene.file("sum/submissions/wrong_answer/right.py", "print(sum(map(int, input().split())))");
    scene.file("sum/submissions/accepted/broken.c", "int main( {");
    let said = package(&scene, &scene.path("sum"), "--report report.json");
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    for line in [
        "not as expected: accepted/wrong.py: WA in 2, where AC is permitted",
        "not as expected: wrong_answer/right.py: no WA",
        "not as expected: accepted/broken.c: it does not compile",
        "3 of 7 not as expected",
    ] {
        assert!(said.stdout.lines().any(|said| said == line), "{line}: {}", said.stdout);
    }
    let report = report(&scene);
    assert_eq!((&report["as_expected"], &report["is_computed"]), (&false.into(), &true.into()));
    assert!(report["time_limit_us"].as_u64().is_some_and(|limit| limit % 1_000_000 == 0), "{report}");
    let wrong =
        report["submissions"].as_array().unwrap().iter().find(|one| one["name"] == "accepted/wrong.py");
    // While the limit is not known, they may take 300 s; what must be too slow may run for longer than the limit.
    let cpu_limit = |name: &str| {
        let submissions = report["submissions"].as_array().unwrap();
        let submission = submissions.iter().find(|one| one["name"] == name).unwrap();
        submission["judgement"]["tests"][0]["run"]["limits"]["cpu_us"]["limit"].as_u64().unwrap()
    };
    assert!(cpu_limit("accepted/sum.py") >= 300_000_000);
    let limit = report["time_limit_us"].as_u64().unwrap();
    assert_eq!(cpu_limit("time_limit_exceeded/count.py"), limit * 3 / 2);
    // All tests are run: the slowest one counts.
    let verdicts = |one: &Value| {
        one["judgement"]["tests"].as_array().unwrap().iter().map(|test| test["verdict"].clone()).collect()
    };
    let verdicts: Vec<Value> = verdicts(wrong.unwrap());
    assert_eq!(verdicts, ["AC", "WA", "WA"]);
}

/// In steps of the problem's resolution, and whatever submissions need that may be too slow.
#[test]
fn the_slowest_test_of_an_accepted_submission_makes_the_time_limit() {
    needs_root!();
    let scene = scene();
    let limits = "{time_resolution: 0.1, time_multipliers: {ac_to_time_limit: 2}}";
    scene.file("p/problem.yaml", format!("problem_format_version: 2025-09\nname: P\nlimits: {limits}\n"));
    for name in ["1", "2", "3"] {
        scene.file(&format!("p/data/secret/{name}.in"), name);
        scene.file(&format!("p/data/secret/{name}.ans"), name);
    }
    let spin = |seconds| format!("import time\nwhile time.process_time() < {seconds}: pass\n");
    let second = format!("word = input()\nif word == '2':\n  exec({:?})\nprint(word)", spin(0.4));
    scene.file("p/submissions/accepted/a.py", "print(input())");
    scene.file("p/submissions/accepted/b.py", second);
    scene.file("p/submissions/accepted/c.py", "print(input())");
    scene.file("p/submissions/rejected/slow.py", format!("{}print('?')", spin(0.6)));
    let said = package(&scene, &scene.path("p"), "--report report.json");
    let report = report(&scene);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let times = |one: &Value| -> Vec<u64> {
        let tests = one["judgement"]["tests"].as_array().unwrap();
        tests.iter().map(|test| test["time_us"].as_u64().unwrap()).collect()
    };
    let all = report["submissions"].as_array().unwrap().iter();
    let accepted = all.filter(|one| one["name"].as_str().unwrap().starts_with("accepted/"));
    let slowest = accepted.flat_map(times).max().unwrap();
    assert!(slowest >= 400_000, "{report}");
    assert_eq!(report["time_limit_us"], (slowest * 2).next_multiple_of(100_000), "{report}");
}

#[test]
fn a_language_that_the_bundle_lacks_is_not_a_verdict() {
    needs_root!();
    let scene = scene();
    copy(&scene, "sum");
    scene.file("sum/submissions/accepted/sum.cob", "");
    let said = package(&scene, &scene.path("sum"), "");
    assert_eq!(said.code, 125, "{}", said.stdout);
    assert!(said.stdout.contains("accepted/sum.cob: no language of"), "{}", said.stdout);
    scene.file("none/1.in", "");
    scene.file("none/1.ans", "");
    let said = package(&scene, &scene.path("none"), "--report report.json");
    assert_eq!(said.code, 125);
    assert!(said.stderr.contains("it has no submissions of its own"), "{}", said.stderr);
    assert_eq!(report(&scene)["verdict"], "IE");
}

/// It needs more than its limit and less than the tenth above, by its own clock of CPU time.
#[test]
fn a_test_that_is_hardly_too_slow_next_to_others_is_repeated_alone() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 0.3}\n");
    for name in ["1", "2"] {
        scene.file(&format!("p/data/secret/{name}.in"), name);
        scene.file(&format!("p/data/secret/{name}.ans"), "done\n");
    }
    let slow = "import time\nif input() == '1':\n  while time.process_time() < 0.306: pass\nprint('done')";
    let submission = scene.file("s.py", slow);
    let said = Said::of(&mut command(
        &scene,
        &scene.path("p"),
        &submission,
        "--jobs 2 --stop never --report report.json",
    ));
    let report = report(&scene);
    let [one, other] = [&report["tests"][0], &report["tests"][1]];
    assert_eq!((&one["verdict"], &other["verdict"]), (&"TLE".into(), &"AC".into()), "{}", said.stdout);
    assert_eq!(one["first_run"]["verdict"], "TLE", "{one}");
    assert!(one["first_run"]["time_us"].is_u64(), "{one}");
    assert!(other["first_run"].is_null());
}

/// SIGINT in the middle: no process is left, and the report says that this is not a verdict.
#[test]
fn an_interrupted_judge_says_so_and_leaves_nothing() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 1000}\n");
    for name in ["1", "2"] {
        scene.file(&format!("p/data/secret/{name}.in"), "");
        scene.file(&format!("p/data/secret/{name}.ans"), "");
    }
    let submission = scene.file("s.py", "while True: pass");
    let mut judge =
        command(&scene, &scene.path("p"), &submission, "--stop never --report report.json").spawn().unwrap();
    let pid = Pid::from_raw(judge.id().try_into().unwrap()).unwrap();
    // One runs, and one stands ready: both have their cgroup, and of those that are not for a run yet none has.
    let has_program = |run: &Pid| children(*run).into_iter().any(|pid1| !children(pid1).is_empty());
    let has_cgroup = |run: &Pid| {
        let name = format!("capsule-{:08x}-", run.as_raw_nonzero());
        has_directory(Path::new("/sys/fs/cgroup"), &|directory| directory.starts_with(&name))
    };
    wait_until("the submission runs", || {
        let runs = runs(Pid::from_child(&judge));
        let count = |is_so: &dyn Fn(&Pid) -> bool| runs.iter().filter(|run| is_so(run)).count();
        count(&has_program) == 1 && count(&has_cgroup) == 2
    });
    let ended = runs(Pid::from_child(&judge));
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(judge.wait().unwrap().code(), Some(130));
    let is_there = |run: &Pid| Path::new(&format!("/proc/{}", run.as_raw_nonzero())).exists();
    assert!(!ended.iter().any(is_there), "a run is left");
    let report = report(&scene);
    assert_eq!((&report["verdict"], &report["error"]), (&"IE".into(), &"interrupted by signal 2".into()));
    assert_eq!(report["tests"][1]["verdict"], "IE");
}

/// kill -9 leaves what says that there is no verdict.
#[test]
fn a_judge_that_is_killed_leaves_a_report_without_a_verdict() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 1000}\n");
    scene.file("p/data/secret/1.in", "");
    scene.file("p/data/secret/1.ans", "");
    let submission = scene.file("s.py", "while True: pass");
    let mut judge = command(&scene, &scene.path("p"), &submission, "--report report.json").spawn().unwrap();
    wait_until("it began", || fs::read(scene.path("report.json")).is_ok_and(|report| !report.is_empty()));
    judge.kill().unwrap();
    judge.wait().unwrap();
    let report = report(&scene);
    assert_eq!((&report["verdict"], &report["error"]), (&"IE".into(), &"the judge did not end".into()));
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    needs_root!();
    let scene = scene();
    let problem = own("sum");
    let submission = problem.join("submissions/accepted/sum.py");
    let said = Said::of(&mut command(&scene, &problem, &submission, "--report /dev/full"));
    assert_eq!(said.code, 125, "{}", said.stdout);
    assert!(said.stderr.contains("the report cannot be written"), "{}", said.stderr);
}

/// What the submission writes does not fit on the disk, so that nobody knows what it would have got.
#[test]
fn a_full_disk_is_not_a_verdict() {
    needs_root!();
    let scene = scene();
    scene.file("p/1.in", "");
    scene.file("p/1.ans", "");
    let submission = scene.file("s.py", "print('x' * 3000000)");
    fs::create_dir(scene.path("small")).unwrap();
    let judge = command(&scene, &scene.path("p"), &submission, "");
    let script = "mount -t tmpfs -o size=1m none \"$0\" && TMPDIR=\"$0\" exec \"$@\"";
    let mut small = Command::new("unshare");
    small.args(["-m", "sh", "-c", script]).arg(scene.path("small"));
    small.arg(judge.get_program()).args(judge.get_args()).current_dir(scene.path(""));
    let said = Said::of(small.env("XDG_CACHE_HOME", scene.path("cache")));
    assert_eq!((said.code, said.stdout.lines().last()), (125, Some("IE")), "{}{}", said.stdout, said.stderr);
}

#[test]
fn build_servers_get_a_case_for_each_test_or_submission() {
    needs_root!();
    let scene = scene();
    let problem = own("mean");
    let submission = problem.join("submissions/wrong_answer/whole.py");
    let said = Said::of(&mut command(&scene, &problem, &submission, "--format junit"));
    let suite = r#"<testsuite name="Mean" tests="4" failures="1" errors="0" skipped="3""#;
    assert!(said.code == 1 && said.stdout.contains(suite), "{}", said.stdout);
    assert!(said.stdout.contains("line 1: expected `1.500000000`, found `1`"), "{}", said.stdout);
    let json = Said::of(&mut command(&scene, &problem, &submission, "--format json"));
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["verdict"], "WA");
}

/// The same submission again is not compiled again; one byte more is, and so is another limit of the compile step.
#[test]
fn what_a_compiler_made_is_kept() {
    needs_root!();
    let scene = scene();
    copy(&scene, "sum");
    let text = fs::read_to_string(own("sum").join("submissions/accepted/sum.c")).unwrap();
    let submission = scene.file("sum.c", &text);
    let judged = |options: &str| {
        let options = format!("--report report.json {options}");
        let said = Said::of(&mut command(&scene, &scene.path("sum"), &submission, &options));
        assert_eq!((said.code, said.stdout.lines().last()), (0, Some("AC")), "{}", said.stderr);
        report(&scene)["compile"]["cached"] == true
    };
    assert!(!judged("") && judged("") && judged("--jobs 2"));
    assert!(!judged("--no-cache") && !judged("--cache other") && judged("--cache other"));
    scene.file("sum.c", format!("{text}\n"));
    assert!(!judged("") && judged(""));
    scene.file("sum/problem.yaml", "limits: {compilation_time: 7}\n");
    fs::create_dir_all(scene.path("sum/data/secret")).unwrap();
    fs::rename(scene.path("sum/1.in"), scene.path("sum/data/secret/1.in")).unwrap();
    fs::rename(scene.path("sum/1.ans"), scene.path("sum/data/secret/1.ans")).unwrap();
    assert!(!judged("") && judged(""));
    // An entry that is damaged is compiled anew.
    for entry in fs::read_dir(scene.path("cache/capsule")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "artifact") {
            let bytes = fs::read(&entry).unwrap();
            fs::write(&entry, &bytes[..bytes.len() / 2]).unwrap();
        }
    }
    assert!(!judged("") && judged(""));
}

/// The compiler is in the bundle, so that another bundle makes another program of the same submission.
#[test]
fn what_a_compiler_of_another_bundle_made_is_not_taken() {
    needs_root!();
    let scene = scene();
    let submission = scene.file("s.c", "int main(void) { return 0; }");
    scene.file("p/1.in", "");
    scene.file("p/1.ans", "");
    let judged = |bundle: &Path| {
        let mut judge = scene.command();
        judge.env("XDG_CACHE_HOME", scene.path("cache")).args(["judge", "--report", "report.json"]);
        let said = Said::of(judge.arg(bundle).arg(scene.path("p")).arg(&submission));
        assert_eq!((said.code, said.stdout.lines().last()), (0, Some("AC")), "{}", said.stderr);
        report(&scene)["compile"]["cached"] == true
    };
    assert!(!judged(bundle()) && judged(bundle()));
    scene.succeeds("build hostname --pack c -o other --format dir");
    assert!(!judged(&scene.path("other")) && judged(&scene.path("other")) && judged(bundle()));
}

#[test]
fn what_a_compiler_refused_is_kept_unless_it_reached_a_limit() {
    needs_root!();
    let scene = scene();
    let judged = |text: &str| {
        let submission = scene.file("s.c", text);
        let said = Said::of(&mut command(&scene, &own("sum"), &submission, "--report report.json"));
        assert_eq!((said.code, said.stdout.lines().last()), (122, Some("CE")), "{}", said.stderr);
        let compile = &report(&scene)["compile"];
        (compile["cached"] == true, compile["text"].as_str().unwrap().to_owned())
    };
    let broken = "int main( {";
    let (first, second) = (judged(broken), judged(broken));
    assert!(!first.0 && second.0 && first.1 == second.1 && first.1.contains("error"), "{first:?} {second:?}");
    // Its object file is larger than the step may write.
    let large = "char all[1 << 30] = {1};\nint main(void) { return all[0]; }";
    assert!(!judged(large).0 && !judged(large).0);
}

#[test]
fn two_judges_at_once_compile_once() {
    needs_root!();
    let scene = scene();
    let submission = scene.file("s.c", "int main(void) { return 0; }");
    scene.file("p/1.in", "");
    scene.file("p/1.ans", "");
    let start = |report: &str| {
        command(&scene, &scene.path("p"), &submission, &format!("--report {report}")).spawn().unwrap()
    };
    let mut judges = ["one", "two"].map(start);
    assert!(judges.iter_mut().all(|judge| judge.wait().unwrap().success()));
    let cached = ["one", "two"].map(|name| {
        let report: Value = serde_json::from_slice(&fs::read(scene.path(name)).unwrap()).unwrap();
        report["compile"]["cached"] == true
    });
    assert_eq!(cached.iter().filter(|cached| **cached).count(), 1);
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    needs_root!();
    let scene = scene();
    fs::create_dir(scene.path("open")).unwrap();
    fs::set_permissions(scene.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    let problem = own("sum");
    let submission = problem.join("submissions/accepted/sum.c");
    let said = Said::of(&mut command(&scene, &problem, &submission, "--cache open"));
    assert_eq!(said.code, 125, "{}", said.stdout);
    assert!(said.stderr.contains("other users can write to it"), "{}", said.stderr);
}
