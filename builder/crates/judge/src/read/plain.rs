//! A directory without a manifest: inputs and answers that are paired by their names.
//!
//! `N.in` and `N.ans` or `N.out`, `inputN.txt` and `outputN.txt`, `X.inN` and `X.outN` or `X.ouN`, each in any directory.
//! A name `SUB-N` or `SUB_N`, or a directory, makes a subtask SUB.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::compare::{Compare, TokenRules};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::problem::{Aggregate, Checker, Format, Group, Io, Kind, Limits, Member, Problem, StopAt, Test};

/// The most that all subtasks are worth together.
const FULL_SCORE: f64 = 100.0;

pub(super) fn read(files: &Files) -> Result<Problem, Error> {
    let mut problem = empty(Format::Plain);
    let tests = pairs(files, "")?;
    let names: Vec<String> = tests.iter().filter_map(|test| subtask(&test.name)).collect();
    let has_subtasks = names.len() == tests.len() && names.iter().any(|name| *name != names[0]);
    problem.root = if has_subtasks { subtasks(&tests, &names) } else { flat(&tests) };
    problem.tests = tests;
    if has_subtasks {
        let count = problem.root.groups().count() as f64;
        let points = FULL_SCORE / count;
        problem.tests.iter_mut().for_each(|test| test.points = points);
    }
    Ok(problem)
}

/// A problem with nothing in it, compared as Kattis does.
pub(super) fn empty(format: Format) -> Problem {
    Problem {
        format,
        name: String::new(),
        kind: Kind::Batch,
        passes: 1,
        limits: Limits::default(),
        io: Io::Std,
        checker: Checker::Builtin(Compare::Tokens(TokenRules::default())),
        interactor: None,
        grader: None,
        constants: BTreeMap::new(),
        tests: Vec::new(),
        root: Group::new("", Aggregate::None),
        include: Vec::new(),
        languages: None,
        submissions: Vec::new(),
        warnings: Vec::new(),
        unsupported: Vec::new(),
    }
}

/// All pairs below a directory, in natural order: 2 before 10. An input without an answer is a mistake, and so is an
/// answer without an input.
pub(super) fn pairs(files: &Files, below: &str) -> Result<Vec<Test>, Error> {
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for name in files.below(below) {
        if let Some((key, Part::Answer)) = part(name)
            && let Some(other) = answers.insert(key, name.to_owned())
        {
            let what = format!("`{other}` is an answer to the same input");
            return Err(files.error(Mistake::new(format!("{below}{name}"), what)));
        }
    }
    let mut tests = Vec::new();
    for name in files.below(below) {
        let Some((key, Part::Input)) = part(name) else { continue };
        let Some(answer) = answers.remove(&key) else {
            let hint = format!("as in `{key}.ans`");
            return Err(
                files.error(Mistake::new(format!("{below}{name}"), "its answer is missing").hint(hint))
            );
        };
        tests.push(Test::new(key, format!("{below}{name}"), Some(format!("{below}{answer}"))));
    }
    if let Some(left) = answers.into_values().next() {
        return Err(
            files.error(Mistake::new(format!("{below}{left}"), "it is an answer, and its input is missing"))
        );
    }
    tests.sort_by(|one, other| natural(&one.name, &other.name));
    Ok(tests)
}

/// Which half of a test a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Input,
    Answer,
}

/// Which test a file belongs to, by its name.
fn part(name: &str) -> Option<(String, Part)> {
    let (directory, file) = name.rsplit_once('/').map_or(("", name), |(directory, file)| (directory, file));
    let lower = file.to_ascii_lowercase();
    let stem = lower.strip_suffix(".txt").unwrap_or(&lower);
    let key = |file: String, part| Some((join(&without_parts(directory), &file), part));
    let own = |end: usize| file[..end].to_owned();
    if let Some((base, ending)) = stem.rsplit_once('.') {
        let number = |prefix: &str| {
            let digits = ending.strip_prefix(prefix)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.to_owned())
        };
        return match ending {
            "in" => key(own(base.len()), Part::Input),
            "out" | "ans" | "a" | "sol" | "ok" => key(own(base.len()), Part::Answer),
            _ => {
                let numbered = |digits: String| format!("{}{digits}", own(base.len()));
                if let Some(digits) = number("in") {
                    key(numbered(digits), Part::Input)
                } else {
                    key(numbered(number("out").or_else(|| number("ou"))?), Part::Answer)
                }
            }
        };
    }
    // `input1.txt`, `output1.txt`, and the directories input/ and output/ with equal names.
    let has_digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || "-_".contains(c));
    match (stem.strip_prefix("input"), stem.strip_prefix("output")) {
        (Some(rest), _) if rest.is_empty() || has_digit(rest) => key(format!("test{rest}"), Part::Input),
        (_, Some(rest)) if rest.is_empty() || has_digit(rest) => key(format!("test{rest}"), Part::Answer),
        _ => None,
    }
}

/// A directory without the words that only say which half of a test lies there.
fn without_parts(directory: &str) -> String {
    let says_nothing =
        |part: &&str| !matches!(*part, "input" | "output" | "in" | "out" | "inputs" | "outputs");
    directory.split('/').filter(says_nothing).collect::<Vec<_>>().join("/")
}

fn join(directory: &str, file: &str) -> String {
    if directory.is_empty() { file.to_owned() } else { format!("{directory}/{file}") }
}

