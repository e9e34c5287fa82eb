//! The problem package format of ICPC and Kattis: legacy, legacy-icpc, 2023-07-draft and 2025-09.

mod data;
mod legacy_groups;
mod new_groups;
mod programs;
mod sheet;

use std::collections::BTreeMap;

use super::{amount, domjudge, language};
use crate::compare::{Compare, TokenRules};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Checker, Format, Include, Io, Kind, Limits, Problem, StepLimits};

use amount::{KIB, MIB};
use sheet::{Sheet, YamlLimits};

const SHEET: &str = "problem.yaml";
const INI: &str = "domjudge-problem.ini";
const TIME_LIMIT: &str = ".timelimit";

/// Why a file is not part of a package (PPF spec/2025-09.md, "General requirements").
const LEFT_OUT: &str = "it is left out: names in a package have letters and digits of ASCII, `_`, `-` and `.`, and begin with none of the last two";

/// Whether a part of a path may be in a package.
fn is_name(part: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    part == TIME_LIMIT || !part.starts_with(['-', '.']) && part.len() <= 255 && part.bytes().all(is_known)
}

/// Whether the files are a package.
pub(super) fn is_one(files: &Files) -> bool {
    files.has(SHEET)
        || files.has(INI)
        || ["data/sample", "data/secret"].iter().any(|data| files.has_directory(data))
}

pub(super) fn read(files: &mut Files) -> Result<Problem, Error> {
    let sheet = Sheet::read(files)?;
    let left_out = match sheet.format {
        Format::Kattis2025 => files.leave_out(|name| !name.split('/').all(is_name)),
        _ => Vec::new(),
    };
    let files = &*files;
    let ini = files.has(INI).then(|| domjudge::read(files, INI)).transpose()?;
    let mut problem = Problem {
        format: sheet.format,
        name: sheet.name.clone(),
        kind: if sheet.is_submit_answer { Kind::SubmitAnswer } else { Kind::Batch },
        passes: 1,
        limits: limits(&sheet.limits).map_err(|mistake| files.error(mistake))?,
        io: Io::Std,
        checker: Checker::Builtin(Compare::Tokens(TokenRules::default())),
        interactor: None,
        grader: None,
        constants: sheet.constants.clone(),
        tests: Vec::new(),
        root: crate::problem::Group::new("", crate::problem::Aggregate::None),
        include: include(files),
        languages: sheet
            .languages
            .as_ref()
            .map(|codes| codes.iter().map(|code| language::of_code(code).to_owned()).collect()),
        submissions: Vec::new(),
        warnings: left_out.iter().map(|name| format!("{name}: {LEFT_OUT}")).collect(),
        unsupported: Vec::new(),
    };
    if sheet.is_multi_pass {
        problem.passes = sheet.limits.passes().unwrap_or(2);
    }
    if let Some(ini) = &ini {
        problem.name = ini.name.clone().filter(|_| problem.name.is_empty()).unwrap_or(problem.name);
    }
    time_limit(files, &mut problem, ini.and_then(|ini| ini.cpu_us))?;
    check_resolution(&mut problem);
    match sheet.format {
        Format::Kattis2025 => new_groups::read(files, &sheet, &mut problem)?,
        _ => legacy_groups::read(files, &sheet, &mut problem)?,
    }
    programs::read(files, &sheet, &mut problem)?;
    programs::read_grader(files, &mut problem)?;
    if sheet.is_submit_answer {
        problem.tests.iter_mut().for_each(|test| test.submitted = answers(&test.name));
    }
    unsupported(files, &mut problem);
    Ok(problem)
}

/// The time limit by DOMjudge's order: its own file, `.timelimit`, problem.yaml. Two different ones are a mistake.
fn time_limit(files: &Files, problem: &mut Problem, ini: Option<u64>) -> Result<(), Error> {
    let mut found: Vec<(&str, u64)> = Vec::new();
    found.extend(ini.map(|limit| (INI, limit)));
    if files.has(TIME_LIMIT) {
        let text = files.text(TIME_LIMIT)?;
        let limit = text.trim().parse().ok().and_then(amount::seconds);
        let what = || {
            Mistake::new(
                TIME_LIMIT,
                format!("expected a number of seconds, found `{}`", text.trim().escape_debug()),
            )
        };
        found.push((TIME_LIMIT, limit.ok_or_else(|| files.error(what()))?));
    }
    found.extend(problem.limits.cpu_us.map(|limit| (SHEET, limit)));
    if let [(one, first), .., (other, last)] = found[..]
        && first != last
    {
        return Err(files.error(Mistake::new(other, format!("its time limit is not that of {one}"))));
    }
    problem.limits.cpu_us = found.first().map(|(_, limit)| *limit);
    Ok(())
}

