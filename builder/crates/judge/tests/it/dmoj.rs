//! DMOJ's problems.

use judge::compare::{Compare, LineRules, TokenRules};
use judge::problem::{Aggregate, Checker, Kind, Protocol, StopAt};

use crate::sheet::{group, mistake, names, problem};

const TESTS: [(&str, &str); 4] = [("1.in", ""), ("1.out", ""), ("2.in", ""), ("2.out", "")];

fn files<'a>(init: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("init.yml", init)][..], &TESTS, more].concat()
}

#[test]
fn cases_and_batches_have_points() {
    let init = "test_cases:
- {in: 1.in, out: 1.out, points: 5}
- {batched: [{in: 1.in, out: 1.out}, {in: 2.in, out: 2.out}], points: 15}
- {batched: [{in: 2.in, out: 2.out}], points: 80, dependencies: [1]}
";
    let problem = problem(&files(init, &[]));
    assert_eq!(names(&problem), ["1", "1/1", "1/2", "2/1"]);
    assert_eq!((problem.root.stop_at, group(&problem.root, "1").stop_at), (StopAt::Sample, StopAt::Failure));
    let second = group(&problem.root, "2");
    assert_eq!(
        (second.score, second.points, &second.requires[..]),
        (Aggregate::Min, Some(80.0), &["1".to_owned()][..])
    );
    assert_eq!(problem.tests.iter().map(|test| test.points).collect::<Vec<_>>(), [5.0, 15.0, 15.0, 80.0]);
    assert!(mistake(&files(&init.replace("[1]}", "[2]}"), &[])).contains("batch 2 depends on batch 2"));
    assert!(
        mistake(&files("test_cases: [{batched: [{batched: [{in: 1.in}]}]}]", &[])).contains("a batch in it")
    );
}

#[test]
fn the_standard_checker_tells_line_breaks_from_spaces() {
    let checker = |text: &str| problem(&files(text, &[("c.cpp", "")])).checker;
    let standard = TokenRules { case_sensitive: true, line_sensitive: true, ..TokenRules::default() };
    assert_eq!(checker("points: 1"), Checker::Builtin(Compare::Tokens(standard)));
    assert_eq!(checker("checker: identical"), Checker::Builtin(Compare::Lines(LineRules::Exact)));
    let floats = checker("checker: {name: floats, args: {precision: 3, error_mode: relative}}");
    let Checker::Builtin(Compare::Tokens(rules)) = floats else { panic!("{floats:?}") };
    assert_eq!((rules.absolute, rules.relative), (None, Some(1e-3)));
    let Checker::Program(program) =
        checker("checker: {name: bridged, args: {files: c.cpp, lang: CPP17, type: testlib}}")
    else {
        panic!()
    };
    assert_eq!((program.protocol, program.language.as_deref()), (Protocol::Testlib, Some("cpp")));
}

#[test]
fn types_of_checkers_are_protocols() {
    let read = |kind: &str| {
        let sheet = format!("checker: {{name: bridged, args: {{files: c.cpp, type: {kind}}}}}");
        let problem = problem(&files(&sheet, &[("c.cpp", "")]));
        let Checker::Program(program) = problem.checker else { panic!("{kind}") };
        (program.protocol, problem.unsupported.len())
    };
    assert_eq!(read("default"), (Protocol::Dmoj, 0));
    assert_eq!(read("coci"), (Protocol::Testlib, 0));
    assert_eq!(read("peg").1, 1);
}

#[test]
fn an_output_has_dmojs_limit_unless_the_problem_gives_one() {
    let limit = |text: &str| problem(&files(text, &[])).limits.output_bytes;
    assert_eq!([limit("points: 1"), limit("output_limit_length: 7")], [Some(25_165_824), Some(7)]);
}

#[test]
fn cases_without_points_are_worth_one() {
    let points = |text: &str| -> Vec<f64> {
        problem(&files(text, &[])).tests.iter().map(|test| test.points).collect()
    };
    assert_eq!(points("test_cases: [{in: 1.in, out: 1.out}]"), [1.0]);
    assert_eq!(points("points: 3\ntest_cases: [{in: 1.in, out: 1.out}, {in: 2.in, points: 4}]"), [3.0, 4.0]);
    assert_eq!(points("points: 3"), [3.0; 2]);
}

#[test]
fn tolerances_come_from_the_precision() {
    let rules = |text: &str| match problem(&files(text, &[])).checker {
        Checker::Builtin(Compare::Tokens(rules)) => (rules.case_sensitive, rules.absolute, rules.relative),
        other => panic!("{other:?}"),
    };
    let micro = Some(10_f64.powf(-6.0));
    assert_eq!(rules("checker: floats"), (true, micro, micro));
    assert_eq!(rules("checker: floatsabs"), (true, micro, None));
    assert_eq!(rules("checker: floatsrel"), (true, None, micro));
    assert_eq!(rules("checker: {name: floats, args: {error_mode: absolute}}"), (true, micro, None));
    let said = mistake(&files("checker: {name: floats, args: {error_mode: none}}", &[]));
    assert!(said.contains("unknown error_mode `none`"), "{said}");
    let trailing = problem(&files("checker: rstripped", &[])).checker;
    assert_eq!(trailing, Checker::Builtin(Compare::Lines(LineRules::Trailing)));
}

#[test]
fn what_needs_dmojs_runtime_is_said() {
    let unsupported = |text: &str| problem(&files(text, &[("c.py", "")])).unsupported;
    assert_eq!(unsupported("checker: c.py").len(), 1);
    assert_eq!(unsupported("custom_judge: c.py"), ["init.yml: a grader in Python"]);
    assert_eq!(unsupported("generator: c.py"), ["init.yml: a generator"]);
    assert_eq!(unsupported("signature_grader: {entry: c.py}"), ["init.yml: a signature grader"]);
    let case = "test_cases: [{in: 1.in, out: 1.out, checker: identical}]";
    assert_eq!(unsupported(case), ["init.yml: a checker of test 1 alone"]);
    for text in [
        "checker: {name: bridged, args: {files: c.py, args_format_string: '{output_file}'}}",
        "interactive: {files: c.py, args_format_string: '{answer_file}'}",
    ] {
        assert_eq!(unsupported(text), ["init.yml: arguments in an order of its own"]);
    }
    assert!(unsupported("points: 2").is_empty());
}

#[test]
fn an_interactor_is_a_program() {
    let problem = problem(&files("interactive: {files: c.cpp, type: testlib}", &[("c.cpp", "")]));
    assert_eq!((problem.kind, problem.checker), (Kind::Interactive, Checker::Interactor));
    assert!(mistake(&files("interactive: {files: gone.cpp}", &[])).contains("gone.cpp: the file is missing"));
    assert!(mistake(&files("archive: gone.zip", &[])).contains("gone.zip: the archive is missing"));
}
