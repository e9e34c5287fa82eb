//! Hydro's exported problems.

use judge::compare::{Compare, LineRules, Testlib};
use judge::problem::{Aggregate, Checker, Io, Kind, Protocol, StopAt};

use crate::sheet::{group, mistake, names, problem};

const TESTS: [(&str, &str); 4] =
    [("testdata/a1.in", ""), ("testdata/a1.out", ""), ("testdata/a2.in", ""), ("testdata/a2.out", "")];

fn files(config: &str) -> Vec<(&str, &str)> {
    [&[("problem.yaml", "pid: P1\ntitle: A sum\ntag: []\n"), ("testdata/config.yaml", config)][..], &TESTS]
        .concat()
}

#[test]
fn without_a_list_tests_are_paired_by_name() {
    let problem = problem(&files("time: 500ms\nmemory: 64m"));
    assert_eq!((problem.name.as_str(), names(&problem)), ("A sum", vec!["a1", "a2"]));
    assert_eq!((problem.limits.cpu_us, problem.limits.memory_bytes), (Some(500_000), Some(64 << 20)));
    assert_eq!(problem.checker, Checker::Builtin(Compare::Lines(LineRules::Trailing)));
    assert_eq!((problem.root.score, problem.tests[1].points), (Aggregate::Sum, 50.0));
}

#[test]
fn hydros_own_limits_hold_when_none_are_given() {
    let problem = problem(&files(""));
    assert_eq!((problem.limits.cpu_us, problem.limits.memory_bytes), (Some(1_000_000), Some(256 << 20)));
}

#[test]
fn subtasks_have_types_scores_and_requirements() {
    let config = "subtasks:
- {id: 1, score: 30, type: min, cases: [{input: a1.in, output: a1.out, time: 2s}]}
- {id: 2, type: sum, if: [1], cases: [{input: a1.in, output: a1.out, score: 20}, {input: a2.in, output: a2.out}]}
";
    let problem = problem(&files(config));
    let [one, two] = ["1", "2"].map(|name| group(&problem.root, name));
    assert_eq!(
        (one.score, one.points, two.score, two.points),
        (Aggregate::Min, Some(30.0), Aggregate::Sum, Some(70.0))
    );
    assert_eq!((one.stop_at, two.stop_at), (StopAt::Nothing, StopAt::Never));
    assert_eq!(two.requires, ["1"]);
    assert_eq!(problem.tests.iter().map(|test| test.points).collect::<Vec<_>>(), [30.0, 20.0, 50.0]);
    assert_eq!(problem.tests[0].cpu_us, Some(2_000_000));
    assert!(mistake(&files(&config.replace("if: [1]", "if: [2]"))).contains("needs subtask `2`"));
    assert!(
        mistake(&files(&config.replace("a2.out", "a3.out"))).contains("testdata/a3.out: the file is missing")
    );
}

#[test]
fn names_make_subtasks_where_no_configuration_lists_them() {
    let names = ["easy-1", "easy-2", "hard_1", "rest"];
    let paths: Vec<[String; 2]> =
        names.iter().map(|name| ["in", "out"].map(|end| format!("testdata/{name}.{end}"))).collect();
    let mut files = vec![("testdata/config.yaml", "time: 1s\n")];
    files.extend(paths.iter().flatten().map(|path| (path.as_str(), "")));
    let problem = problem(&files);
    let [easy, hard] = ["easy", "hard"].map(|name| group(&problem.root, name));
    assert_eq!((easy.score, easy.points, easy.members.len()), (Aggregate::Min, Some(33.0), 2));
    assert_eq!((hard.score, hard.points, hard.members.len()), (Aggregate::Min, Some(33.0), 1));
    assert_eq!(problem.root.members.len(), 3);
    assert_eq!(problem.tests.iter().map(|test| test.points).collect::<Vec<_>>(), [33.0, 33.0, 33.0, 34.0]);
}

