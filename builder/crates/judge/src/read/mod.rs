//! Formats of problems: each is a reader that makes a [`Problem`] from files.
//!
//! A reader is strict where a mistake would change a verdict, as in a key that does not exist or an answer that is missing.
//! What it understands and capsule cannot do goes to [`Problem::unsupported`]; what has no effect on a verdict, to
//! [`Problem::warnings`].

mod amount;
mod cms;
mod cms_score;
mod dmoj;
mod domjudge;
mod examples;
mod expectations;
mod hydro;
mod hydro_rates;
mod icpc;
mod language;
mod plain;
mod polygon;
mod yaml;

use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Format, Group, Io, Problem};

/// Groups inside of each other, at most. The one of the root counts.
const DEEPEST: usize = 60;

/// Reads a problem, whatever its format is.
///
/// # Errors
/// The first mistake that is found. A problem without tests is one.
pub fn read(files: &mut Files) -> Result<Problem, Error> {
    let mut problem = read_format(files)?;
    if problem.name.is_empty() {
        problem.name = files.title();
    }
    // Polygon's are in problem.xml.
    if problem.format != Format::Polygon {
        problem.submissions = examples::read(files, problem.format)?;
    }
    check(&problem, files)?;
    let strange = line_ends(&problem, files)?;
    problem.warnings.extend(strange);
    Ok(problem)
}

/// The first file that is there decides which format it is.
fn read_format(files: &mut Files) -> Result<Problem, Error> {
    if files.has("problem.xml") {
        polygon::read(files)
    } else if files.has("init.yml") {
        dmoj::read(files)
    } else if files.has("task.yaml") {
        cms::read(files)
    } else if hydro::is_one(files) {
        hydro::read(files)
    } else if icpc::is_one(files) {
        icpc::read(files)
    } else {
        plain::read(files)
    }
}

/// What must hold for each format.
fn check(problem: &Problem, files: &Files) -> Result<(), Error> {
    let wrong = |mistake| Err(files.error(mistake));
    if problem.tests.is_empty() {
        let hint = "as in 1.in and 1.ans; docs/judge.md lists the formats";
        return wrong(Mistake::new("", "the problem has no tests").hint(hint));
    }
    for test in &problem.tests {
        for name in [&test.input, &test.answer].into_iter().flatten() {
            if !files.has(name) {
                return wrong(Mistake::new(
                    name,
                    format!("the file is missing, test `{}` needs it", test.name),
                ));
            }
        }
    }
    if let Io::Files { input, output } = &problem.io {
        let is_name = |name: &str| !name.contains('/') && !matches!(name, "." | "..");
        if let Some(name) = [input, output].into_iter().find(|name| !is_name(name)) {
            let what = format!("`{}` is not the name of a file in a directory", name.escape_debug());
            return wrong(Mistake::new("", what));
        }
        if input == output {
            return wrong(Mistake::new(
                "",
                format!("`{}` cannot be both input and output", input.escape_debug()),
            ));
        }
    }
    if depth(&problem.root) > DEEPEST {
        return wrong(Mistake::new("", format!("the groups are more than {DEEPEST} deep")));
    }
    Ok(())
}

/// So many inputs are looked at, and so many bytes of each.
const LOOKED_AT: (usize, u64) = (20, 1 << 10);

/// A warning about inputs with the line ends of another system, which submissions read as they are.
fn line_ends(problem: &Problem, files: &Files) -> Result<Option<String>, Error> {
    let (tests, bytes) = LOOKED_AT;
    for name in problem.tests.iter().take(tests).filter_map(|test| test.input.as_ref()) {
        if files.start(name, bytes)?.windows(2).any(|two| two == b"\r\n") {
            return Ok(Some(format!("{name}: its lines end with CR LF, and submissions read it as it is")));
        }
    }
    Ok(None)
}

fn depth(group: &Group) -> usize {
    1 + group.groups().map(depth).max().unwrap_or(0)
}

/// A problem with so many tests of one group.
#[cfg(test)]
pub(crate) fn plain_problem(tests: usize, points: f64) -> Problem {
    let names = (0..tests).flat_map(|test| [format!("{test}.in"), format!("{test}.ans")]);
    let mut problem = read(&mut Files::in_memory(names.map(|name| (name, "")))).unwrap();
    problem.tests.iter_mut().for_each(|test| test.points = points);
    problem
}
