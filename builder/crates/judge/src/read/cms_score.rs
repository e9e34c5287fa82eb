//! Scores of CMS's tasks: each test's own, or subtasks, which task.yaml or gen/GEN lists (cms/grading/scoretypes,
//! cmscontrib/loaders/italy_yaml.py).

use std::fmt;

use regex::Regex;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::yaml::Words;
use crate::error::Mistake;
use crate::files::Files;
use crate::problem::{Aggregate, Group, Member, Problem, StopAt};

const SHEET: &str = "task.yaml";
const GEN: &str = "gen/GEN";

/// What task.yaml says about scores.
pub(super) struct Rules<'a> {
    pub(super) total: f64,
    pub(super) score_type: Option<&'a str>,
    pub(super) parameters: &'a Parameters,
}

/// `score_type_parameters`.
#[derive(Debug, Default)]
pub(super) enum Parameters {
    #[default]
    None,
    /// What each test is worth.
    Each(f64),
    /// Of each subtask: its points, its tests, and a threshold.
    Subtasks(Vec<Vec<String>>),
}

/// A subtask: its points, its score and its tests.
struct Subtask {
    points: f64,
    score: Aggregate,
    tests: Vec<usize>,
}

pub(super) fn read(files: &Files, rules: &Rules<'_>, problem: &mut Problem) -> Result<(), Mistake> {
    let subtasks = match (rules.parameters, files_gen(files)?) {
        (Parameters::Subtasks(rows), _) => listed(rules, rows, problem)?,
        (Parameters::None, Some(counts)) if !counts.is_empty() => counted(rules, &counts, problem)?,
        (parameters, _) => {
            let each = match parameters {
                Parameters::Each(points) => *points,
                _ => rules.total / problem.tests.len().max(1) as f64,
            };
            problem.tests.iter_mut().for_each(|test| test.points = each);
            let members = (0..problem.tests.len()).map(Member::Test).collect();
            problem.root = Group { members, ..sum() };
            return Ok(());
        }
    };
    problem.root = sum();
    for (number, subtask) in subtasks.into_iter().enumerate() {
        let mut group = Group::new((number + 1).to_string(), subtask.score);
        group.points = Some(subtask.points);
        // Contestants see every outcome of a subtask.
        group.stop_at = StopAt::Never;
        for test in subtask.tests {
            problem.tests[test].points = subtask.points;
            group.members.push(Member::Test(test));
        }
        problem.root.members.push(Member::Group(group));
    }
    Ok(())
}

fn sum() -> Group {
    Group { stop_at: StopAt::Never, ..Group::new("", Aggregate::Sum) }
}

/// What GEN says: points and the number of tests of each subtask.
fn files_gen(files: &Files) -> Result<Option<Vec<(f64, usize)>>, Mistake> {
    if !files.has(GEN) {
        return Ok(None);
    }
    let text = files.text(GEN).map_err(|error| Mistake::new(GEN, error.to_string()))?;
    parse_gen(&text).map(Some)
}

/// Subtasks of GEN, one after the other.
fn counted(
    rules: &Rules<'_>,
    counts: &[(f64, usize)],
    problem: &mut Problem,
) -> Result<Vec<Subtask>, Mistake> {
    let counted: usize = counts.iter().map(|(_, tests)| tests).sum();
    if counted != problem.tests.len() {
        let what = format!("it has {counted} tests, input/ has {}", problem.tests.len());
        return Err(Mistake::new(GEN, what));
    }
    let points: f64 = counts.iter().map(|(points, _)| points).sum();
    if points != rules.total {
        let what = format!("its subtasks are worth {points} together, not {}", rules.total);
        return Err(Mistake::new(GEN, what));
    }
    let score = aggregate(rules, None, problem);
    let mut next = 0;
    let subtask = |(points, count): &(f64, usize)| {
        next += count;
        Subtask { points: *points, score, tests: (next - count..next).collect() }
    };
    Ok(counts.iter().map(subtask).collect())
}