#[test]
fn rates_are_for_packs() {
    let config = "time_limit_rate: {py.py3: 3, py.py2: 3, cc: 0.5}\nmemory_limit_rate: {java: 2}";
    let read = problem(&files(config));
    assert_eq!(read.limits.time_rates, [("cpp".to_owned(), 0.5), ("python".to_owned(), 3.0)].into());
    assert_eq!(read.limits.memory_rates, [("java".to_owned(), 2.0)].into());
    assert!(read.warnings.is_empty() && read.unsupported.is_empty(), "{read:?}");
    let read = problem(&files("time_limit_rate: {cc: 1, cc.cc98: 2, py: 3, py.pypy3: 1}"));
    let rates = [("cpp", 1.0), ("pypy", 1.0), ("python", 3.0)].map(|(name, rate)| (name.to_owned(), rate));
    assert_eq!(read.limits.time_rates, rates.into());
    let what = "testdata/config.yaml: `time_limit_rate`: variants of cpp have the rate of all, 1";
    assert_eq!((&read.warnings[..], read.unsupported.is_empty()), (&[what.to_owned()][..], true));
    let read = problem(&files("memory_limit_rate: {cc.cc98: 2, cc.cc17: 3, py.py3: 2}"));
    assert_eq!(read.limits.memory_rates, [("python".to_owned(), 2.0)].into());
    assert_eq!(read.unsupported, ["testdata/config.yaml: `memory_limit_rate` with several rates for cpp"]);
}

#[test]
fn a_case_has_the_limits_of_its_subtask_unless_it_has_its_own() {
    let config = "subtasks: [{time: 3s, memory: 64m, cases: [{input: a1.in, output: a1.out}, {input: a2.in, output: a2.out, time: 1s, memory: 1m}]}]";
    let limits: Vec<_> =
        problem(&files(config)).tests.iter().map(|test| (test.cpu_us, test.memory_bytes)).collect();
    assert_eq!(limits, [(Some(3_000_000), Some(64 << 20)), (Some(1_000_000), Some(1 << 20))]);
}

#[test]
fn a_case_may_have_a_score_of_its_own() {
    let points = |keys: &str| {
        let cases =
            "cases: [{input: a1.in, output: a1.out, score: 10}, {input: a2.in, output: a2.out, score: 0}]";
        let read = problem(&files(&keys.replace("CASES", cases)));
        read.tests.iter().map(|test| test.points).collect::<Vec<_>>()
    };
    assert_eq!(points("CASES"), [10.0, 90.0]);
    assert_eq!(points("subtasks: [{score: 40, type: sum, CASES}]"), [10.0, 30.0]);
    // The least or the best score of a case is the subtask's.
    for kind in ["min", "max"] {
        assert_eq!(points(&format!("subtasks: [{{score: 40, type: {kind}, CASES}}]")), [10.0, 40.0]);
    }
}

#[test]
fn subtasks_of_other_types_are_read() {
    let score = |kind: &str| {
        let config =
            format!("subtasks: [{{id: 7, type: {kind}, cases: [{{input: a1.in, output: a1.out}}]}}]");
        group(&problem(&files(&config)).root, "7").score
    };
    // Without a type all cases must be right (packages/common/subtask.ts).
    assert_eq!([score("max"), score("sum"), score("''")], [Aggregate::Max, Aggregate::Sum, Aggregate::Min]);
    assert!(
        mistake(&files("subtasks: [{type: best, cases: [{input: a1.in}]}]")).contains("unknown type `best`")
    );
    let best = problem(&files("subtasks: [{type: max, cases: [{input: a1.in, output: a1.out}]}]"));
    assert_eq!(group(&best.root, "1").stop_at, StopAt::Everything);
    assert!(mistake(&files("subtasks: [{id: 3}]")).contains("subtask 3 lists no `cases`"));
    let old = problem(&[&files("")[..], &[("testdata/config.ini", "1")]].concat());
    assert_eq!(old.unsupported, ["testdata/config.ini: a list of tests of Vijos"]);
}

