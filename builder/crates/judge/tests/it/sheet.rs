//! Problems in memory.

use judge::files::Files;
use judge::problem::{Group, Problem};

/// Reads a problem of these files.
pub(crate) fn problem(files: &[(&str, &str)]) -> Problem {
    judge::read(&mut Files::in_memory(files.iter().copied())).unwrap()
}

/// What is wrong with it, without its name.
pub(crate) fn mistake(files: &[(&str, &str)]) -> String {
    let said = judge::read(&mut Files::in_memory(files.iter().copied())).unwrap_err().to_string();
    said.strip_prefix("`problem`: ").unwrap().to_owned()
}

/// Two files that are there and empty.
pub(crate) fn test(base: &str) -> [(String, String); 2] {
    [(format!("{base}.in"), String::new()), (format!("{base}.ans"), String::new())]
}

/// A problem of a few files, and tests with these names.
pub(crate) fn with_tests<'a>(files: &[(&'a str, &'a str)], tests: &[&str]) -> Result<Problem, String> {
    let own = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let all: Vec<(String, String)> = own.chain(tests.iter().flat_map(|base| test(base))).collect();
    judge::read(&mut Files::in_memory(all)).map_err(|error| error.to_string())
}

/// The names of a problem's tests.
pub(crate) fn names(problem: &Problem) -> Vec<&str> {
    problem.tests.iter().map(|test| test.name.as_str()).collect()
}

/// The group of this name, wherever it is.
pub(crate) fn group<'a>(group: &'a Group, name: &str) -> &'a Group {
    fn find<'a>(group: &'a Group, name: &str) -> Option<&'a Group> {
        if group.name == name { Some(group) } else { group.groups().find_map(|inner| find(inner, name)) }
    }
    find(group, name).unwrap()
}
