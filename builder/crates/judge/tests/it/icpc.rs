//! ICPC and Kattis packages (PPF spec/legacy.md, spec/2025-09.md; DOMjudge's problem format).

use judge::compare::{Compare, TokenRules};
use judge::problem::{Aggregate, Bound, Checker, Format, Kind, Problem, Protocol, Scores, StopAt, Verdict};

use crate::sheet::{group, mistake, names, with_tests};

const NEW: &str = "problem_format_version: 2025-09\nname: Sum\nuuid: x\n";

fn legacy(sheet: &str, tests: &[&str]) -> Problem {
    with_tests(&[("problem.yaml", sheet)], tests).unwrap()
}

#[test]
fn samples_come_first_and_tests_by_their_names() {
    let problem = legacy(
        "name: Sum",
        &["data/secret/b/2", "data/secret/a", "data/sample/10", "data/sample/1", "data/secret/b/1"],
    );
    assert_eq!(names(&problem), ["sample/1", "sample/10", "secret/a", "secret/b/1", "secret/b/2"]);
    assert_eq!(
        (problem.format, problem.name.as_str(), problem.kind),
        (Format::KattisLegacy, "Sum", Kind::Batch)
    );
    assert!(problem.tests[0].sample && !problem.tests[2].sample);
}

#[test]
fn a_test_needs_both_halves() {
    assert_eq!(mistake(&[("data/secret/1.in", "")]), "data/secret/1.in: its answer `1.ans` is missing");
    assert_eq!(mistake(&[("data/secret/1.ans", "")]), "data/secret/1.ans: its input `1.in` is missing");
    assert!(mistake(&[("problem.yaml", "name: A")]).contains("no tests"));
    assert!(mistake(&[("data/secret/1.inn", "")]).contains("not a file of a test"));
}

#[test]
fn limits_have_units_of_their_own() {
    let problem = legacy(
        "limits: {time_limit: 1.5, memory: 64, output: 2, code: 4, validation_time: 9}",
        &["data/secret/1"],
    );
    let limits = &problem.limits;
    assert_eq!(
        (limits.cpu_us, limits.memory_bytes, limits.output_bytes),
        (Some(1_500_000), Some(64 << 20), Some(2 << 20))
    );
    assert_eq!((limits.code_bytes, limits.check.cpu_us), (Some(4096), Some(9_000_000)));
    let said = with_tests(&[("problem.yaml", "limits: {memory: -1}")], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("the limit `memory` cannot be -1"), "{said}");
}

#[test]
fn sources_of_a_time_limit_must_agree() {
    let limit =
        |files: &[(&str, &str)]| with_tests(files, &["data/secret/1"]).map(|problem| problem.limits.cpu_us);
    assert_eq!(limit(&[("domjudge-problem.ini", "timelimit = 2")]), Ok(Some(2_000_000)));
    assert_eq!(limit(&[(".timelimit", "3\n")]), Ok(Some(3_000_000)));
    assert_eq!(
        limit(&[("domjudge-problem.ini", "timelimit = 3"), (".timelimit", "3.0")]),
        Ok(Some(3_000_000))
    );
    let said = limit(&[("domjudge-problem.ini", "timelimit = 2"), (".timelimit", "3")]).unwrap_err();
    assert!(said.contains(".timelimit: its time limit is not that of domjudge-problem.ini"), "{said}");
}

#[test]
fn a_package_without_problem_yaml_is_domjudges() {
    let problem = with_tests(&[("domjudge-problem.ini", "name = 'A sum'")], &["data/secret/1"]).unwrap();
    assert_eq!((problem.format, problem.name.as_str()), (Format::IcpcLegacy, "A sum"));
}

