//! CMS, Italian format: task.yaml, input/ and output/.

use serde::Deserialize;

use super::cms_score::{self, Parameters, Rules};
use super::plain::empty;
use super::yaml::{self, Ignored, Number, Text};
use super::{amount, language, plain};
use crate::compare::{Compare, LineRules};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Checker, Format, Include, Io, Kind, Problem, Program, Protocol, StepLimits, Test};

const SHEET: &str = "task.yaml";
/// Solutions, and what is compiled with them.
const SOLUTIONS: &str = "sol/";
/// What CMS lets a checker or a manager use (cms/conf.py, SandboxConfig).
const TRUSTED: StepLimits =
    StepLimits { cpu_us: Some(10_000_000), memory_bytes: Some(4 << 30), output_bytes: None };

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Task {
    name: Option<Text>,
    nome_breve: Option<Text>,
    title: Option<Text>,
    nome: Option<Text>,
    time_limit: Option<Number>,
    timeout: Option<Number>,
    memory_limit: Option<Number>,
    memlimit: Option<Number>,
    infile: Option<Text>,
    outfile: Option<Text>,
    n_input: Option<Number>,
    total_value: Option<Number>,
    score_type: Option<Text>,
    score_type_parameters: Parameters,
    output_only: bool,
    num_processes: Option<Number>,
    user_io: Option<Text>,
    output_only_testcases: Option<Text>,
    output_optional_testcases: Option<Text>,
    public_testcases: Ignored,
    risultati: Ignored,
    score_precision: Ignored,
    score_mode: Ignored,
    feedback_level: Ignored,
    token_mode: Ignored,
    token_max_number: Ignored,
    token_min_interval: Ignored,
    token_gen_initial: Ignored,
    token_gen_number: Ignored,
    token_gen_interval: Ignored,
    token_gen_max: Ignored,
    token_initial: Ignored,
    max_submission_number: Ignored,
    max_user_test_number: Ignored,
    min_submission_interval: Ignored,
    min_user_test_interval: Ignored,
    primary_language: Ignored,
    version: Ignored,
    difficulty: Ignored,
    syllabuslevel: Ignored,
}

pub(super) fn read(files: &Files) -> Result<Problem, Error> {
    let task: Task = yaml::read(files, SHEET)?;
    let mut problem = empty(Format::Cms);
    let wrong = |what: &str| files.error(Mistake::new(SHEET, what));
    let name = [&task.title, &task.nome, &task.name, &task.nome_breve].into_iter().flatten().next();
    problem.name = name.map(|name| name.0.clone()).unwrap_or_default();
    problem.limits.cpu_us = task.time_limit.or(task.timeout).and_then(|seconds| amount::seconds(seconds.0));
    let memory = task.memory_limit.or(task.memlimit);
    problem.limits.memory_bytes = memory.and_then(|count| amount::bytes(count.0, amount::MIB));
    let file = |name: &Option<Text>, usual: &str| {
        name.as_ref().map_or_else(|| usual.to_owned(), |name| name.0.clone())
    };
    let (input, output) = (file(&task.infile, "input.txt"), file(&task.outfile, "output.txt"));
    if !(input.is_empty() && output.is_empty()) {
        problem.io = Io::Files { input, output };
    }
    programs(files, &task, &mut problem)?;
    problem.limits.check = TRUSTED;
    if let Kind::Communication(processes) = problem.kind {
        // It may have to wait for each process in turn, and CMS gives it time accordingly (tasktypes/Communication.py).
        let of_all = problem.limits.cpu_us.map(|limit| (limit + 1_000_000).saturating_mul(processes.into()));
        problem.limits.check.cpu_us = TRUSTED.cpu_us.max(of_all);
    }
    let count = tests(files, &mut problem)?;
    user_io(&task, &mut problem).map_err(|mistake| files.error(mistake))?;
    let some_outputs = [&task.output_only_testcases, &task.output_optional_testcases];
    if some_outputs.into_iter().flatten().any(|tests| !tests.0.is_empty()) {
        problem.unsupported.push(format!("{SHEET}: tests of which a submission may be the output"));
    }
    if task.output_only {
        (problem.kind, problem.io) = (Kind::SubmitAnswer, Io::Std);
        problem.include.clear();
        problem.tests.iter_mut().for_each(|test| test.submitted = vec![output_name(&test.name)]);
    }
    if task.n_input.is_some_and(|wanted| wanted.0 != count as f64) {
        return Err(wrong(&format!("`n_input` is not the number of tests, {count}")));
    }
    let rules = Rules {
        total: task.total_value.map_or(100.0, |total| total.0),
        score_type: task.score_type.as_ref().map(|name| name.0.as_str()),
        parameters: &task.score_type_parameters,
    };
    cms_score::read(files, &rules, &mut problem).map_err(|mistake| files.error(mistake))?;
    Ok(problem)
}

/// What a contestant's output for a test is called.
fn output_name(number: &str) -> String {
    format!("output_{number:0>3}.txt")
}

