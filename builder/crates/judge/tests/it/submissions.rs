//! What submissions of a problem are expected to get (PPF spec/2025-09.md, "Example submissions"; DOMjudge's annotations).

use judge::problem::Verdict::{Accepted, RunTimeError, TimeLimit, WrongAnswer};
use judge::problem::{Bound, Example, Problem};

use crate::sheet::with_tests;

const NEW: &str = "problem_format_version: 2025-09\nname: Sum\nuuid: x\n";

fn read(sheet: &str, files: &[(&str, &str)]) -> Result<Problem, String> {
    let own = [("problem.yaml", NEW), ("submissions/submissions.yaml", sheet)];
    with_tests(&[&own, files].concat(), &["data/secret/1"])
}

fn example<'a>(problem: &'a Problem, name: &str) -> &'a Example {
    problem.submissions.iter().find(|example| example.name == name).unwrap()
}

#[test]
fn directories_mean_what_the_format_says() {
    let bounds = |sheet: &str, names: &[&str]| -> Vec<Bound> {
        let paths: Vec<String> = names.iter().map(|name| format!("submissions/{name}/a.py")).collect();
        let files = paths.iter().map(|path| (path.as_str(), "")).chain([("problem.yaml", sheet)]);
        let problem = with_tests(&files.collect::<Vec<_>>(), &["data/secret/1"]).unwrap();
        let rule = |name: &&str| example(&problem, &format!("{name}/a.py")).expected.rules[0].clone();
        names.iter().map(|name| rule(name).bound).collect()
    };
    let names =
        ["accepted", "wrong_answer", "time_limit_exceeded", "run_time_error", "brute_force", "rejected"];
    use Bound::{Lower, None, Upper};
    assert_eq!(bounds(NEW, &names), [Lower, Lower, Upper, Lower, None, None]);
    assert_eq!(bounds("name: Sum", &names[..4]), [Lower, None, Upper, None]);
}

#[test]
fn each_directory_permits_and_requires() {
    use judge::problem::Verdict;
    type Row<'a> = (&'a str, &'a [Verdict], &'a [Verdict]);
    let (ac, wa, tle, rte) = (Accepted, WrongAnswer, TimeLimit, RunTimeError);
    let new: &[Row<'_>] = &[
        ("accepted", &[ac], &[]),
        ("rejected", &[], &[rte, tle, wa]),
        ("wrong_answer", &[ac, wa], &[wa]),
        ("time_limit_exceeded", &[ac, tle], &[tle]),
        ("run_time_error", &[ac, rte], &[rte]),
        ("brute_force", &[ac, rte, tle], &[rte, tle]),
    ];
    let legacy: &[Row<'_>] = &[
        ("accepted", &[ac], &[]),
        ("wrong_answer", &[ac, wa], &[wa]),
        ("time_limit_exceeded", &[ac, tle, wa], &[tle]),
        ("run_time_error", &[], &[rte]),
    ];
    for (sheet, rows) in [(NEW, new), ("name: Sum", legacy)] {
        for (directory, permitted, required) in rows {
            // A word in the source of such a submission means nothing.
            let path = format!("submissions/{directory}/a.py");
            let files = [("problem.yaml", sheet), (path.as_str(), "# @EXPECTED_RESULTS@: COMPILER-ERROR\n")];
            let problem = with_tests(&files, &["data/secret/1"]).unwrap();
            let expected = &problem.submissions[0].expected;
            let set =
                |verdicts: &[Verdict]| (!verdicts.is_empty()).then(|| verdicts.iter().copied().collect());
            let rule = &expected.rules[0];
            let found = (&rule.permitted, &rule.required, &expected.verdicts);
            assert_eq!(found, (&set(permitted), &set(required), &None), "{directory}");
        }
    }
    let partial = [("problem.yaml", "type: scoring"), ("submissions/partially_accepted/a.py", "")];
    let problem = with_tests(&partial, &["data/secret/1"]).unwrap();
    let expected = &problem.submissions[0].expected;
    assert_eq!((expected.is_partial, &expected.verdicts), (true, &Some([ac].into())));
}

#[test]
fn domjudges_words_are_verdicts() {
    use judge::problem::Verdict::{CompileError, OutputLimit};
    for (word, verdict) in [
        ("CORRECT", Some(Accepted)),
        ("accepted", Some(Accepted)),
        ("WRONG-ANSWER", Some(WrongAnswer)),
        ("wrong_answer */", Some(WrongAnswer)),
        ("NO-OUTPUT", Some(WrongAnswer)),
        ("TIMELIMIT", Some(TimeLimit)),
        ("TIME_LIMIT_EXCEEDED", Some(TimeLimit)),
        ("RUN-ERROR", Some(RunTimeError)),
        ("RUN_TIME_ERROR", Some(RunTimeError)),
        ("COMPILER-ERROR", Some(CompileError)),
        ("OUTPUT-LIMIT", Some(OutputLimit)),
        ("CHECK-MANUALLY", None),
        ("WRONG-ANSWER, CHECK-MANUALLY", None),
    ] {
        let source = format!("/* @EXPECTED_RESULTS@: {word}\n");
        let problem = with_tests(&[("submissions/mixed/a.c", &source)], &["data/secret/1"]).unwrap();
        let wanted = verdict.map(|verdict| [verdict].into());
        assert_eq!(problem.submissions[0].expected.verdicts, wanted, "{word}");
    }
}

