//! Polygon's full packages.

use judge::compare::{Compare, Testlib};
use judge::problem::{Aggregate, Bound, Checker, Io, Kind, Member, Protocol, StopAt, Verdict};

use crate::sheet::{group, mistake, names, problem};

const TESTS: [(&str, &str); 6] = [
    ("tests/01", ""),
    ("tests/01.a", ""),
    ("tests/02", ""),
    ("tests/02.a", ""),
    ("tests/03", ""),
    ("tests/03.a", ""),
];

fn xml(attributes: &str, tests: &str, assets: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8" standalone="no"?>
<problem revision="1" short-name="sum"><names><name language="russian" value="Сумма"/><name language="english" value="Sum"/></names>
<judging {attributes}><testset name="tests"><time-limit>1500</time-limit><memory-limit>268435456</memory-limit>
<test-count>3</test-count><input-path-pattern>tests/%02d</input-path-pattern>
<answer-path-pattern>tests/%02d.a</answer-path-pattern>{tests}</testset></judging>
<assets>{assets}</assets></problem>"#
    )
}

const PLAIN: &str = r#"<tests><test method="manual" sample="true"/><test cmd="gen 1" method="generated"/><test method="manual"/></tests>"#;

fn files<'a>(xml: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("problem.xml", xml)][..], &TESTS, more].concat()
}

#[test]
fn limits_names_and_tests_are_read() {
    let xml = xml(
        r#"input-file="" output-file="""#,
        PLAIN,
        r#"<checker name="std::wcmp.cpp" type="testlib"><source path="files/check.cpp" type="cpp.g++17"/></checker>"#,
    );
    let problem = problem(&files(&xml, &[]));
    assert_eq!((problem.name.as_str(), names(&problem)), ("Sum", vec!["1", "2", "3"]));
    assert_eq!((problem.limits.cpu_us, problem.limits.memory_bytes), (Some(1_500_000), Some(256 << 20)));
    assert_eq!(
        (&problem.io, &problem.checker),
        (&Io::Std, &Checker::Builtin(Compare::Testlib(Testlib::Wcmp)))
    );
    assert_eq!(problem.tests[1].answer.as_deref(), Some("tests/02.a"));
    assert!(
        problem.tests[0].sample
            && problem.root.stop_at == StopAt::Failure
            && problem.root.score == Aggregate::None
    );
}

#[test]
fn a_test_that_was_not_generated_is_missing() {
    let xml = xml("", PLAIN, "");
    let said = mistake(&[&[("problem.xml", xml.as_str())][..], &TESTS[..4]].concat());
    assert!(said.contains("tests/03: the test is missing") && said.contains("full package"), "{said}");
}