/// Subtasks of task.yaml: `[POINTS, TESTS]`, where TESTS is how many come next, or a pattern for their numbers of three
/// digits; and a threshold, if the score type has one.
fn listed(rules: &Rules<'_>, rows: &[Vec<String>], problem: &mut Problem) -> Result<Vec<Subtask>, Mistake> {
    let wrong = |what: String| Mistake::new(SHEET, format!("`score_type_parameters`: {what}"));
    let has_counts = rows.iter().all(|row| row.get(1).is_some_and(|tests| tests.parse::<usize>().is_ok()));
    let mut seen = vec![false; problem.tests.len()];
    let mut next = 0_usize;
    let mut subtasks = Vec::new();
    for row in rows {
        let shown = || format!("[{}]", row.join(", ").escape_debug());
        let ([points, tests] | [points, tests, _]) = &row[..] else {
            return Err(wrong(format!("expected [POINTS, TESTS], found {}", shown())));
        };
        let number = |text: &String| text.parse().ok().filter(|number: &f64| number.is_finite());
        let points = number(points).ok_or_else(|| wrong(format!("{} has no points", shown())))?;
        let tests: Vec<usize> = if has_counts {
            let first = next;
            let end = tests.parse().ok().and_then(|count| first.checked_add(count));
            let end = end.filter(|end| *end <= problem.tests.len());
            next = end.ok_or_else(|| wrong(format!("{} has tests that input/ lacks", shown())))?;
            (first..next).collect()
        } else {
            // As re.match of Python: at the start.
            let pattern = Regex::new(&format!("^(?:{tests})"));
            let pattern = pattern.map_err(|_| wrong(format!("{} has no pattern", shown())))?;
            let is_meant = |test: &usize| pattern.is_match(&format!("{:0>3}", problem.tests[*test].name));
            (0..problem.tests.len()).filter(is_meant).collect()
        };
        if tests.is_empty() {
            return Err(wrong(format!("{} has no tests", shown())));
        }
        for test in &tests {
            let seen = seen.get_mut(*test);
            let is_second = std::mem::replace(
                seen.ok_or_else(|| wrong(format!("{} has tests that input/ lacks", shown())))?,
                true,
            );
            if is_second {
                problem.unsupported.push(format!("{SHEET}: a test in more than one subtask"));
            }
        }
        let score = aggregate(rules, row.get(2).and_then(number), problem);
        subtasks.push(Subtask { points, score, tests });
    }
    Ok(subtasks)
}

/// How the tests of a subtask make its score.
fn aggregate(rules: &Rules<'_>, threshold: Option<f64>, problem: &mut Problem) -> Aggregate {
    match (rules.score_type, threshold) {
        (None | Some("GroupMin"), _) => Aggregate::Min,
        (Some("GroupMul"), _) => Aggregate::Product,
        (Some("GroupThreshold"), Some(most)) => Aggregate::Threshold(most),
        (Some(other), _) => {
            problem.unsupported.push(format!("{SHEET}: the score type {}", other.escape_debug()));
            Aggregate::Min
        }
    }
}

/// Each line that is not a comment is a test, `#COPY: PATH` too; `#ST: N` starts a subtask.
fn parse_gen(text: &str) -> Result<Vec<(f64, usize)>, Mistake> {
    let mut subtasks: Vec<(f64, usize)> = Vec::new();
    let mut without = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = |what: &str| Mistake::at(GEN, number as u64 + 1, what);
        // As CMS reads it: what comes first in the comment decides.
        let comment = line.split_once('#').map_or("", |(_, comment)| comment.trim());
        let is_test = !line.is_empty() && !line.starts_with('#') || comment.starts_with("COPY:");
        if let Some(points) = comment.strip_prefix("ST:").filter(|_| !is_test) {
            let points = points.trim().parse().map_err(|_| wrong("expected `#ST: POINTS`"))?;
            if without > 0 {
                return Err(wrong("there are tests before the first subtask"));
            }
            subtasks.push((points, 0));
        } else if is_test {
            match subtasks.last_mut() {
                Some((_, tests)) => *tests += 1,
                None => without += 1,
            }
        }
    }
    Ok(subtasks)
}

struct ParametersVisitor;

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Parameters, D::Error> {
        from.deserialize_any(ParametersVisitor)
    }
}

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Parameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a list of subtasks")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Parameters, E> {
        Ok(Parameters::Each(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Parameters, E> {
        Ok(Parameters::Each(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Parameters, E> {
        Ok(Parameters::Each(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Parameters, E> {
        match text.trim() {
            "" => Ok(Parameters::None),
            text => text
                .parse()
                .map(Parameters::Each)
                .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_unit<E>(self) -> Result<Parameters, E> {
        Ok(Parameters::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parameters, A::Error> {
        let mut rows = Vec::new();
        while let Some(Words(row)) = items.next_element()? {
            rows.push(row);
        }
        Ok(Parameters::Subtasks(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gen_lists_tests_and_subtasks() {
        let parse = |text| parse_gen(text).map_err(|mistake| mistake.to_string());
        let subtasks = parse("# sizes\n# ST: 40\n1 2 # two\n\n3 4\n#ST: 60\n# COPY: x.txt\n").unwrap();
        assert_eq!(subtasks, [(40.0, 2), (60.0, 1)]);
        assert!(parse("1 2\n3 4\n").unwrap().is_empty());
        assert_eq!(
            parse("1\n#ST: 5\n"),
            Err("gen/GEN:2: there are tests before the first subtask".to_owned())
        );
        assert_eq!(parse("#ST: x"), Err("gen/GEN:1: expected `#ST: POINTS`".to_owned()));
    }
}