#[test]
fn flags_of_the_default_comparison_are_read_for_each_group() {
    let files = [
        ("problem.yaml", "validator_flags: case_sensitive"),
        ("data/secret/testdata.yaml", "output_validator_flags: float_tolerance 1e-4"),
    ];
    let problem = with_tests(&files, &["data/sample/1", "data/secret/1", "data/secret/inner/1"]).unwrap();
    let rules = TokenRules { case_sensitive: true, ..TokenRules::default() };
    assert_eq!(problem.checker, Checker::Builtin(Compare::Tokens(rules)));
    let secret = TokenRules { absolute: Some(1e-4), relative: Some(1e-4), ..rules };
    let found: Vec<_> = problem.tests.iter().map(|test| test.compare).collect();
    assert_eq!(found, [None, Some(Compare::Tokens(secret)), Some(Compare::Tokens(secret))]);
    let said = with_tests(&[("problem.yaml", "validator_flags: fast")], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("no flag `fast`"), "{said}");
}

#[test]
fn groups_may_be_fifty_deep() {
    let deep = |depth: usize| format!("data/secret/{}1", "g/".repeat(depth));
    assert_eq!(legacy("name: A", &[&deep(50)]).tests.len(), 1);
    let said = with_tests(&[], &[&deep(70)]).unwrap_err();
    assert!(said.contains("deep"), "{said}");
}

#[test]
fn a_custom_validator_is_a_program() {
    let files = [
        ("problem.yaml", "validation: custom\nvalidator_flags: strict"),
        ("output_validators/check/check.h", ""),
        ("output_validators/check/validate.cpp", ""),
    ];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    let Checker::Program(program) = &problem.checker else { panic!("{:?}", problem.checker) };
    assert_eq!((program.protocol, &program.args[..]), (Protocol::Kattis, &["strict".to_owned()][..]));
    assert_eq!(program.files, ["output_validators/check/validate.cpp", "output_validators/check/check.h"]);
    assert_eq!(program.directory, "output_validators/check/");
    let said = with_tests(&[("problem.yaml", "validation: custom")], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("output_validators/ is empty"), "{said}");
}

#[test]
fn an_interactive_problem_has_its_validator_as_interactor() {
    let files = [("problem.yaml", "validation: custom interactive"), ("output_validators/talk.py", "")];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    assert_eq!((problem.kind, &problem.checker), (Kind::Interactive, &Checker::Interactor));
    assert_eq!(problem.interactor.unwrap().files, ["output_validators/talk.py"]);
    let new = format!("{NEW}type: [interactive, multi-pass]\nlimits: {{validation_passes: 3}}\n");
    let said = with_tests(&[("problem.yaml", &new)], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("needs an output validator"), "{said}");
    let passes = format!("{NEW}type: multi-pass\n");
    let said = with_tests(&[("problem.yaml", &passes)], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("needs an output validator"), "{said}");
    let files = [("problem.yaml", new.as_str()), ("output_validator/validate.py", "")];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    assert_eq!((problem.kind, problem.passes), (Kind::Interactive, 3));
}

#[test]
fn scores_of_2025_are_shared_by_the_tests_of_a_group() {
    let sheet = format!("{NEW}type: scoring\n");
    let files = [
        ("problem.yaml", sheet.as_str()),
        ("data/secret/a/test_group.yaml", "max_score: 40"),
        ("data/secret/b/test_group.yaml", "max_score: 60\nscore_aggregation: sum\nrequire_pass: [sample, a]"),
    ];
    let tests = ["data/sample/1", "data/secret/a/1", "data/secret/a/2", "data/secret/b/1", "data/secret/b/2"];
    let problem = with_tests(&files, &tests).unwrap();
    let [a, b, secret] = ["secret/a", "secret/b", "secret"].map(|name| group(&problem.root, name));
    assert_eq!((a.score, a.points, a.stop_at), (Aggregate::PassFail, Some(40.0), StopAt::Failure));
    assert_eq!((b.score, b.points, b.stop_at), (Aggregate::Sum, Some(60.0), StopAt::Never));
    assert_eq!((secret.score, secret.points), (Aggregate::Sum, Some(100.0)));
    assert_eq!(b.requires, ["sample", "secret/a"]);
    assert_eq!(
        problem.tests.iter().map(|test| test.points).collect::<Vec<_>>()[1..],
        [40.0, 40.0, 30.0, 30.0]
    );
    assert!(group(&problem.root, "sample").ignored && !secret.ignored);
    let scores: Vec<Scores> = problem.tests.iter().map(|test| test.scores).collect();
    let (forbidden, bounded) = (Scores::Forbidden, Scores::Bounded);
    assert_eq!(scores, [Scores::Ignored, forbidden, forbidden, bounded, bounded]);
    let open = ("data/secret/test_group.yaml", "max_score: unbounded");
    let problem = with_tests(&[files[0], open], &["data/secret/1", "data/secret/2"]).unwrap();
    assert_eq!((problem.tests[0].points, problem.tests[0].scores), (1.0, Scores::Required));
}