/// A time limit that the package gives is a multiple of its resolution.
fn check_resolution(problem: &mut Problem) {
    let resolution = problem.limits.resolution_us.unwrap_or(1_000_000);
    let is_new = problem.format == Format::Kattis2025;
    if is_new && problem.limits.cpu_us.is_some_and(|limit| limit % resolution.max(1) != 0) {
        problem.warnings.push(format!("{SHEET}: `time_limit` is not a multiple of `time_resolution`"));
    }
}

fn limits(sheet: &YamlLimits) -> Result<Limits, Mistake> {
    let time = |key: &str, value: Option<f64>| convert(key, value, amount::seconds);
    let size =
        |key: &str, value: Option<f64>, unit: u64| convert(key, value, |count| amount::bytes(count, unit));
    let step = |name: &str, seconds: Option<f64>, memory: Option<f64>, output: Option<f64>| {
        Ok::<_, Mistake>(StepLimits {
            cpu_us: time(&format!("{name}_time"), seconds)?,
            memory_bytes: size(&format!("{name}_memory"), memory, MIB)?,
            output_bytes: size(&format!("{name}_output"), output, MIB)?,
        })
    };
    let number = |value: Option<super::yaml::Number>| value.map(|number| number.0);
    Ok(Limits {
        cpu_us: time("time_limit", number(sheet.time_limit))?,
        memory_bytes: size("memory", number(sheet.memory), MIB)?,
        output_bytes: size("output", number(sheet.output), MIB)?,
        code_bytes: size("code", number(sheet.code), KIB)?,
        compile: step("compilation", number(sheet.compilation_time), number(sheet.compilation_memory), None)?,
        check: step(
            "validation",
            number(sheet.validation_time),
            number(sheet.validation_memory),
            number(sheet.validation_output),
        )?,
        accepted_to_limit: sheet.accepted_to_limit(),
        limit_to_slow: sheet.limit_to_slow(),
        resolution_us: time("time_resolution", number(sheet.time_resolution))?,
        time_rates: BTreeMap::new(),
        memory_rates: BTreeMap::new(),
    })
}

fn convert(key: &str, value: Option<f64>, to: impl Fn(f64) -> Option<u64>) -> Result<Option<u64>, Mistake> {
    let Some(value) = value else { return Ok(None) };
    let what = || Mistake::new(SHEET, format!("the limit `{key}` cannot be {value}"));
    to(value).map(Some).ok_or_else(what)
}

/// The files of each language, and those of `default` for all.
fn include(files: &Files) -> Vec<Include> {
    let mut include: Vec<Include> = Vec::new();
    for name in files.below("include/") {
        let Some((code, rest)) = name.split_once('/') else { continue };
        let directory = format!("include/{code}/");
        if include.last().is_none_or(|last| last.directory != directory) {
            let language = (code != "default").then(|| language::of_code(code).to_owned());
            include.push(Include { language, directory, files: Vec::new(), entry: None, stem: None });
        }
        if let Some(last) = include.last_mut() {
            last.files.push(format!("include/{name}"));
            if last.entry.is_none() && is_entry(rest) {
                last.entry = Some(rest.to_owned());
            }
        }
    }
    // One language's own files replace those for all.
    include.sort_by_key(|include| include.language.is_some());
    include
}

/// Whether a program starts at a file of this name (appendix/languages.md).
fn is_entry(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    matches!(stem, "__main__" | "main" | "Main")
}

/// The names of a test's output in a submission that has one for each test. The format leaves them open.
fn answers(test: &str) -> Vec<String> {
    let base = test.rsplit_once('/').map_or(test, |(_, base)| base);
    let endings = [".out", ".ans"];
    [test, base].iter().flat_map(|name| endings.map(|ending| format!("{name}{ending}"))).collect()
}

fn unsupported(files: &Files, problem: &mut Problem) {
    if files.has_directory("static_validator") {
        problem.unsupported.push("static_validator/: a static validator".to_owned());
    }
    let files_of_tests =
        files.below("data/").any(|name| name.split('/').any(|part| part.ends_with(".files")));
    if files_of_tests {
        problem.unsupported.push("data/: files of a test (`.files`)".to_owned());
    }
    for directory in ["input_validators", "input_format_validators", "input_validator"] {
        if files.has_directory(directory) {
            problem
                .warnings
                .push(format!("{directory}/ is not run: it checks the tests, and not submissions"));
        }
    }
}