/// The subtask that a test's name has in front of its number.
pub(super) fn subtask(name: &str) -> Option<String> {
    if let Some((directory, _)) = name.rsplit_once('/') {
        return Some(directory.to_owned());
    }
    let (subtask, number) = name.rsplit_once(['-', '_'])?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !subtask.is_empty()).then(|| subtask.to_owned())
}

fn subtasks(tests: &[Test], names: &[String]) -> Group {
    let mut root = Group::new("", Aggregate::Sum);
    root.stop_at = StopAt::Never;
    let mut order: Vec<&String> = Vec::new();
    for name in names {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    let points = FULL_SCORE / order.len() as f64;
    for name in order {
        let mut group = Group::new(name.clone(), Aggregate::Min);
        group.points = Some(points);
        let of_group = (0..tests.len()).filter(|test| names[*test] == *name);
        group.members.extend(of_group.map(Member::Test));
        root.members.push(Member::Group(group));
    }
    root
}

fn flat(tests: &[Test]) -> Group {
    let mut root = Group::new("", Aggregate::None);
    root.members.extend((0..tests.len()).map(Member::Test));
    root
}

/// Numbers in names by their value, everything else by its bytes.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one.as_bytes(), other.as_bytes());
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (x, y) = (digits(a), digits(b));
        if x > 0 && y > 0 {
            let trim =
                |number: &[u8]| number.iter().take_while(|byte| **byte == b'0').count().min(number.len() - 1);
            let (m, n) = (&a[trim(&a[..x])..x], &b[trim(&b[..y])..y]);
            let order = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[x..], &b[y..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((first, rest)), Some((second, others))) if first == second => (a, b) = (rest, others),
            (Some((first, _)), Some((second, _))) => return first.cmp(second),
            (one_left, other_left) => {
                return one_left.is_some().cmp(&other_left.is_some()).then_with(|| one.cmp(other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(files: &[&str]) -> Vec<[String; 3]> {
        let files = Files::in_memory(files.iter().map(|name| (*name, "")));
        let tests = read(&files).unwrap().tests;
        tests.into_iter().map(|test| [test.name, test.input.unwrap(), test.answer.unwrap()]).collect()
    }

    fn mistake(files: &[&str]) -> String {
        read(&Files::in_memory(files.iter().map(|name| (*name, "")))).unwrap_err().to_string()
    }

    #[test]
    fn pairs_are_found_by_many_names() {
        for [input, answer] in [
            ["1.in", "1.ans"],
            ["1.in", "1.out"],
            ["A.IN", "A.OUT"],
            ["1.in.txt", "1.out.txt"],
            ["input1.txt", "output1.txt"],
            ["input/1.in", "output/1.out"],
            ["input/input1.txt", "output/output1.txt"],
            ["sum.in1", "sum.ou1"],
            ["sum.in1", "sum.out1"],
            ["a/b/1.in", "a/b/1.a"],
        ] {
            let found = names(&[input, answer, "README.md", "solution.cpp"]);
            assert_eq!(found.len(), 1, "{input}");
            assert_eq!(found[0][1..], [input, answer], "{input}");
        }
    }

    #[test]
    fn numbers_count_in_the_order_of_tests() {
        let found = names(&["10.in", "10.out", "2.in", "2.out", "01.in", "01.out"]);
        assert_eq!(found.iter().map(|[name, ..]| name.as_str()).collect::<Vec<_>>(), ["01", "2", "10"]);
    }

    #[test]
    fn a_half_of_a_test_is_a_mistake() {
        assert!(mistake(&["1.in", "2.in", "2.ans"]).contains("1.in: its answer is missing"));
        assert!(
            mistake(&["1.in", "1.ans", "3.out"]).contains("3.out: it is an answer, and its input is missing")
        );
        assert!(mistake(&["1.in", "1.ans", "1.out"]).contains("an answer to the same input"));
    }

    #[test]
    fn subtasks_come_from_names_or_directories() {
        for files in [["a-1", "a-2", "b-1"], ["a/1", "a/2", "b/1"]] {
            let files: Vec<String> =
                files.iter().flat_map(|name| [format!("{name}.in"), format!("{name}.ans")]).collect();
            let problem = read(&Files::in_memory(files.iter().map(|name| (name.as_str(), "")))).unwrap();
            let groups: Vec<(&str, usize)> =
                problem.root.groups().map(|group| (group.name.as_str(), group.members.len())).collect();
            assert_eq!(groups, [("a", 2), ("b", 1)]);
            assert!(problem.root.groups().all(|group| group.score == Aggregate::Min));
            assert_eq!((problem.root.score, problem.tests[0].points), (Aggregate::Sum, 50.0));
        }
        assert_eq!(
            read(&Files::in_memory([("a-1.in", ""), ("a-1.ans", "")])).unwrap().root.groups().count(),
            0
        );
    }

    proptest! {
        /// Natural order is an order, or sorting would panic.
        #[test]
        fn natural_order_is_total(names in proptest::collection::vec("[a0-2]{0,4}", 3)) {
            let [a, b, c] = &names[..] else { unreachable!() };
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            prop_assert_eq!(natural(a, b).is_eq(), a == b);
            if natural(a, b).is_le() && natural(b, c).is_le() {
                prop_assert!(natural(a, c).is_le());
            }
        }
    }
}