#[test]
fn a_failure_ends_a_package_of_2025_without_scores_wherever_it_is() {
    let problem = with_tests(&[("problem.yaml", NEW)], &["data/secret/a/1", "data/secret/a/2"]).unwrap();
    let stops = [&problem.root, group(&problem.root, "secret"), group(&problem.root, "secret/a")];
    assert_eq!(stops.map(|group| group.stop_at), [StopAt::Failure; 3]);
}

#[test]
fn mistakes_in_a_group_of_2025_are_named() {
    let sheet = format!("{NEW}type: scoring\n");
    let said = |group: &str| {
        let files = [
            ("problem.yaml", sheet.as_str()),
            ("data/secret/a/test_group.yaml", "max_score: 40\nscore_aggregation: sum"),
            ("data/secret/b/test_group.yaml", group),
        ];
        with_tests(&files, &["data/secret/a/1", "data/secret/b/1"]).unwrap_err()
    };
    assert!(said("max_score: none").contains("`max_score` is a number above 0"));
    assert!(said("score_aggregation: best").contains("pass-fail, sum or min, not `best`"));
    assert!(
        said("max_score: 60\nrequire_pass: [c]").contains("`secret/c`, which is not a group before this one")
    );
    assert!(
        said("max_score: 60\nrequire_pass: [b]").contains("`secret/b`, which is not a group before this one")
    );
    assert!(said("max_score: 60\nrequire_pass: [a]").contains("`secret/a`, which does not pass or fail"));
    assert!(said("{}").contains("data/secret/b: `max_score` must not be unbounded: it passes or fails"));
    assert!(said("score_aggregation: min").contains("must not be unbounded: secret has one"));
    assert!(said("max_scores: 3").contains("test_group.yaml:1:"));
    let deep = with_tests(&[("problem.yaml", NEW)], &["data/secret/a/b/1"]).unwrap_err();
    assert!(deep.contains("directly below secret"), "{deep}");
}

#[test]
fn a_test_of_2025_may_have_arguments_of_its_own() {
    let files = [
        ("problem.yaml", NEW),
        ("data/test_group.yaml", "output_validator_args: [float_tolerance, '1e-6']"),
        ("data/secret/1.yaml", "args: [-v]\noutput_validator_args: [case_sensitive]"),
    ];
    let problem = with_tests(&files, &["data/secret/1", "data/secret/2"]).unwrap();
    assert_eq!(problem.tests[0].args, ["-v"]);
    let rules = TokenRules { case_sensitive: true, ..TokenRules::default() };
    assert_eq!(problem.tests[0].compare, Some(Compare::Tokens(rules)));
    assert!(matches!(problem.tests[1].compare, Some(Compare::Tokens(TokenRules { absolute: Some(_), .. }))));
}