#[test]
fn groups_have_points_and_dependencies() {
    let tests = r#"<tests><test group="0" sample="true" points="0"/><test group="1" points="40"/><test group="1" points="60"/></tests>
        <groups><group name="0" points="0" points-policy="each-test"/>
        <group name="1" points="100" points-policy="complete-group"><dependencies><dependency group="0"/></dependencies></group></groups>"#;
    let xml = xml("", tests, "");
    let problem = problem(&files(&xml, &[]));
    let group = group(&problem.root, "1");
    assert_eq!(
        (group.score, group.points, &group.requires[..]),
        (Aggregate::PassFail, Some(100.0), &["0".to_owned()][..])
    );
    assert_eq!(problem.root.score, Aggregate::Sum);
    assert_eq!(problem.root.members.iter().filter(|member| matches!(member, Member::Group(_))).count(), 2);
    let gone = xml.replace(r#"<dependency group="0""#, r#"<dependency group="7""#);
    assert!(mistake(&files(&gone, &[])).contains("depends on `7`, which does not exist"));
}

#[test]
fn programs_and_solutions_are_found() {
    let assets = r#"<checker type="testlib"><source path="files/check.cpp" type="cpp.g++17"/></checker>
        <interactor><source path="files/interactor.cpp" type="cpp.g++17"/></interactor>
        <solutions><solution tag="main"><source path="solutions/a.cpp" type="cpp.g++17"/></solution>
        <solution tag="wrong-answer"><source path="solutions/b.py" type="python.3"/></solution></solutions>"#;
    let xml = xml(r#"input-file="sum.in" output-file="sum.out""#, PLAIN, assets);
    let more = [
        ("files/check.cpp", ""),
        ("files/testlib.h", ""),
        ("files/interactor.cpp", ""),
        ("solutions/a.cpp", ""),
        ("solutions/b.py", ""),
    ];
    let problem = problem(&files(&xml, &more));
    assert_eq!(problem.kind, Kind::Interactive);
    let Checker::Program(checker) = &problem.checker else { panic!("{:?}", problem.checker) };
    assert_eq!(
        (checker.protocol, &checker.files[..]),
        (Protocol::Testlib, &["files/check.cpp".to_owned(), "files/testlib.h".to_owned()][..])
    );
    assert_eq!(problem.submissions[1].expected.verdicts, Some([Verdict::WrongAnswer].into()));
    assert!(problem.submissions[0].expected.bounds(Bound::Lower));
    assert_eq!(problem.io, Io::Files { input: "sum.in".to_owned(), output: "sum.out".to_owned() });
    assert!(mistake(&files(&xml, &more[..1])).contains("files/interactor.cpp: the file is missing"));
}

#[test]
fn tags_of_solutions_are_verdicts() {
    use Verdict::{Accepted, MemoryLimit, RunTimeError, TimeLimit, WrongAnswer};
    for (tag, verdicts, bound) in [
        ("main", &[Accepted][..], Bound::Lower),
        ("accepted", &[Accepted], Bound::Lower),
        ("wrong-answer", &[WrongAnswer], Bound::None),
        ("presentation-error", &[WrongAnswer], Bound::None),
        ("time-limit-exceeded", &[TimeLimit], Bound::Upper),
        ("time-limit-exceeded-or-accepted", &[TimeLimit, Accepted], Bound::None),
        ("time-limit-exceeded-or-memory-limit-exceeded", &[TimeLimit, MemoryLimit], Bound::None),
        ("memory-limit-exceeded", &[MemoryLimit, RunTimeError], Bound::None),
        ("failed", &[RunTimeError], Bound::None),
        ("rejected", &[WrongAnswer, TimeLimit, MemoryLimit, RunTimeError], Bound::None),
        ("do-not-run", &[], Bound::None),
    ] {
        let assets =
            format!(r#"<solutions><solution tag="{tag}"><source path="a.py"/></solution></solutions>"#);
        let problem = problem(&files(&xml("", PLAIN, &assets), &[("a.py", "")]));
        let expected = &problem.submissions[0].expected;
        let wanted = (!verdicts.is_empty()).then(|| verdicts.iter().copied().collect());
        assert_eq!(expected.verdicts, wanted, "{tag}");
        let found = expected.rules.first().map(|rule| rule.bound).unwrap_or_default();
        assert_eq!(found, bound, "{tag}");
    }
}

#[test]
fn a_group_has_the_points_of_its_tests() {
    let tests =
        r#"<tests><test group="a" points="10"/><test points="5"/><test group="a" points="20"/></tests>"#;
    let policy = |policy: &str| {
        let groups = format!(r#"<groups><group name="a" points-policy="{policy}"/></groups>"#);
        xml("", &format!("{tests}{groups}"), "")
    };
    let each = problem(&files(&policy("each-test"), &[]));
    let a = group(&each.root, "a");
    assert_eq!((a.score, a.points, a.stop_at, a.tests()), (Aggregate::Sum, None, StopAt::Never, vec![0, 2]));
    assert_eq!(each.tests.iter().map(|test| test.points).collect::<Vec<_>>(), [10.0, 5.0, 20.0]);
    let complete = problem(&files(&policy("complete-group"), &[]));
    let a = group(&complete.root, "a");
    assert_eq!((a.score, a.points, a.stop_at), (Aggregate::PassFail, Some(30.0), StopAt::Failure));
    assert!(mistake(&files(&policy("none"), &[])).contains("unknown points-policy `none`"));
}

#[test]
fn another_testset_and_line_ends_of_windows_are_warnings() {
    let other = "<testset name=\"pretests\"><input-path-pattern>x%d</input-path-pattern><answer-path-pattern>y%d</answer-path-pattern></testset>";
    let sheet = xml("", PLAIN, "").replace("</judging>", &format!("{other}</judging>"));
    let mut all = files(&sheet, &[]);
    all[1].1 = "1\r\n2\r\n";
    let read = problem(&all);
    assert_eq!(read.tests.len(), 3);
    let wanted = [
        "problem.xml: the testset `pretests` is not used",
        "tests/01: its lines end with CR LF, and submissions read it as it is",
    ];
    assert_eq!(read.warnings, wanted);
}

#[test]
fn what_is_not_xml_is_refused() {
    for text in ["", "<problem", "<problem></problem>", "<problem><judging></judging></problem>", "\u{0}"] {
        assert!(mistake(&[("problem.xml", text)]).starts_with("problem.xml: "), "{text}");
    }
}
