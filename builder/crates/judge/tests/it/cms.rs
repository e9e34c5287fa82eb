//! CMS, Italian format.

use judge::compare::{Compare, LineRules};
use judge::problem::{Aggregate, Checker, Io, Kind, Protocol};

use crate::sheet::{group, mistake, names, problem};

const TASK: &str = "name: sum\ntitle: A sum\ntime_limit: 1.0\nmemory_limit: 128\ninfile: ''\noutfile: ''\n";
const TESTS: [(&str, &str); 4] = [
    ("input/input0.txt", ""),
    ("input/input1.txt", ""),
    ("output/output0.txt", ""),
    ("output/output1.txt", ""),
];

fn files<'a>(task: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("task.yaml", task)][..], &TESTS, more].concat()
}

#[test]
fn tests_share_the_score_without_subtasks() {
    let problem = problem(&files(TASK, &[]));
    assert_eq!((problem.name.as_str(), names(&problem)), ("A sum", vec!["0", "1"]));
    assert_eq!((problem.limits.cpu_us, problem.limits.memory_bytes), (Some(1_000_000), Some(128 << 20)));
    assert_eq!((problem.checker, problem.io), (Checker::Builtin(Compare::Lines(LineRules::White)), Io::Std));
    assert_eq!((problem.root.score, problem.tests[0].points), (Aggregate::Sum, 50.0));
}

#[test]
fn tests_come_by_their_numbers() {
    let more = [
        ("input/input10.txt", ""),
        ("output/output10.txt", ""),
        ("input/input2.txt", ""),
        ("output/output2.txt", ""),
    ];
    assert_eq!(names(&problem(&files(TASK, &more))), ["0", "1", "2", "10"]);
}

#[test]
fn subtasks_come_from_gen() {
    let read = |task: &str, gen_file: &str| problem(&files(task, &[("gen/GEN", gen_file)]));
    let problem = read(TASK, "#ST: 30\n1\n#ST: 70\n2\n");
    let second = group(&problem.root, "2");
    assert_eq!((second.score, second.points, problem.tests[1].points), (Aggregate::Min, Some(70.0), 70.0));
    let mul = format!("{TASK}score_type: GroupMul\n");
    assert_eq!(group(&read(&mul, "#ST: 100\n1\n2\n").root, "1").score, Aggregate::Product);
    assert!(
        mistake(&files(TASK, &[("gen/GEN", "#ST: 100\n1\n")]))
            .contains("gen/GEN: it has 1 tests, input/ has 2")
    );
    assert!(mistake(&files(TASK, &[("gen/GEN", "#ST: 90\n1\n2\n")])).contains("worth 90 together, not 100"));
}

#[test]
fn the_task_may_list_its_subtasks() {
    let read = |score: &str| problem(&files(&format!("{TASK}{score}"), &[]));
    let counts = read("score_type: GroupMul\nscore_type_parameters: [[30, 1], [70, 1]]\n");
    assert_eq!((group(&counts.root, "2").score, counts.tests[1].points), (Aggregate::Product, 70.0));
    let patterns = read("score_type: GroupMin\nscore_type_parameters: [[30, '00[1]'], [70, '0.0']]\n");
    let points: Vec<f64> = patterns.tests.iter().map(|test| test.points).collect();
    assert_eq!((group(&patterns.root, "1").score, points), (Aggregate::Min, vec![70.0, 30.0]));
    let threshold = read("score_type: GroupThreshold\nscore_type_parameters: [[40, 2, 0.5]]\n");
    let only = group(&threshold.root, "1");
    assert_eq!((only.score, only.points), (Aggregate::Threshold(0.5), Some(40.0)));
    let each = read("score_type: Sum\nscore_type_parameters: 7\n");
    assert_eq!((each.root.score, each.tests[1].points), (Aggregate::Sum, 7.0));
    // It comes before gen/GEN.
    let task = format!("{TASK}score_type_parameters: [[10, 2]]\n");
    assert_eq!(problem(&files(&task, &[("gen/GEN", "#ST: 100\n1\n2\n")])).root.groups().count(), 1);
    let twice = read("score_type_parameters: [[30, '0.'], [70, '00[1]']]\n");
    assert_eq!(twice.unsupported, ["task.yaml: a test in more than one subtask"]);
    for (parameters, what) in [
        ("[[30, 3]]", "[30, 3] has tests that input/ lacks"),
        ("[[30, 9999999999999]]", "[30, 9999999999999] has tests that input/ lacks"),
        ("[[30, 1], [70, 18446744073709551615]]", "[70, 18446744073709551615] has tests that input/ lacks"),
        ("[[x, 1]]", "[x, 1] has no points"),
        ("[[30, '(']]", "[30, (] has no pattern"),
        ("[[30, '9']]", "[30, 9] has tests that input/ lacks"),
        ("[[30, 'x']]", "[30, x] has no tests"),
        ("[30]", "expected [POINTS, TESTS], found [30]"),
        ("much", "expected a number, or a list of subtasks"),
    ] {
        let said = mistake(&files(&format!("{TASK}score_type_parameters: {parameters}\n"), &[]));
        assert!(said.contains(what), "{parameters}: {said}");
    }
}