#[test]
fn submissions_are_expected_to_do_what_their_directory_says() {
    let files = [
        ("submissions/accepted/a.py", ""),
        ("submissions/wrong_answer/b/main.cpp", ""),
        ("submissions/wrong_answer/b/other.h", ""),
        ("submissions/mixed/c.py", "# @EXPECTED_RESULTS@: timelimit, WRONG-ANSWER\n"),
    ];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    let [a, c, b] = &problem.submissions[..] else { panic!("{:?}", problem.submissions) };
    assert_eq!((a.name.as_str(), a.expected.bounds(Bound::Lower)), ("accepted/a.py", true));
    assert_eq!(c.expected.verdicts, Some([Verdict::TimeLimit, Verdict::WrongAnswer].into()));
    assert_eq!((b.files.len(), b.directory.as_str()), (2, "submissions/wrong_answer/b/"));
    assert_eq!(b.expected.rules[0].required, Some([Verdict::WrongAnswer].into()));
    let said = |text: &str| with_tests(&[("submissions/mixed/c.py", text)], &["data/secret/1"]).unwrap_err();
    assert!(said("\n# @EXPECTED_RESULTS@: GOOD").contains("c.py:2: `GOOD` is not a result"));
    assert!(said("# @EXPECTED_RESULTS@: CORRECT\n# @EXPECTED_RESULTS@: CORRECT").contains("a second"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let files = [
        ("problem.yaml", "type: scoring\nvalidation: custom"),
        ("data/secret/testdata.yaml", "grading: custom"),
        ("graders/a/build", ""),
        ("graders/b.py", ""),
        ("output_validators/a/build", ""),
        ("output_validators/b.py", ""),
        ("static_validator/v.py", ""),
        ("data/secret/1.files/x", ""),
    ];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    let wanted = [
        "output_validators/: more than one validator",
        "output_validators/a/: a validator with a script `build`",
        "graders/: more than one grader",
        "graders/a/: a grader with a script `build`",
        "static_validator/: a static validator",
        "data/: files of a test (`.files`)",
    ];
    assert_eq!(problem.unsupported, wanted);
    for directory in ["input_validators", "input_format_validators", "input_validator"] {
        let path = format!("{directory}/v.py");
        let warnings = with_tests(&[(&path, "")], &["data/secret/1"]).unwrap().warnings;
        assert_eq!(warnings, [format!("{directory}/ is not run: it checks the tests, and not submissions")]);
    }
    let said = with_tests(&[("problem.yaml", "grading: {objective: min}")], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("`objective: min`"), "{said}");
}

#[test]
fn constants_have_values_and_variants() {
    let sheet =
        format!("{NEW}type: scoring\nconstants: {{n: 100, eps: 1.0, name: {{value: x y, tex: '10^2'}}}}\n");
    let files = [
        ("problem.yaml", sheet.as_str()),
        (
            "data/secret/test_group.yaml",
            "max_score: {{n}}\noutput_validator_args: ['float_tolerance', '{{eps}}']",
        ),
    ];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    let constants = [("eps", "1.0"), ("n", "100"), ("name", "x y"), ("name.tex", "10^2")];
    let constants = constants.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(problem.constants, constants.into());
    assert_eq!(group(&problem.root, "secret").points, Some(100.0));
    let tolerance = TokenRules { absolute: Some(1.0), relative: Some(1.0), ..TokenRules::default() };
    assert_eq!(problem.tests[0].compare, Some(Compare::Tokens(tolerance)));
    let sheet = format!("{NEW}constants: {{n: {{tex: x}}}}");
    let said = with_tests(&[("problem.yaml", &sheet)], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("the constant `n` has no `value`"), "{said}");
}

#[test]
fn constants_do_not_make_a_short_sheet_long() {
    let sheet = format!("{NEW}type: scoring\nconstants: {{n: {}}}\n", "x".repeat(900_000));
    let group = format!("args: [{}]", "'{{n}}',".repeat(40_000));
    let files = [("problem.yaml", sheet.as_str()), ("data/secret/test_group.yaml", group.as_str())];
    let said = with_tests(&files, &["data/secret/1"]).unwrap_err();
    let what = "data/secret/test_group.yaml: with its constants filled in, it is longer than 4194304 bytes, the most";
    assert!(said.contains(what), "{said}");
}

#[test]
fn names_with_other_characters_are_not_of_a_package() {
    let problem = with_tests(
        &[("problem.yaml", NEW), ("data/secret/b c.in", ""), ("data/secret/-d.in", "")],
        &["data/secret/1"],
    );
    let problem = problem.unwrap();
    assert_eq!(names(&problem), ["secret/1"]);
    assert_eq!(problem.warnings.len(), 2, "{:?}", problem.warnings);
    assert!(problem.warnings[1].starts_with("data/secret/b c.in: it is left out"), "{:?}", problem.warnings);
    // Before 2025-09, judges read them.
    assert_eq!(names(&legacy("name: A", &["data/secret/b c"])), ["secret/b c"]);
}

#[test]
fn a_draft_may_have_the_names_of_before_and_of_after() {
    for version in ["2023-07-draft", "2023-07", "draft"] {
        let sheet = format!("problem_format_version: {version}\nname: A\nlimits: {{time_limit: 1.5}}\n");
        let files = [
            ("problem.yaml", sheet.as_str()),
            ("data/secret/testdata.yaml", "output_validator_flags: case_sensitive"),
            ("data/secret/2.args", "-v  7\n"),
            ("data/invalid_output/3.in", ""),
        ];
        let problem = with_tests(&files, &["data/secret/1", "data/secret/2"]).unwrap();
        let rules = TokenRules { case_sensitive: true, ..TokenRules::default() };
        assert_eq!(
            (problem.format, problem.tests[0].compare),
            (Format::Kattis2025, Some(Compare::Tokens(rules)))
        );
        assert_eq!(
            (problem.tests.len(), &problem.tests[1].args[..]),
            (2, &["-v", "7"].map(str::to_owned)[..])
        );
        assert_eq!(problem.warnings, ["problem.yaml: `time_limit` is not a multiple of `time_resolution`"]);
        let many = with_tests(&[files[0], ("output_validators/v.py", "")], &["data/secret/1"]).unwrap();
        assert!(matches!(many.checker, Checker::Program(_)));
    }
    let sheet = format!("{NEW}type: multi-pass\nlimits: {{time_limit: 1.5, time_resolution: 0.5}}\n");
    let files = [("problem.yaml", sheet.as_str()), ("output_validator/v.py", "")];
    let problem = with_tests(&files, &["data/secret/1"]).unwrap();
    assert_eq!((problem.passes, problem.warnings.len()), (2, 0));
}

#[test]
fn each_test_of_a_least_score_can_have_all_of_it() {
    let sheet = format!("{NEW}type: scoring\n");
    let files = [
        ("problem.yaml", sheet.as_str()),
        ("data/secret/a/test_group.yaml", "max_score: 40\nscore_aggregation: min"),
    ];
    let problem = with_tests(&files, &["data/secret/a/1", "data/secret/a/2"]).unwrap();
    assert_eq!(group(&problem.root, "secret/a").score, Aggregate::Min);
    assert_eq!(problem.tests.iter().map(|test| test.points).collect::<Vec<_>>(), [40.0, 40.0]);
}

#[test]
fn files_are_added_by_language() {
    let sheet = "problem_format_version: 2025-09\nname: A\nuuid: x\nlanguages: [cpp, python3]\n";
    let problem = with_tests(
        &[
            ("problem.yaml", sheet),
            ("include/cpp/main.cpp", ""),
            ("include/cpp/lib/a.h", ""),
            ("include/default/data.txt", ""),
            ("include/python3/tools.py", ""),
        ],
        &["data/secret/1"],
    );
    let problem = problem.unwrap();
    let include: Vec<_> = problem
        .include
        .iter()
        .map(|include| (include.language.as_deref(), include.files.len(), include.entry.as_deref()))
        .collect();
    // Those of a language come last: they replace the others.
    assert_eq!(include, [(None, 1, None), (Some("cpp"), 2, Some("main.cpp")), (Some("python"), 1, None)]);
    assert_eq!(problem.languages.unwrap(), ["cpp", "python"]);
}

#[test]
fn a_submission_that_is_the_output_has_a_file_for_each_test() {
    let sheet = "problem_format_version: 2025-09\nname: A\nuuid: x\ntype: submit-answer\n";
    let problem = with_tests(&[("problem.yaml", sheet)], &["data/secret/1"]).unwrap();
    assert_eq!(problem.tests[0].submitted, ["secret/1.out", "secret/1.ans", "1.out", "1.ans"]);
}
