//! Output validators: programs of the problem that decide about outputs, or talk with submissions.

use super::SHEET;
use super::legacy_groups::default_checker;
use super::sheet::Sheet;
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Checker, Format, Group, Kind, Problem, Program, Protocol};

/// The directory of 2025-09, which holds the files of one program, and that of before, which holds programs.
const ONE: &str = "output_validator";
const MANY: &str = "output_validators";
/// Programs that make scores, before 2025-09.
const GRADERS: &str = "graders";

/// Whether the package has a validator.
pub(super) fn has_validator(files: &Files) -> bool {
    files.has_directory(ONE) || files.has_directory(MANY)
}

pub(super) fn read(files: &Files, sheet: &Sheet, problem: &mut Problem) -> Result<(), Error> {
    let is_wanted = match sheet.format {
        Format::Kattis2025 => has_validator(files),
        _ => sheet.is_custom,
    };
    if !is_wanted {
        if sheet.is_interactive || sheet.is_multi_pass {
            return Err(
                files.error(Mistake::new(SHEET, "such a problem needs an output validator, and has none"))
            );
        }
        problem.checker = default_checker(sheet).map_err(|what| files.error(Mistake::new(SHEET, what)))?;
        return Ok(());
    }
    let programs = validators(files);
    let Some(first) = programs.first() else {
        return Err(files.error(Mistake::new(SHEET, format!("`validation: custom`, but {MANY}/ is empty"))));
    };
    if programs.len() > 1 {
        problem.unsupported.push(format!("{MANY}/: more than one validator"));
    }
    let program = Program { args: sheet.flags.clone(), ..first.clone() };
    check_scripts(&program, "a validator", problem);
    if sheet.is_interactive {
        problem.kind = Kind::Interactive;
        problem.checker = Checker::Interactor;
        problem.interactor = Some(program);
    } else {
        problem.checker = Checker::Program(program);
    }
    Ok(())
}

/// The program that makes verdict and score of groups that want one.
pub(super) fn read_grader(files: &Files, problem: &mut Problem) -> Result<(), Error> {
    fn wants(group: &Group) -> bool {
        group.grader.is_some() || group.groups().any(wants)
    }
    if !wants(&problem.root) {
        return Ok(());
    }
    let programs = programs(files, GRADERS);
    let Some(first) = programs.first() else {
        return Err(files.error(Mistake::new("data", format!("`grading: custom`, but {GRADERS}/ is empty"))));
    };
    if programs.len() > 1 {
        problem.unsupported.push(format!("{GRADERS}/: more than one grader"));
    }
    check_scripts(first, "a grader", problem);
    problem.grader = Some(first.clone());
    Ok(())
}

/// A program may have scripts that make and start it, which would need a shell and compilers in the sandbox.
fn check_scripts(program: &Program, noun: &str, problem: &mut Problem) {
    for script in ["build", "run"] {
        if program.files.iter().any(|file| file == &format!("{}{script}", program.directory)) {
            problem.unsupported.push(format!("{}: {noun} with a script `{script}`", program.directory));
        }
    }
}

fn validators(files: &Files) -> Vec<Program> {
    match files.has_directory(ONE) {
        true => program(files, &format!("{ONE}/")).into_iter().collect(),
        false => programs(files, MANY),
    }
}

/// Each file or directory that is directly in a directory.
fn programs(files: &Files, directory: &str) -> Vec<Program> {
    let mut programs = Vec::new();
    let mut seen = String::new();
    let below = format!("{directory}/");
    for name in files.below(&below) {
        match name.split_once('/') {
            None => programs.push(Program {
                protocol: Protocol::Kattis,
                files: vec![format!("{below}{name}")],
                directory: below.clone(),
                language: None,
                args: Vec::new(),
            }),
            Some((directory, _)) if directory != seen => {
                seen = directory.to_owned();
                programs.extend(program(files, &format!("{below}{directory}/")));
            }
            Some(_) => {}
        }
    }
    programs
}

/// The program whose files lie in this directory, or in the only directory in it.
fn program(files: &Files, directory: &str) -> Option<Program> {
    let mut directory = directory.to_owned();
    while let Some(inner) = only_directory(files, &directory) {
        directory += &format!("{inner}/");
    }
    let mut names: Vec<String> = files.below(&directory).map(|name| format!("{directory}{name}")).collect();
    names.sort_by_key(|name| rank(name.strip_prefix(&directory).unwrap_or(name)));
    (!names.is_empty()).then(|| Program {
        protocol: Protocol::Kattis,
        files: names,
        directory,
        language: None,
        args: Vec::new(),
    })
}

fn only_directory(files: &Files, directory: &str) -> Option<String> {
    let mut names = files.below(directory);
    let (first, _) = names.next()?.split_once('/')?;
    names.all(|name| name.split_once('/').is_some_and(|(other, _)| other == first)).then(|| first.to_owned())
}

/// The entry point first: what is named as one, then what is compiled, then the rest.
fn rank(name: &str) -> u8 {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_header = [".h", ".hh", ".hpp", ".txt", ".md"].iter().any(|ending| name.ends_with(ending));
    match stem {
        _ if is_header || name.contains('/') => 3,
        "__main__" | "main" | "Main" => 0,
        "validate" | "validator" | "output_validator" | "check" | "checker" => 1,
        _ => 2,
    }
}