#[test]
fn a_manager_has_time_for_each_process() {
    let time = |seconds: u32| {
        let task = format!("name: sum\ntime_limit: {seconds}\nnum_processes: 3\n");
        let limits = problem(&files(&task, &[("check/manager.cpp", "")])).limits;
        (limits.check.cpu_us, limits.check.memory_bytes)
    };
    assert_eq!(time(1), (Some(10_000_000), Some(4 << 30)));
    assert_eq!(time(9), (Some(30_000_000), Some(4 << 30)));
    // A checker reads one output.
    let limits = problem(&files("name: sum\ntime_limit: 99\n", &[("check/checker.cpp", "")])).limits;
    assert_eq!(limits.check.cpu_us, Some(10_000_000));
}

#[test]
fn files_have_usual_names() {
    let problem = problem(&files("name: sum\n", &[]));
    assert_eq!(problem.io, Io::Files { input: "input.txt".to_owned(), output: "output.txt".to_owned() });
}

#[test]
fn a_file_of_input_or_output_is_in_one_directory() {
    for (names, what) in [
        ("infile: ../x", "`../x` is not the name of a file in a directory"),
        ("outfile: ..", "`..` is not the name of a file in a directory"),
        ("infile: x\noutfile: x", "`x` cannot be both input and output"),
    ] {
        let said = mistake(&files(&format!("name: sum\n{names}\n"), &[]));
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn checkers_managers_and_graders_are_programs() {
    let checker = problem(&files(TASK, &[("check/checker.cpp", "")]));
    let Checker::Program(program) = checker.checker else { panic!() };
    assert_eq!(
        (program.protocol, &program.files[..]),
        (Protocol::Cms, &["check/checker.cpp".to_owned()][..])
    );
    let task = format!("{TASK}num_processes: 2\n");
    let manager = problem(&files(&task, &[("check/manager.cpp", "")]));
    assert_eq!((manager.kind, manager.checker), (Kind::Communication(2), Checker::Interactor));
    assert_eq!(manager.limits.check.cpu_us, Some(10_000_000));
    let fifos = problem(&files(&format!("{task}user_io: fifo_io\n"), &[("check/manager.cpp", "")]));
    assert_eq!(
        (&fifos.tests[0].args[..], &fifos.io),
        (&["/dev/stdin", "/dev/stdout"].map(String::from)[..], &Io::Std)
    );
    assert!(mistake(&files(&format!("{task}user_io: pipes\n"), &[])).contains("not `pipes`"));
    let binary = problem(&files(TASK, &[("check/checker", "")]));
    assert_eq!(binary.unsupported, ["check/checker: a program without its source"]);
}

#[test]
fn graders_and_stubs_are_added_by_language() {
    let solutions = [
        ("sol/grader.cpp", ""),
        ("sol/grader.py", ""),
        ("sol/sum.h", ""),
        ("sol/sum.cpp", ""),
        ("sol/stub.cpp", ""),
    ];
    let batch = problem(&files(TASK, &solutions));
    let [cpp, python] = &batch.include[..] else { panic!("{:?}", batch.include) };
    assert_eq!(
        (cpp.language.as_deref(), &cpp.files[..]),
        (Some("cpp"), &["sol/grader.cpp", "sol/sum.h"].map(String::from)[..])
    );
    assert_eq!((cpp.entry.as_deref(), cpp.stem.as_deref()), (Some("grader.cpp"), Some("sum")));
    assert_eq!(
        (python.language.as_deref(), &python.files[..]),
        (Some("python"), &["sol/grader.py".to_owned()][..])
    );
    let talks = problem(&files(TASK, &[&solutions[..], &[("check/manager.cpp", "")]].concat()));
    assert_eq!(talks.include[0].entry.as_deref(), Some("stub.cpp"));
    // A stub opens FIFOs.
    assert_eq!(talks.tests[0].args, ["/dev/stdin", "/dev/stdout"]);
    let streams =
        files("name: sum\nuser_io: std_io\n", &[&solutions[..], &[("check/manager.cpp", "")]].concat());
    assert!(problem(&streams).tests[0].args.is_empty());
}

#[test]
fn a_submission_may_be_the_output() {
    let output = problem(&files(&format!("{TASK}output_only: true\n"), &[("sol/grader.cpp", "")]));
    assert_eq!((output.kind, output.io, output.include.len()), (Kind::SubmitAnswer, Io::Std, 0));
    assert_eq!(
        (&output.tests[0].submitted[..], &output.tests[1].submitted[..]),
        (&["output_000.txt".to_owned()][..], &["output_001.txt".to_owned()][..])
    );
    let some = problem(&files(&format!("{TASK}output_only_testcases: 1\n"), &[]));
    assert_eq!(some.unsupported, ["task.yaml: tests of which a submission may be the output"]);
}

#[test]
fn mistakes_are_named() {
    assert!(
        mistake(&files(&format!("{TASK}n_input: 3\n"), &[]))
            .contains("`n_input` is not the number of tests, 2")
    );
    assert!(mistake(&files(TASK, &[("input/input2.txt", "")])).contains("`output/output2.txt` is missing"));
    assert!(mistake(&files(&format!("{TASK}speed: 3\n"), &[])).starts_with("task.yaml:7: "));
}