/// How processes of a submission talk with a manager: by their streams, or by FIFOs that are their first arguments. Of
/// these, the streams have names, too.
fn user_io(task: &Task, problem: &mut Problem) -> Result<(), Mistake> {
    match task.user_io.as_ref().map(|name| name.0.as_str()) {
        // A stub opens FIFOs unless the task says otherwise.
        None if problem.include.is_empty() => {}
        Some("std_io") => {}
        None | Some("fifo_io") => {
            let names = ["/dev/stdin".to_owned(), "/dev/stdout".to_owned()];
            problem.tests.iter_mut().for_each(|test| test.args = names.to_vec());
        }
        Some(other) => {
            let what = format!("`user_io` is `std_io` or `fifo_io`, not `{}`", other.escape_debug());
            return Err(Mistake::new(SHEET, what));
        }
    }
    Ok(())
}

fn tests(files: &Files, problem: &mut Problem) -> Result<usize, Error> {
    let mut names: Vec<String> = files
        .below("input/")
        .filter_map(|name| name.strip_prefix("input")?.strip_suffix(".txt"))
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect();
    names.sort_by(|one, other| plain::natural(one, other));
    for number in names {
        let answer = format!("output/output{number}.txt");
        if !files.has(&answer) {
            return Err(files.error(Mistake::new(
                format!("input/input{number}.txt"),
                format!("its answer `{answer}` is missing"),
            )));
        }
        problem.tests.push(Test::new(number.clone(), format!("input/input{number}.txt"), Some(answer)));
    }
    Ok(problem.tests.len())
}

/// The first of these names, or of their sources, is the program.
fn program(files: &Files, names: &[&str]) -> Option<Program> {
    let source = |name: &&str| {
        let found = files.names().find(|file| {
            let ending = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            ending.is_some_and(|ending| matches!(ending, "cpp" | "cc" | "c" | "py" | "pas" | "java" | "rs"))
        });
        found.map(str::to_owned)
    };
    let path = names.iter().find_map(source)?;
    let directory = path.split_inclusive('/').next().unwrap_or_default().to_owned();
    let mut all = vec![path];
    all.extend(
        files
            .below(&directory)
            .filter(|name| name.ends_with(".h") || name.ends_with(".hpp"))
            .map(|name| format!("{directory}{name}")),
    );
    Some(Program { protocol: Protocol::Cms, files: all, directory, language: None, args: Vec::new() })
}

fn programs(files: &Files, task: &Task, problem: &mut Problem) -> Result<(), Error> {
    let only_binary =
        |names: &[&str]| names.iter().find(|name| files.has(name)).map(|name| (*name).to_owned());
    const CHECKERS: [&str; 2] = ["check/checker", "cor/correttore"];
    const MANAGERS: [&str; 2] = ["check/manager", "cor/manager"];
    if let Some(manager) = program(files, &MANAGERS) {
        problem.kind =
            Kind::Communication(task.num_processes.map_or(1, |count| count.0.clamp(1.0, 100.0) as u32));
        problem.interactor = Some(manager);
        problem.checker = Checker::Interactor;
        problem.io = Io::Std;
        problem.include = drivers(files, task, "stub");
        return Ok(());
    }
    problem.checker = match program(files, &CHECKERS) {
        Some(checker) => Checker::Program(checker),
        None => Checker::Builtin(Compare::Lines(LineRules::White)),
    };
    let binary = only_binary(&MANAGERS).or_else(|| only_binary(&CHECKERS));
    if let (Some(binary), Checker::Builtin(_)) = (binary, &problem.checker) {
        problem.unsupported.push(format!("{binary}: a program without its source"));
    }
    problem.include = drivers(files, task, "grader");
    Ok(())
}

/// The programs that call a submission, one for each language, with the headers of that language. The submission has the
/// task's name then, as programs that include or import it rely on that.
fn drivers(files: &Files, task: &Task, stem: &str) -> Vec<Include> {
    let names = || files.below(SOLUTIONS).filter(|name| !name.contains('/'));
    let driver = |name: &str| {
        let extension = name.strip_prefix(stem)?.strip_prefix('.')?;
        let language = language::of_extension(extension)?;
        let is_header = |name: &str| match language {
            "c" | "cpp" => name.ends_with(".h") || name.ends_with(".hpp"),
            "pascal" => name.ends_with("lib.pas"),
            _ => false,
        };
        let headers = names().filter(|name| is_header(name)).map(str::to_owned);
        let all = [name.to_owned()].into_iter().chain(headers);
        Some(Include {
            language: Some(language.to_owned()),
            files: all.map(|name| format!("{SOLUTIONS}{name}")).collect(),
            directory: SOLUTIONS.to_owned(),
            entry: Some(name.to_owned()),
            stem: task.name.as_ref().or(task.nome_breve.as_ref()).map(|name| name.0.clone()),
        })
    };
    names().filter_map(driver).collect()
}