#[test]
fn each_checker_type_is_a_protocol() {
    for (kind, protocol) in [
        ("testlib", Protocol::Testlib),
        ("lemon", Protocol::Lemon),
        ("syzoj", Protocol::Syzoj),
        ("hustoj", Protocol::Hustoj),
        ("qduoj", Protocol::Qduoj),
        ("kattis", Protocol::Kattis),
    ] {
        let config = format!("checker_type: {kind}\nchecker: c.py\nmulti_pass: 4");
        let problem = problem(&[&files(&config)[..], &[("testdata/c.py", "")]].concat());
        let Checker::Program(program) = problem.checker else { panic!("{kind}") };
        assert_eq!((program.protocol, problem.passes), (protocol, 4));
    }
}

#[test]
fn checkers_have_protocols() {
    let checker = |config: &str| {
        problem(&[&files(config)[..], &[("testdata/c.cc", ""), ("testdata/x.h", "")]].concat()).checker
    };
    assert_eq!(checker("checker_type: strict"), Checker::Builtin(Compare::Lines(LineRules::CarriageReturns)));
    assert_eq!(
        checker("checker_type: testlib\nchecker: ncmp"),
        Checker::Builtin(Compare::Testlib(Testlib::Ncmp))
    );
    let Checker::Program(program) =
        checker("checker_type: syzoj\nchecker: {file: c.cc, lang: cc.cc17o2}\njudge_extra_files: [x.h]")
    else {
        panic!()
    };
    assert_eq!(
        (program.protocol, program.language.as_deref(), program.files.len()),
        (Protocol::Syzoj, Some("cpp"), 2)
    );
    assert!(
        mistake(&files("checker_type: testlib\nchecker: c.cc"))
            .contains("testdata/c.cc: the file is missing")
    );
    assert!(mistake(&files("checker_type: own")).contains("unknown checker_type `own`"));
}

#[test]
fn files_processes_and_interactors_are_read() {
    let with = |config: &str| problem(&[&files(config)[..], &[("testdata/i.cc", "")]].concat());
    assert_eq!(
        with("filename: sum").io,
        Io::Files { input: "sum.in".to_owned(), output: "sum.out".to_owned() }
    );
    let output = with("type: submit_answer\nsubType: multi\nfilename: part#.txt");
    assert_eq!((output.kind, output.io), (Kind::SubmitAnswer, Io::Std));
    assert_eq!(
        output.tests.iter().map(|test| test.submitted[0].as_str()).collect::<Vec<_>>(),
        ["part1.txt", "part2.txt"]
    );
    assert!(with("type: submit_answer").tests[0].submitted.is_empty());
    assert_eq!(with("langs: [cc.cc17o2, py.py3]").languages.unwrap(), ["cpp", "python"]);
    let extra = problem(&[&files("user_extra_files: [lib.h]")[..], &[("testdata/lib.h", "")]].concat());
    assert_eq!(
        (&extra.include[0].files[..], extra.unsupported.len()),
        (&["testdata/lib.h".to_owned()][..], 0)
    );
    for file in ["compile.sh", "lib.cc"] {
        let config = format!("user_extra_files: [{file}]");
        let path = format!("testdata/{file}");
        let script = problem(&[&files(&config)[..], &[(path.as_str(), "")]].concat());
        assert!(script.unsupported[0].contains(file), "{:?}", script.unsupported);
    }
    assert!(mistake(&files("user_extra_files: [gone.h]")).contains("testdata/gone.h: the file is missing"));
    assert_eq!(with("type: interactive\ninteractor: i.cc").kind, Kind::Interactive);
    assert_eq!(with("type: communication\nmanager: i.cc\nnum_processes: 3").kind, Kind::Communication(3));
    assert_eq!(with("type: communication\nmanager: i.cc").kind, Kind::Communication(2));
    assert_eq!(with("type: objective").unsupported.len(), 1);
    assert!(mistake(&files("type: interactive")).contains("missing"));
    assert!(mistake(&files("time: soon")).contains("`soon` is not a time"));
}
