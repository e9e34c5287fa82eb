//! What a submission and the programs of a problem see of each other, and whose limits each run has.

use std::fs;

use serde_json::Value;

use crate::judge::{command, scene};
use crate::scene::{Said, Scene, needs_root};

/// Which of these marks is in a file that the program can read. The image's own files are left out.
const SEARCH: &str = "import os, sys
def found(words):
  marks, hits = [b'MARK-' + word.encode() for word in words], []
  for place, directories, names in os.walk('/'):
    if place == '/':
      directories[:] = [name for name in directories if name not in ('proc', 'sys', 'dev', 'usr', 'lib', 'lib64')]
    for path in (os.path.join(place, name) for name in names):
      try:
        text = open(path, 'rb').read() if os.path.isfile(path) else b''
      except OSError:
        continue
      hits += [f'{mark} in {path}' for mark in marks if mark in text]
  return hits
";

/// A problem of two tests, each of whose files has a mark, and a checker that has one.
fn marked(scene: &Scene) {
    scene.file("p/problem.yaml", "validation: custom\nlimits: {time_limit: 20}\n");
    for test in ["1", "2"] {
        scene.file(&format!("p/data/secret/{test}.in"), format!("MARK-input{test}\n"));
        scene.file(&format!("p/data/secret/{test}.ans"), format!("MARK-answer{test}\n"));
    }
    // The first line is what the submission says: its user, and what it has found.
    let checker = "other = {'1': '2', '2': '1'}[open(sys.argv[2]).read()[11]]
hits = found(['submission', 'input' + other, 'answer' + other])
facts = [sys.stdin.readline().strip(), str(os.getuid()), os.readlink('/proc/self/ns/net'), str(hits)]
open(sys.argv[3] + 'judgemessage.txt', 'w').write(' '.join(facts))
sys.exit(42) # MARK-checker";
    scene.file("p/output_validators/v.py", format!("{SEARCH}{checker}\n"));
}

fn tests(scene: &Scene, submission: &str, options: &str) -> Vec<Value> {
    let (problem, submission) = (scene.path("p"), scene.path(submission));
    let said =
        Said::of(&mut command(scene, &problem, &submission, &format!("--report report.json {options}")));
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    report["tests"].as_array().unwrap_or_else(|| panic!("{report} {}", said.stderr)).clone()
}

#[test]
fn neither_a_submission_nor_a_checker_sees_what_is_not_its_own() {
    needs_root!();
    let scene = scene();
    marked(&scene);
    let words = "['input1', 'input2', 'answer1', 'answer2', 'checker']";
    let look =
        format!("print(os.getuid(), str(found({words})).replace(' ', ''), flush=True) # MARK-submission");
    scene.file("s.py", format!("{SEARCH}{look}\n"));
    for test in tests(&scene, "s.py", "--jobs 2 --stop never") {
        let message = test["message"].as_str().unwrap();
        let facts: Vec<&str> = message.splitn(5, ' ').collect();
        let [submission, found, checker, network, found_by_checker] = facts[..] else { panic!("{test}") };
        assert_eq!((&test["verdict"], found, found_by_checker), (&"AC".into(), "[]", "[]"), "{message}");
        assert_ne!(submission, checker, "they have one user: {message}");
        let of_host = fs::read_link("/proc/self/ns/net").unwrap();
        assert_ne!(network, of_host.to_str().unwrap(), "the checker has the host's network");
    }
}

/// Hydro's limits of time and memory, of a test of its own, and with the rates of a language.
#[test]
fn a_run_has_the_limits_of_its_test_times_the_rate_of_its_language() {
    needs_root!();
    let scene = scene();
    let sheet = "time: 2s\nmemory: 64m\ntime_limit_rate: {py: 3}\nmemory_limit_rate: {py: 2}
subtasks: [{type: sum, score: 100, cases: [{input: a, output: b}, {input: a, output: b, time: 4s, memory: 128m}]}]\n";
    scene.file("p/testdata/config.yaml", sheet);
    scene.file("p/testdata/a", "");
    scene.file("p/testdata/b", "");
    scene.file("s.py", "");
    scene.file("s.c", "int main(void) { return 0; }");
    for (submission, seconds, mebibytes) in [("s.c", [2, 4], [64, 128]), ("s.py", [6, 12], [128, 256])] {
        let tests = tests(&scene, submission, "");
        assert_eq!(tests.len(), 2);
        for ((test, seconds), mebibytes) in tests.iter().zip(seconds).zip(mebibytes) {
            assert_eq!(test["verdict"], "AC", "{test}");
            let limits = &test["run"]["limits"];
            assert_eq!(limits["memory_bytes"]["limit"], mebibytes << 20, "{submission}: {limits}");
            // A run may take longer by what its time can be off, a tenth at most.
            let cpu_us = limits["cpu_us"]["limit"].as_u64().unwrap();
            let limit_us = seconds * 1_000_000;
            assert!((limit_us..=limit_us * 11 / 10).contains(&cpu_us), "{submission}: {limits}");
        }
    }
}

/// Those that the problem gives them, and neither the submission's nor the bundle's.
#[test]
fn programs_of_a_problem_have_limits_of_their_own() {
    needs_root!();
    for kind in ["pass-fail", "interactive"] {
        let scene = scene();
        let limits = "time_limit: 3, memory: 200, output: 3, validation_time: 7, validation_memory: 150, validation_output: 5";
        let sheet = format!("problem_format_version: 2025-09\nname: P\ntype: {kind}\nlimits: {{{limits}}}\n");
        scene.file("p/problem.yaml", sheet);
        scene.file("p/output_validator/v.py", "import sys; sys.exit(42)");
        scene.file("p/data/secret/1.in", "");
        scene.file("p/data/secret/1.ans", "");
        scene.file("s.py", "");
        let test = tests(&scene, "s.py", "").remove(0);
        assert_eq!(test["verdict"], "AC", "{kind}: {test}");
        let program = if kind == "interactive" { &test["interaction"]["run"] } else { &test["check"] };
        let found = ["cpu_us", "memory_bytes", "output_bytes"].map(|name| &program["limits"][name]["limit"]);
        assert_eq!(found, [7_000_000, 150 << 20, 5 << 20], "{kind}: {program}");
        let found = ["memory_bytes", "output_bytes"].map(|name| &test["run"]["limits"][name]["limit"]);
        assert_eq!(found, [200 << 20, 3 << 20], "{kind}: {test}");
    }
}

#[test]
fn a_submission_gets_the_arguments_of_its_test() {
    needs_root!();
    let scene = scene();
    let head = "problem_format_version: 2025-09\nname: args\nuuid: 123e4567-e89b-12d3-a456-426614174000\n";
    scene.file("p/problem.yaml", format!("{head}limits: {{time_limit: 20}}\n"));
    for (test, answer) in [("1", "one two"), ("2", "none")] {
        scene.file(&format!("p/data/secret/{test}.in"), "");
        scene.file(&format!("p/data/secret/{test}.ans"), format!("{answer}\n"));
    }
    scene.file("p/data/secret/1.args", "one two\n");
    scene.file("a.py", "import sys\nprint(' '.join(sys.argv[1:]) or 'none')\n");
    let found = tests(&scene, "a.py", "--stop never");
    let verdicts: Vec<_> = found.iter().map(|test| test["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["AC", "AC"]);
}
