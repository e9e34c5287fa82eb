//! testdata.yaml of legacy packages (PPF spec/legacy.md, "Test Data Groups" and "Graders").

use judge::problem::{Accept, Aggregate, Scores, StopAt};

use crate::sheet::{group, with_tests};

#[test]
fn keys_of_a_group_are_inherited_one_by_one() {
    let files = [
        ("problem.yaml", "type: scoring"),
        ("data/testdata.yaml", "grader_flags: ignore_sample\non_reject: continue\naccept_score: 3"),
        ("data/secret/g1/testdata.yaml", "grader_flags: min accept_if_any_accepted"),
    ];
    let problem = with_tests(&files, &["data/sample/1", "data/secret/g1/1", "data/secret/g2/1"]).unwrap();
    let [first, second] = ["secret/g1", "secret/g2"].map(|name| group(&problem.root, name));
    assert_eq!((first.score, first.accept, first.stop_at), (Aggregate::Min, Accept::Any, StopAt::Never));
    assert_eq!((second.score, second.accept, second.stop_at), (Aggregate::Sum, Accept::Worst, StopAt::Never));
    assert_eq!(problem.tests[1].points, 3.0);
    assert!(group(&problem.root, "sample").ignored && !group(&problem.root, "secret").ignored);
    let said =
        with_tests(&[("data/secret/testdata.yaml", "grader_flags: best")], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("no flag `best`"), "{said}");
}

#[test]
fn flags_of_the_default_grader_are_inherited() {
    let sheet = ("problem.yaml", "type: scoring");
    let flags = ("data/secret/testdata.yaml", "grader_flags: max accept_if_any_accepted");
    let other = ("data/secret/a/testdata.yaml", "on_reject: continue");
    let problem = with_tests(&[sheet, flags, other], &["data/secret/a/1"]).unwrap();
    let inner = group(&problem.root, "secret/a");
    assert_eq!((inner.score, inner.accept), (Aggregate::Max, Accept::Any));
}

#[test]
fn a_legacy_validator_gives_scores_where_the_problem_says_so() {
    for (validation, scores) in [("custom score", Scores::Required), ("custom", Scores::Forbidden)] {
        let sheet = format!("type: scoring\nvalidation: {validation}");
        let files = [("problem.yaml", sheet.as_str()), ("output_validators/v.py", "")];
        assert_eq!(with_tests(&files, &["data/secret/1"]).unwrap().tests[0].scores, scores);
    }
}

#[test]
fn a_group_may_have_the_problems_grader() {
    let files = [
        ("problem.yaml", "type: scoring"),
        ("data/testdata.yaml", "grader_flags: all"),
        ("data/secret/testdata.yaml", "grading: custom\ngrader_flags: best of"),
        ("graders/grade.py", ""),
        ("data/secret/b/testdata.yaml", "on_reject: continue"),
    ];
    let problem = with_tests(&files[..1], &["data/secret/1"]).unwrap();
    assert_eq!((problem.grader, problem.root.grader), (None, None));
    let said = with_tests(&files[1..2], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("the default grader has no flag `all`"), "{said}");
    let files = [files[0], files[2], files[3], files[4]];
    let problem = with_tests(&files, &["data/secret/1", "data/secret/a/1", "data/secret/b/1"]).unwrap();
    assert_eq!(problem.grader.unwrap().files, ["graders/grade.py"]);
    let flags = Some(["best", "of"].map(str::to_owned).to_vec());
    assert_eq!((&group(&problem.root, "secret").grader, &problem.root.grader), (&flags, &None));
    assert_eq!(
        ["secret/a", "secret/b"].map(|name| group(&problem.root, name).grader.clone()),
        [flags.clone(), flags]
    );
    let said = with_tests(&files[..2], &["data/secret/1"]).unwrap_err();
    assert!(said.contains("graders/ is empty"), "{said}");
}

#[test]
fn scores_of_a_legacy_test_come_from_its_group_or_from_the_problem() {
    let sheet = "type: scoring\ngrading: {accept_score: 5, reject_score: 1, on_reject: grade}";
    let files =
        [("problem.yaml", sheet), ("data/secret/b/testdata.yaml", "reject_score: 2\non_reject: break")];
    let problem = with_tests(&files, &["data/secret/a/1", "data/secret/b/1"]).unwrap();
    let points: Vec<_> = problem.tests.iter().map(|test| (test.points, test.reject_points)).collect();
    assert_eq!(points, [(5.0, 1.0), (5.0, 2.0)]);
    let stops = ["secret/a", "secret/b"].map(|name| group(&problem.root, name).stop_at);
    assert_eq!(stops, [StopAt::Never, StopAt::Failure]);
    let with_sheet = |sheet| with_tests(&[("problem.yaml", sheet)], &["data/secret/1"]).unwrap();
    let first = with_sheet("type: scoring\ngrading: {on_reject: first_error}");
    assert_eq!(group(&first.root, "secret").stop_at, StopAt::Failure);
    let plain = with_sheet("grading: {accept_score: 5, reject_score: 1}");
    assert_eq!((plain.tests[0].points, plain.tests[0].reject_points), (0.0, 0.0));
}

#[test]
fn the_default_grader_has_modes() {
    let read = |flags: &str| {
        let sheet = format!("grader_flags: {flags}");
        let files = [("problem.yaml", "type: scoring"), ("data/secret/testdata.yaml", sheet.as_str())];
        let problem = with_tests(&files, &["data/secret/1"]).unwrap();
        let secret = group(&problem.root, "secret");
        (secret.accept, secret.score)
    };
    for (flags, accept, score) in [
        ("''", Accept::Worst, Aggregate::Sum),
        ("first_error", Accept::First, Aggregate::Sum),
        ("worst_error avg", Accept::Worst, Aggregate::Average),
        ("always_accept min", Accept::Always, Aggregate::Min),
        ("accept_if_any_accepted max", Accept::Any, Aggregate::Max),
        // The last one of each kind counts.
        ("first_error max no_errors sum", Accept::Worst, Aggregate::Sum),
    ] {
        assert_eq!(read(flags), (accept, score), "{flags}");
    }
}
