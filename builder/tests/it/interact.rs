//! Interaction: each way in which a submission and an interactor can end, wait, flood and close, and who ended first.
//!
//! A problem has one test for each case: the interactor is what the input says, the submission what its argument says.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::judge::bundle;
use crate::scene::{Said, Scene, needs_root};

/// A case: its name, what the interactor does, what the submission does, the verdict, and who ended first, where that
/// is certain.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

const INTERACTOR: &str = "import os, sys, time\nexec(open(sys.argv[1]).read())\n";
const SUBMISSION: &str = "import os, signal, sys, time\nexec(sys.argv[1])\n";

/// Judges all cases with these limits, each so many times, and gives the results by the cases' names.
fn judged(limits: &str, cases: &[Case<'_>], times: usize) -> BTreeMap<String, Vec<Value>> {
    let scene = Scene::new();
    let sheet =
        format!("problem_format_version: 2025-09\nname: P\ntype: interactive\nlimits: {{{limits}}}\n");
    scene.file("p/problem.yaml", sheet);
    scene.file("p/output_validator/v.py", INTERACTOR);
    let submission = scene.file("s.py", SUBMISSION);
    for (name, interactor, submission, ..) in cases {
        for number in 0..times {
            let place = format!("p/data/secret/{name}-{number:04}");
            scene.file(&format!("{place}.in"), interactor);
            scene.file(&format!("{place}.ans"), "");
            scene.file(&format!("{place}.yaml"), format!("args: [{}]\n", Value::from(*submission)));
        }
    }
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(scene.path("p")).arg(submission);
    let said = Said::of(command.args(["--stop", "never", "--jobs", "4", "--report", "report.json"]));
    let report: Value =
        serde_json::from_str(&fs::read_to_string(scene.path("report.json")).unwrap()).unwrap();
    let mut results: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for test in report["tests"].as_array().unwrap_or_else(|| panic!("{report} {}", said.stderr)) {
        let name = test["name"].as_str().unwrap().strip_prefix("secret/").unwrap();
        results.entry(name.rsplit_once('-').unwrap().0.to_owned()).or_default().push(test.clone());
    }
    results
}

#[track_caller]
fn hold(limits: &str, cases: &[Case<'_>], times: usize) {
    let results = judged(limits, cases, times);
    let mut wrong = Vec::new();
    for (name, _, _, verdict, first) in cases {
        let results = &results[*name];
        assert_eq!(results.len(), times, "{name}");
        wrong.extend(results.iter().filter_map(|result| {
            let (found, who) = (&result["verdict"], &result["interaction"]["first"]);
            let is_right = found == verdict && (first.is_empty() || who == first);
            (!is_right).then(|| format!("{name}: {found} {who} {}", result["message"]))
        }));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const LIMITS: &str = "time_limit: 5, output: 1, validation_time: 5, validation_output: 1";
/// With these a wait ends soon.
const SHORT: &str = "time_limit: 0.2, validation_time: 0.2";

/// Each result of both, in both orders; and the hard ones, in which both end at once.
const ORDERS: [Case<'_>; 13] = [
    ("first-42-then-0", "sys.exit(42)", "sys.stdin.read()", "AC", "interactor"),
    ("first-42-then-1", "sys.exit(42)", "sys.stdin.read(); sys.exit(1)", "RTE", "interactor"),
    ("first-43-then-0", "sys.exit(43)", "sys.stdin.read()", "WA", "interactor"),
    ("first-43-then-1", "sys.exit(43)", "sys.stdin.read(); sys.exit(1)", "WA", "interactor"),
    ("first-1-then-0", "sys.exit(1)", "sys.stdin.read()", "JE", "interactor"),
    ("0-then-42", "sys.stdin.read(); sys.exit(42)", "", "AC", "submission"),
    ("1-then-42", "sys.stdin.read(); sys.exit(42)", "sys.exit(1)", "RTE", "submission"),
    ("0-then-43", "sys.stdin.read(); sys.exit(43)", "", "WA", "submission"),
    ("1-then-43", "sys.stdin.read(); sys.exit(43)", "sys.exit(1)", "RTE", "submission"),
    ("1-then-1", "sys.stdin.read(); sys.exit(1)", "sys.exit(1)", "JE", "submission"),
    // The interactor rejects what was said; it has not learned of the crash.
    (
        "garbage-then-crash",
        "line = sys.stdin.readline(); sys.exit(42 if line == 'right\\n' else 43)",
        "os.write(1, b'garbage\\n'); os.kill(os.getpid(), 11)",
        "WA",
        "interactor",
    ),
    // It works for a while on what was said, and the crash has long been seen.
    (
        "garbage-then-crash-slowly",
        "line = sys.stdin.readline(); sum(range(3000000)); sys.exit(43)",
        "os.write(1, b'garbage\\n'); os.kill(os.getpid(), 11)",
        "WA",
        "interactor",
    ),
    // The submission crashes because of the last word of the interactor.
    (
        "no-then-crash",
        "sys.stdin.readline(); print('no', flush=True); sys.exit(43)",
        "print(1, flush=True); assert input() == 'yes'",
        "WA",
        "interactor",
    ),
];

#[test]
fn each_order_of_each_result_has_its_verdict() {
    needs_root!();
    hold(LIMITS, &ORDERS, 1);
    // The hard ones are the last.
    hold(LIMITS, &ORDERS[10..], 3);
}

/// So many of each are one call of the judge.
const AT_ONCE: usize = 50;

/// `just repeat-interactions`: 1,000 times each.
#[test]
#[ignore = "takes a quarter of an hour"]
fn a_thousand_interactions_have_the_same_verdict() {
    needs_root!();
    let times = std::env::var("TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1000);
    // One call of the judge must not take as long as one that hangs.
    for _ in 0..times / AT_ONCE {
        hold(LIMITS, &ORDERS, AT_ONCE);
    }
}

#[test]
fn no_pair_blocks_and_limits_hold_on_each_side() {
    needs_root!();
    let flood = "while True: os.write(1, b'x' * 65536)";
    let million = "os.write(1, b'x' * (1 << 19)); sys.stdin.read(1 << 19)";
    let cases: [Case<'_>; 13] = [
        // Neither reads before it has written more than all pipes hold.
        ("both-write", &format!("{million}; sys.exit(42)"), million, "AC", ""),
        ("flood", "sys.stdin.read(); sys.exit(42)", flood, "OLE", "submission"),
        ("flood-unread", "time.sleep(0.5); sys.exit(42)", flood, "OLE", ""),
        ("interactor-floods", flood, "sys.stdin.read()", "JE", "interactor"),
        ("interactor-floods-late", flood, "", "JE", "interactor"),
        ("computes", "sys.stdin.read(); sys.exit(42)", "while True: pass", "TLE", "submission"),
        ("interactor-computes", "while True: pass", "input()", "JE", "interactor"),
        ("memory", "sys.stdin.read(); sys.exit(43)", "x = bytearray(1 << 29)", "MLE", "submission"),
        // An end of the output that is not the end of the run.
        ("interactor-closes", "os.close(1); sys.stdin.read(); sys.exit(42)", "sys.stdin.read()", "AC", ""),
        // Nobody gets SIGPIPE for an accepted end, nor for a submission that left.
        ("late-words", "sys.exit(42)", "sys.stdin.read(); os.write(1, b'x' * 100000)", "AC", "interactor"),
        ("left-early", "time.sleep(0.5); os.write(1, b'x' * 500000); sys.exit(42)", "", "AC", ""),
        // What the interactor has rejected is ended, whatever it does.
        (
            "deaf",
            "sys.exit(43)",
            "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\nwhile True:\n  try: os.write(1, b'x')\n  except OSError: pass",
            "WA",
            "interactor",
        ),
        (
            "sigpipe",
            "sys.exit(43)",
            "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nwhile True: print(1)",
            "WA",
            "interactor",
        ),
    ];
    let limits = "time_limit: 1, memory: 256, output: 1, validation_time: 1, validation_output: 1";
    hold(limits, &cases, 1);
}

#[test]
fn two_that_wait_for_each_other_are_ended() {
    needs_root!();
    let cases: [Case<'_>; 4] = [
        ("both-wait", "sys.stdin.readline(); sys.exit(43)", "input()", "TLE", "submission"),
        ("sleeps", "sys.stdin.readline(); sys.exit(43)", "time.sleep(1000)", "TLE", "submission"),
        // The end of the output is kept back until the run is over.
        (
            "closes-its-output",
            "sys.stdin.read(); sys.exit(43)",
            "os.close(1); sys.stdin.read()",
            "TLE",
            "submission",
        ),
        ("interactor-hangs", "sys.stdin.read(); time.sleep(1000)", "", "JE", "submission"),
    ];
    hold(SHORT, &cases, 1);
    // An interactor that computes for longer has limits of its own.
    let computes = "while time.process_time() < 2.5: pass\nprint(1, flush=True); sys.exit(42)";
    hold("time_limit: 0.2, validation_time: 20", &[("computes", computes, "input()", "AC", "interactor")], 1);
}

/// What is meant to be too slow may run for longer than the limit, so that it is seen how slow it is; by its own clock.
#[test]
fn a_talk_that_took_longer_than_its_limit_was_too_slow_although_it_ended() {
    needs_root!();
    let scene = Scene::new();
    let limits = "limits: {time_limit: 0.3, time_resolution: 0.1, time_multipliers: {time_limit_to_tle: 2}}";
    let sheet = format!("problem_format_version: 2025-09\nname: P\ntype: interactive\n{limits}\n");
    scene.file("p/problem.yaml", sheet);
    let validator = "import sys; sys.exit(42 if sys.stdin.readline() == 'done\\n' else 43)";
    scene.file("p/output_validator/v.py", validator);
    scene.file("p/data/secret/1.in", "");
    scene.file("p/data/secret/1.ans", "");
    let slow = "import time\nwhile time.process_time() < 0.4: pass\nprint('done')";
    scene.file("p/submissions/time_limit_exceeded/slow.py", slow);
    let mut command = scene.command();
    command.arg("judge").arg(bundle()).arg(scene.path("p"));
    let said = Said::of(command.args(["--no-cache", "--report", "report.json"]));
    let report = fs::read_to_string(scene.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let test = &report["submissions"][0]["judgement"]["tests"][0];
    assert_eq!((said.code, &test["verdict"]), (0, &"TLE".into()), "{}{}{test}", said.stdout, said.stderr);
    assert!(test["run"]["status"] == "ok" && test["first_run"].is_null(), "{test}");
}

#[test]
fn the_transcript_has_what_was_said_in_its_order() {
    needs_root!();
    let talk = "print('a', flush=True); sys.stdin.readline(); print('c', flush=True); sys.exit(42)";
    let cases: [Case<'_>; 1] =
        [("talk", talk, "input(); print('b', flush=True); input()", "AC", "interactor")];
    let result = judged(LIMITS, &cases, 1).remove("talk").unwrap().remove(0);
    let transcript = &result["interaction"]["transcript"];
    let lines = transcript["lines"].as_array().unwrap();
    let said: Vec<(&str, &str)> =
        lines.iter().filter_map(|line| Some((line["from"].as_str()?, line["text"].as_str()?))).collect();
    assert_eq!(said, [("interactor", "a\n"), ("submission", "b\n"), ("interactor", "c\n")]);
    assert!(lines.is_sorted_by_key(|line| line["time_us"].as_u64().unwrap()));
    assert_eq!((&transcript["submission_bytes"], &transcript["interactor_bytes"]), (&2.into(), &4.into()));
    assert!(result["interaction"]["run"]["guards"].is_object() && result["run"]["guards"].is_object());
}