#[test]
fn the_sheet_adds_rules_and_replaces_those_of_a_directory() {
    let sheet = "accepted/{a,b}.py:\n  language: python\n  entrypoint: b.py\n  message: well done\n  \
        use_for_time_limit: false\n  permitted: [AC]\n\
        time_limit_exceeded:\n  permitted: [AC, WA, TLE]\n\
        mixed/*:\n  score: [10, 20]\n  authors: [somebody]\n  sample:\n    permitted: [AC]\n  secret/*-hard:\n    required: [TLE]\n";
    let files = [
        ("submissions/accepted/a.py", ""),
        ("submissions/accepted/c.py", ""),
        ("submissions/time_limit_exceeded/a.py", ""),
        ("submissions/mixed/a.py", ""),
    ];
    let problem = read(sheet, &files).unwrap();
    let a = example(&problem, "accepted/a.py");
    assert_eq!((a.language.as_deref(), a.entry.as_deref()), (Some("python"), Some("b.py")));
    let rules: Vec<_> = a.expected.rules.iter().map(|rule| (rule.bound, rule.message.as_deref())).collect();
    assert_eq!(rules, [(Bound::Lower, None), (Bound::None, Some("well done"))]);
    assert_eq!(example(&problem, "accepted/c.py").expected.rules.len(), 1);
    let slow = &example(&problem, "time_limit_exceeded/a.py").expected.rules;
    assert_eq!(slow[0].permitted, Some([Accepted, WrongAnswer, TimeLimit].into()));
    assert_eq!((slow.len(), slow[0].required.clone()), (1, Some([TimeLimit].into())));
    let mixed = &example(&problem, "mixed/a.py").expected;
    let parts: Vec<_> = mixed.rules.iter().map(|rule| (rule.part.as_str(), rule.score, rule.bound)).collect();
    assert_eq!(
        parts,
        [
            ("", Some([10.0, 20.0]), Bound::None),
            ("sample", None, Bound::Lower),
            ("secret/*-hard", None, Bound::Upper)
        ]
    );
    assert_eq!(mixed.to_string(), "score 10 to 20, AC in sample, TLE in secret/*-hard");
}

#[test]
fn a_submission_may_bound_the_time_limit_by_name() {
    let files = [("submissions/mixed/a.py", "")];
    let rule = |text: &str| read(&format!("mixed/a.py: {{use_for_time_limit: {text}}}"), &files).unwrap();
    let lower = &rule("lower").submissions[0].expected.rules[0];
    assert_eq!(lower.permitted, Some([Accepted, WrongAnswer, RunTimeError].into()));
    assert_eq!(rule("upper").submissions[0].expected.rules[0].required, Some([TimeLimit].into()));
}

#[test]
fn mistakes_in_the_sheet_are_named() {
    let said = |sheet: &str| read(sheet, &[("submissions/accepted/a.py", "")]).unwrap_err();
    for (sheet, what) in [
        ("accepted:\n  permited: [AC]\n", "submissions.yaml:2: unknown key `permited`"),
        ("accepted:\n  permitted: [MLE]\n", "expected AC, WA, TLE or RTE, found `MLE`"),
        ("accepted: {score: [3, 2]}", "`score` is a number, or the least and the largest one"),
        ("accepted: {use_for_time_limit: maybe}", "`use_for_time_limit` is true, false, lower or upper"),
        ("'**/a': {}", "it has only `*` and `{a,b}`"),
        ("accepted: {'secret/[a]': {}}", "it has only `*` and `{a,b}`"),
    ] {
        assert!(said(sheet).contains(what), "{sheet}: {}", said(sheet));
    }
}

#[test]
fn every_format_has_submissions() {
    for files in [
        &[("1.in", ""), ("1.ans", "")][..],
        &[("init.yml", "test_cases: [{in: 1.in, out: 1.out}]"), ("1.in", ""), ("1.out", "")],
        &[("testdata/config.yaml", "cases: [{input: a, output: a}]"), ("testdata/a", ""), ("x", "")],
        &[("task.yaml", "name: a\nn_input: 1"), ("input/input0.txt", ""), ("output/output0.txt", "")],
    ] {
        let all = [files, &[("submissions/wrong_answer/a.py", "")][..]].concat();
        let problem = with_tests(&all, &[]).unwrap();
        assert_eq!(problem.submissions.len(), 1, "{:?}", problem.format);
        assert_eq!(problem.submissions[0].expected.to_string(), "WA", "{:?}", problem.format);
    }
}

#[test]
fn domjudge_may_name_a_score() {
    let problem = with_tests(
        &[("submissions/mixed/c.py", "# @EXPECTED_SCORE@: 30\n# @EXPECTED_RESULTS@: correct")],
        &["data/secret/1"],
    )
    .unwrap();
    assert_eq!(problem.submissions[0].expected.to_string(), "AC, score 30");
}
