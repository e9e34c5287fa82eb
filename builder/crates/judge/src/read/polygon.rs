//! Codeforces Polygon: problem.xml of a full package.

use serde::Deserialize;

use super::amount;
use super::plain::empty;
use crate::compare::{Compare, Testlib};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::Verdict::{Accepted, MemoryLimit, RunTimeError, TimeLimit, WrongAnswer};
use crate::problem::{
    Aggregate, Bound, Checker, Example, Expected, Format, Group, Io, Kind, Member, Problem, Program,
    Protocol, Rule, StopAt, Test,
};

const SHEET: &str = "problem.xml";
/// The testset that counts.
const MAIN: &str = "tests";

// Polygon adds elements and attributes from time to time: only those that matter are read.
#[derive(Debug, Deserialize)]
struct XmlProblem {
    #[serde(default)]
    names: Names,
    judging: Judging,
    #[serde(default)]
    assets: Assets,
    #[serde(rename = "@short-name", default)]
    short_name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Names {
    #[serde(rename = "name", default)]
    names: Vec<Name>,
}

#[derive(Debug, Deserialize)]
struct Name {
    #[serde(rename = "@language", default)]
    language: String,
    #[serde(rename = "@value")]
    value: String,
}

#[derive(Debug, Deserialize)]
struct Judging {
    #[serde(rename = "@input-file", default)]
    input: String,
    #[serde(rename = "@output-file", default)]
    output: String,
    #[serde(rename = "testset", default)]
    testsets: Vec<Testset>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Testset {
    #[serde(rename = "@name", default)]
    name: String,
    time_limit: Option<f64>,
    memory_limit: Option<f64>,
    input_path_pattern: String,
    answer_path_pattern: String,
    #[serde(default)]
    tests: Tests,
    #[serde(default)]
    groups: Groups,
}

#[derive(Debug, Default, Deserialize)]
struct Tests {
    #[serde(rename = "test", default)]
    tests: Vec<XmlTest>,
}

#[derive(Debug, Deserialize)]
struct XmlTest {
    #[serde(rename = "@sample", default)]
    sample: bool,
    #[serde(rename = "@group")]
    group: Option<String>,
    #[serde(rename = "@points")]
    points: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct Groups {
    #[serde(rename = "group", default)]
    groups: Vec<XmlGroup>,
}

#[derive(Debug, Deserialize)]
struct XmlGroup {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@points")]
    points: Option<f64>,
    #[serde(rename = "@points-policy", default)]
    policy: String,
    #[serde(default)]
    dependencies: Dependencies,
}

#[derive(Debug, Default, Deserialize)]
struct Dependencies {
    #[serde(rename = "dependency", default)]
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    #[serde(rename = "@group")]
    group: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Assets {
    checker: Option<Asset>,
    interactor: Option<Asset>,
    solutions: Solutions,
}

#[derive(Debug, Deserialize)]
struct Asset {
    #[serde(rename = "@name", default)]
    name: String,
    source: Source,
}

#[derive(Debug, Deserialize)]
struct Source {
    #[serde(rename = "@path")]
    path: String,
}

#[derive(Debug, Default, Deserialize)]
struct Solutions {
    #[serde(rename = "solution", default)]
    solutions: Vec<Solution>,
}

#[derive(Debug, Deserialize)]
struct Solution {
    #[serde(rename = "@tag", default)]
    tag: String,
    source: Source,
}

pub(super) fn read(files: &Files) -> Result<Problem, Error> {
    let wrong = |what: String| files.error(Mistake::new(SHEET, what));
    let text = files.text(SHEET)?;
    let read: XmlProblem = quick_xml::de::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut problem = empty(Format::Polygon);
    let english = read.names.names.iter().find(|name| name.language == "english");
    let name = english.or(read.names.names.first()).map(|name| name.value.clone());
    problem.name = name.unwrap_or(read.short_name);
    if !(read.judging.input.is_empty() && read.judging.output.is_empty()) {
        problem.io = Io::Files { input: read.judging.input, output: read.judging.output };
    }
    let mut testsets = read.judging.testsets;
    let at = testsets.iter().position(|testset| testset.name == MAIN).unwrap_or(0);
    if testsets.is_empty() {
        return Err(wrong("it has no testset".to_owned()));
    }
    let testset = testsets.swap_remove(at);
    for other in testsets {
        problem.warnings.push(format!("{SHEET}: the testset `{}` is not used", other.name));
    }
    problem.limits.cpu_us = testset.time_limit.and_then(amount::milliseconds);
    problem.limits.memory_bytes = testset.memory_limit.and_then(|bytes| amount::bytes(bytes, 1));
    tests(files, &testset, &mut problem).map_err(|mistake| files.error(mistake))?;
    programs(files, read.assets, &mut problem)?;
    Ok(problem)
}

fn tests(files: &Files, testset: &Testset, problem: &mut Problem) -> Result<(), Mistake> {
    let has_points = testset.tests.tests.iter().any(|test| test.points.is_some_and(|points| points > 0.0))
        || testset.groups.groups.iter().any(|group| group.points.is_some_and(|points| points > 0.0));
    for (index, xml) in testset.tests.tests.iter().enumerate() {
        let input = path(&testset.input_path_pattern, index + 1)?;
        let answer = path(&testset.answer_path_pattern, index + 1)?;
        if !files.has(&input) {
            let hint = "the test is made by a generator: export the full package";
            return Err(Mistake::new(input, "the test is missing").hint(hint));
        }
        let mut test = Test::new(format!("{}", index + 1), input, Some(answer));
        test.sample = xml.sample;
        test.points = xml.points.unwrap_or(0.0);
        problem.tests.push(test);
    }
    let sum = if has_points { Aggregate::Sum } else { Aggregate::None };
    problem.root = Group::new("", sum);
    problem.root.stop_at = StopAt::failure_if(!has_points);
    let mut index = 0;
    while let Some(xml) = testset.tests.tests.get(index) {
        let Some(name) = &xml.group else {
            problem.root.members.push(Member::Test(index));
            index += 1;
            continue;
        };
        let all = testset.tests.tests.iter().enumerate();
        let members: Vec<usize> =
            all.filter(|(_, test)| test.group.as_ref() == Some(name)).map(|(at, _)| at).collect();
        if members[0] == index {
            let group = group(testset, name, &members, problem, has_points)?;
            problem.root.members.push(Member::Group(group));
        }
        index += 1;
    }
    Ok(())
}

fn group(
    testset: &Testset,
    name: &str,
    members: &[usize],
    problem: &mut Problem,
    has_points: bool,
) -> Result<Group, Mistake> {
    let xml = testset.groups.groups.iter().find(|group| group.name == name);
    let is_complete = match xml.map(|group| group.policy.as_str()) {
        Some("complete-group") => true,
        None | Some("" | "each-test") => false,
        Some(other) => {
            return Err(Mistake::new(SHEET, format!("unknown points-policy `{}`", other.escape_debug())));
        }
    };
    let score = match (has_points, is_complete) {
        (false, _) => Aggregate::None,
        (true, true) => Aggregate::PassFail,
        (true, false) => Aggregate::Sum,
    };
    let mut group = Group::new(name, score);
    group.stop_at = StopAt::failure_if(score != Aggregate::Sum);
    let of_tests: f64 = members.iter().map(|test| problem.tests[*test].points).sum();
    let points = xml.and_then(|group| group.points).filter(|points| *points > 0.0).unwrap_or(of_tests);
    if score == Aggregate::PassFail {
        group.points = Some(points);
        members.iter().for_each(|test| problem.tests[*test].points = points);
    }
    for dependency in xml.iter().flat_map(|group| &group.dependencies.dependencies) {
        if !testset.groups.groups.iter().any(|group| group.name == dependency.group) {
            let what = format!(
                "group `{name}` depends on `{}`, which does not exist",
                dependency.group.escape_debug()
            );
            return Err(Mistake::new(SHEET, what));
        }
        group.requires.push(dependency.group.clone());
    }
    group.members = members.iter().copied().map(Member::Test).collect();
    Ok(group)
}

/// `tests/%02d` for a number.
fn path(pattern: &str, number: usize) -> Result<String, Mistake> {
    let wrong = || Mistake::new(SHEET, format!("unknown path pattern `{}`", pattern.escape_debug()));
    let (before, after) = pattern.split_once('%').ok_or_else(wrong)?;
    let (width, after) = after.split_once('d').ok_or_else(wrong)?;
    let digits = if width.is_empty() {
        1
    } else {
        width.parse().ok().filter(|width| *width <= 9).ok_or_else(wrong)?
    };
    Ok(match width.starts_with('0') || width.is_empty() {
        true => format!("{before}{number:0digits$}{after}"),
        false => format!("{before}{number:digits$}{after}"),
    })
}

fn programs(files: &Files, assets: Assets, problem: &mut Problem) -> Result<(), Error> {
    match assets.checker {
        None => problem.checker = Checker::Builtin(Compare::Testlib(Testlib::Wcmp)),
        Some(checker) => match Testlib::from_name(&checker.name) {
            Some(standard) => problem.checker = Checker::Builtin(Compare::Testlib(standard)),
            None => problem.checker = Checker::Program(testlib_program(files, checker.source.path)?),
        },
    }
    if let Some(interactor) = assets.interactor {
        problem.kind = Kind::Interactive;
        problem.interactor = Some(testlib_program(files, interactor.source.path)?);
    }
    for solution in assets.solutions.solutions {
        let path = solution.source.path;
        if !files.has(&path) {
            return Err(files.error(Mistake::new(path, format!("the file is missing, {SHEET} names it"))));
        }
        let (directory, name) =
            path.rsplit_once('/').map_or(("", path.as_str()), |(directory, name)| (directory, name));
        problem.submissions.push(Example {
            name: name.to_owned(),
            directory: format!("{directory}/").trim_start_matches('/').to_owned(),
            expected: expected(&solution.tag),
            files: vec![path],
            language: None,
            entry: None,
        });
    }
    Ok(())
}

/// A program that includes testlib.h, which full packages have in files/.
fn testlib_program(files: &Files, path: String) -> Result<Program, Error> {
    if !files.has(&path) {
        return Err(files.error(Mistake::new(path, format!("the file is missing, {SHEET} names it"))));
    }
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let directory = format!("{directory}/").trim_start_matches('/').to_owned();
    let mut all = vec![path];
    all.extend(
        files.below(&directory).filter(|name| name.ends_with(".h")).map(|name| format!("{directory}{name}")),
    );
    Ok(Program { protocol: Protocol::Testlib, files: all, directory, language: None, args: Vec::new() })
}

fn expected(tag: &str) -> Expected {
    let verdicts = match tag {
        "main" | "accepted" => &[Accepted][..],
        "wrong-answer" | "presentation-error" => &[WrongAnswer],
        "time-limit-exceeded" => &[TimeLimit],
        "time-limit-exceeded-or-accepted" => &[TimeLimit, Accepted],
        "time-limit-exceeded-or-memory-limit-exceeded" => &[TimeLimit, MemoryLimit],
        "memory-limit-exceeded" => &[MemoryLimit, RunTimeError],
        "failed" => &[RunTimeError],
        "rejected" => &[WrongAnswer, TimeLimit, MemoryLimit, RunTimeError],
        _ => return Expected::default(),
    };
    let bound = match tag {
        "main" | "accepted" => Bound::Lower,
        "time-limit-exceeded" => Bound::Upper,
        _ => Bound::None,
    };
    Expected { rules: vec![Rule { bound, ..Rule::default() }], ..Expected::verdicts(verdicts) }
}
