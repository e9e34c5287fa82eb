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
fn files_have_usual_names() {
    let problem = problem(&files("name: sum\n", &[]));
    assert_eq!(problem.io, Io::Files { input: "input.txt".to_owned(), output: "output.txt".to_owned() });
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
    let grader = problem(&files(TASK, &[("sol/grader.cpp", ""), ("sol/sum.cpp", "")]));
    assert_eq!(grader.include["default"], ["sol/grader.cpp"]);
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
