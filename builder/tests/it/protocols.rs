//! Programs of problems: how each protocol calls a checker, an interactor that is followed by a checker, and passes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::judge::{bundle, own};
use crate::scene::{Said, Scene, needs_root};

fn report(scene: &Scene, problem: &Path, submission: &Path) -> Value {
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(problem).arg(submission);
    let said = Said::of(command.args(["--stop", "never", "--jobs", "4", "--report", "report.json"]));
    let text = fs::read_to_string(scene.path("report.json"));
    serde_json::from_str(&text.unwrap_or_else(|error| panic!("{error}: {}", said.stderr))).unwrap()
}

/// The verdicts of the tests, with their messages.
#[track_caller]
fn tests(report: &Value) -> Vec<(String, String, f64)> {
    let tests = report["tests"].as_array().unwrap_or_else(|| panic!("{report}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row =
        |test: &Value| (text(&test["verdict"]), text(&test["message"]), test["share"].as_f64().unwrap());
    tests.iter().map(row).collect()
}

#[test]
fn submissions_of_our_problems_with_programs_get_what_they_should() {
    needs_root!();
    let scene = Scene::new();
    for (submission, verdict, score) in [
        ("guess/submissions/accepted/halves.py", "AC", None),
        ("narrow/submissions/accepted/halves.py", "AC", None),
        ("narrow/submissions/run_time_error/second_pass.py", "RTE", None),
        ("sorted/solutions/down.py", "AC", None),
        ("sorted/solutions/once.py", "WA", None),
        ("sorted/solutions/words.py", "WA", None),
        ("near/submissions/wrong_answer/rough.py", "WA", Some(70.0)),
        ("twins/submissions/accepted/sums.py", "AC", Some(100.0)),
    ] {
        let problem = own(submission.split('/').next().unwrap());
        let report = report(&scene, &problem, &own(submission));
        assert_eq!(report["verdict"], verdict, "{submission}: {:?}", tests(&report));
        assert_eq!(report["score"].as_f64(), score, "{submission}: {:?}", tests(&report));
    }
}

/// How a checker of each protocol finds its files and says what it thinks of the output: `right`, `half`, or what else.
const CHECKERS: [(&str, &str); 6] = [
    (
        "testlib",
        "give, out, ans = map(read, a[1:4])
say = {'right': (0, 'ok'), 'half': (50, 'partially correct (50)')}.get(out, (1, 'wrong answer'))
print(*say[1:], 'word', file=sys.stderr); code = say[0]",
    ),
    (
        "lemon",
        "give, out, ans = map(read, a[1:4])
open(a[5], 'w').write(str(float(a[4]) * {'right': 1, 'half': 0.5}.get(out, 0))); open(a[6], 'w').write('word')",
    ),
    (
        "syzoj",
        "give, out, ans = map(read, ['input', 'user_out', 'answer'])
print({'right': 100, 'half': 50}.get(out, 0)); print('word', file=sys.stderr)",
    ),
    ("hustoj", "give, ans, out = map(read, a[1:4]); code = {'right': 0}.get(out, 1); print('word')"),
    ("qduoj", "give, out = map(read, a[1:3]); ans = 'right'; code = {'right': 0}.get(out, 1); print('word')"),
    (
        "kattis",
        "give, ans, out = read(a[1]), read(a[2]), sys.stdin.read().strip(); code = {'right': 42}.get(out, 43)
open(a[3] + 'judgemessage.txt', 'w').write('word')",
    ),
];

#[test]
fn each_protocol_finds_its_files_and_is_understood() {
    needs_root!();
    for (protocol, program) in CHECKERS {
        let scene = Scene::new();
        let config = format!(
            "checker_type: {protocol}\nchecker: check.py\nsubtasks: [{{score: 100, type: sum, cases: [{}]}}]\n",
            ["right", "half", "none", "crash", "hang", "flood"]
                .map(|word| format!("{{input: {word}.in, output: ans}}"))
                .join(",")
        );
        scene.file("p/testdata/config.yaml", config.replace("subtasks", "time: 1s\nsubtasks"));
        for word in ["right", "half", "none", "crash", "hang", "flood"] {
            scene.file(&format!("p/testdata/{word}.in"), word);
        }
        scene.file("p/testdata/ans", "right");
        let misbehave = "if out == 'crash': os.kill(os.getpid(), 11)
if out == 'hang': open('/dev/stdin').close(); os.kill(os.getpid(), 6)
while out == 'flood': os.write(1, b'x' * 65536)";
        scene.file(
            "p/testdata/check.py",
            format!("import os, sys\na, code = sys.argv, 0\nread = lambda name: open(name).read().strip()\n{program}\n{misbehave}\nassert (give, ans) == (out, 'right')\nsys.exit(code)\n"),
        );
        let submission = scene.file("s.py", "print(input())");
        let found = tests(&report(&scene, &scene.path("p"), &submission));
        let shares: Vec<f64> = found.iter().map(|(_, _, share)| *share).collect();
        let half = if ["testlib", "lemon", "syzoj"].contains(&protocol) { 0.5 } else { 0.0 };
        assert_eq!(shares, [1.0, half, 0.0, 0.0, 0.0, 0.0], "{protocol}: {found:?}");
        let verdicts: Vec<&str> = found.iter().map(|(verdict, ..)| verdict.as_str()).collect();
        assert_eq!(verdicts, ["AC", "WA", "WA", "JE", "JE", "JE"], "{protocol}: {found:?}");
        for ((_, message, _), wanted) in
            found.iter().zip(["word", "word", "word", "signal 11", "signal 6", "output-limit"])
        {
            assert!(message.contains(wanted), "{protocol}: {message}");
        }
    }
}

#[test]
fn polygons_checker_judges_what_its_interactor_writes() {
    needs_root!();
    let scene = Scene::new();
    let sheet = fs::read_to_string(own("sorted/problem.xml")).unwrap();
    let (before, _) = sheet.split_once("<solutions>").unwrap();
    let interactor =
        "<interactor><source path=\"files/interact.py\" type=\"python.3\"/></interactor></assets></problem>";
    let sheet = format!("{before}{interactor}").replace("check.cpp", "check.py");
    scene.file("p/problem.xml", sheet);
    for (number, word) in ["keeps", "gives", "refuses"].iter().enumerate() {
        scene.file(&format!("p/tests/0{}", number + 1), word);
        scene.file(&format!("p/tests/0{}.a", number + 1), "kept");
    }
    scene.file(
        "p/files/interact.py",
        "import sys
word = open(sys.argv[1]).read()
print(word, flush=True)
answer = input()
open(sys.argv[2], 'w').write('kept' if word == 'keeps' else 'given')
if word == 'refuses':
    print('wrong answer it said', answer, file=sys.stderr); sys.exit(1)
print('ok', file=sys.stderr)",
    );
    scene.file(
        "p/files/check.py",
        "import sys
if open(sys.argv[2]).read() == open(sys.argv[3]).read():
    print('ok the same', file=sys.stderr); sys.exit(0)
print('wrong answer another', file=sys.stderr); sys.exit(1)",
    );
    let submission = scene.file("s.py", "input()\nprint('yes')");
    let found = tests(&report(&scene, &scene.path("p"), &submission));
    let rows: Vec<(&str, &str)> =
        found.iter().map(|(verdict, message, _)| (verdict.as_str(), message.as_str())).collect();
    assert_eq!(rows, [("AC", "the same"), ("WA", "another"), ("WA", "it said yes")]);
}

#[test]
fn dmojs_interactor_decides_by_its_exit_code() {
    needs_root!();
    let scene = Scene::new();
    scene.file("p/init.yml", "interactive: {files: i.py, lang: PY3}\ntest_cases: [{in: a, out: b}, {in: b, out: b}, {in: c, out: b}]\n");
    for name in ["a", "b", "c"] {
        scene.file(&format!("p/{name}"), name);
    }
    let interactor = "import sys
give, answer = (open(name).read() for name in sys.argv[1:])
print(give, flush=True)
assert input() == give and answer == 'b'
sys.exit({'a': 1, 'b': 0, 'c': 2}[give])";
    scene.file("p/i.py", interactor);
    let submission = scene.file("s.py", "print(input())");
    let found = tests(&report(&scene, &scene.path("p"), &submission));
    let verdicts: Vec<&str> = found.iter().map(|(verdict, ..)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["WA", "AC", "JE"], "{found:?}");
}

/// A validator that goes on as its input says, and a submission that repeats it.
#[test]
fn passes_are_counted_and_keep_the_feedback() {
    needs_root!();
    let validator = "import os, sys
order = open(sys.argv[1]).read().split()
memory = sys.argv[3] + 'memory'
seen = open(memory).read() if os.path.exists(memory) else ''
open(memory, 'w').write(seen + order[0])
assert TALK.split() == order, (TALK, order)
assert not os.path.exists(sys.argv[3] + 'nextpass.in')
if len(order) > 1 and order[0] != 'stop':
    open(sys.argv[3] + 'nextpass.in', 'w').write(' '.join(order[1:]))
if order[0] == 'link':
    os.remove(sys.argv[3] + 'nextpass.in'); os.symlink('/etc/passwd', sys.argv[3] + 'nextpass.in')
open(sys.argv[3] + 'judgemessage.txt', 'w').write(seen + order[0])
sys.exit({'bad': 43, 'broken': 1}.get(order[0], 42))
";
    for (kind, talk) in [
        ("multi-pass", "sys.stdin.read()".to_owned()),
        ("[interactive, multi-pass]", "(print(*order, flush=True), sys.stdin.readline())[1]".to_owned()),
    ] {
        let scene = Scene::new();
        let limits = "limits: {time_limit: 2, validation_passes: 3}";
        scene.file(
            "p/problem.yaml",
            format!("problem_format_version: 2025-09\nname: P\ntype: {kind}\n{limits}\n"),
        );
        scene.file("p/output_validator/v.py", validator.replace("TALK", &talk));
        for (name, order) in [
            ("1", "a b c"),
            ("2", "a b c d"),
            ("3", "a bad"),
            ("4", "a bad b"),
            ("5", "a broken"),
            ("6", "a"),
            ("7", "a crash b"),
            ("8", "a stop b"),
            ("9", "a link b"),
            ("a", "heavy b"),
        ] {
            scene.file(&format!("p/data/secret/{name}.in"), order);
            scene.file(&format!("p/data/secret/{name}.ans"), "");
        }
        // Nothing of a pass is there in the next one.
        let submission = scene.file(
            "s.py",
            "import os, time
line = input()
print(line)
if line.startswith('crash'): raise SystemExit(1)
assert not os.path.exists('/tmp/mark')
open('/tmp/mark', 'w').close()
if line.startswith('heavy'):
  x = bytearray(os.urandom(1 << 16)) * 1024
  while time.process_time() < 0.3: pass",
        );
        let report = report(&scene, &scene.path("p"), &submission);
        let found = tests(&report);
        let rows: Vec<(&str, &str)> =
            found.iter().map(|(verdict, message, _)| (verdict.as_str(), message.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("AC", "abc"),
                ("JE", "`nextpass.in` was written after pass 3, the last one"),
                ("WA", "abad"),
                ("JE", "`nextpass.in` was written, and the output is rejected"),
                ("JE", rows[4].1),
                ("AC", "a"),
                ("RTE", "exit code 1"),
                ("AC", "astop"),
                ("AC", "alink"),
                ("AC", "heavyb"),
            ],
            "{kind}"
        );
        assert!(rows[4].1.contains("exit code 1"), "{kind}: {}", rows[4].1);
        let passes: Vec<u64> =
            report["tests"].as_array().unwrap().iter().map(|test| test["passes"].as_u64().unwrap()).collect();
        assert_eq!(passes, [3, 3, 2, 2, 2, 1, 2, 2, 2, 2], "{kind}");
        // The most that any pass used, by its own clock.
        let heavy = &report["tests"][9];
        assert!(heavy["time_us"].as_u64() >= Some(300_000), "{kind}: {heavy}");
        assert!(heavy["memory_bytes"].as_u64() >= Some(64 << 20), "{kind}: {heavy}");
    }
}
