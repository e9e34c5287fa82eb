//! From the results of tests to one verdict and one score.

use serde::Serialize;

use super::result::TestResult;
use crate::problem::{Accept, Aggregate, Group, Member, Problem, Verdict};

/// A group's verdict and score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupResult {
    /// The group's name.
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its score; absent in a problem without scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The groups in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupResult>,
}

/// From the worst on: Kattis's order, after what is not the submission's fault.
const RANKS: [Verdict; 9] = [
    Verdict::InternalError,
    Verdict::JudgeError,
    Verdict::RunTimeError,
    Verdict::MemoryLimit,
    Verdict::TimeLimit,
    Verdict::OutputLimit,
    Verdict::WrongAnswer,
    Verdict::Skipped,
    Verdict::Accepted,
];

/// The result of all tests.
pub(super) fn total(problem: &Problem, tests: &[TestResult]) -> GroupResult {
    let mut failed = Vec::new();
    let mut total = result(&problem.root, problem, tests, &mut failed);
    // A judge that failed has no verdict, whatever else was found.
    let faults = tests.iter().map(|test| test.verdict);
    let fault = faults
        .filter(|verdict| matches!(verdict, Verdict::InternalError | Verdict::JudgeError))
        .min_by_key(rank);
    total.verdict = fault.unwrap_or(total.verdict);
    total
}

fn rank(verdict: &Verdict) -> usize {
    RANKS.iter().position(|other| other == verdict).unwrap_or(0)
}

/// A member's verdict, score and share of its points.
#[derive(Debug, Clone, Copy)]
struct Part {
    verdict: Verdict,
    score: f64,
    share: f64,
}

/// `failed` has the names of the groups before it that were not accepted.
fn result(group: &Group, problem: &Problem, tests: &[TestResult], failed: &mut Vec<String>) -> GroupResult {
    let mut parts = Vec::new();
    let mut groups = Vec::new();
    for member in &group.members {
        match member {
            Member::Test(test) => {
                let (points, result) = (problem.tests[*test].points, &tests[*test]);
                parts.push(Part {
                    verdict: result.verdict,
                    score: result.share * points,
                    share: result.share,
                });
            }
            Member::Group(inner) => {
                let result = result(inner, problem, tests, failed);
                if !inner.ignored {
                    let score = result.score.unwrap_or(0.0);
                    let share = inner.points.map_or(0.0, |points| score / points);
                    parts.push(Part { verdict: result.verdict, score, share });
                }
                groups.push(result);
            }
        }
    }
    let mut verdict = verdict(group.accept, &parts);
    let mut score = score(group, &parts, verdict);
    if group.requires.iter().any(|required| failed.contains(required)) {
        (verdict, score) =
            (if verdict == Verdict::Accepted { Verdict::Skipped } else { verdict }, score.map(|_| 0.0));
    }
    if verdict != Verdict::Accepted {
        failed.push(group.name.clone());
    }
    GroupResult { name: group.name.clone(), verdict, score, groups }
}

fn verdict(accept: Accept, parts: &[Part]) -> Verdict {
    let mut verdicts = parts.iter().map(|part| part.verdict);
    match accept {
        Accept::Always => Verdict::Accepted,
        Accept::Any if parts.iter().any(|part| part.verdict == Verdict::Accepted) => Verdict::Accepted,
        Accept::Any | Accept::Worst => verdicts.min_by_key(rank).unwrap_or(Verdict::Accepted),
        Accept::First => verdicts.find(|verdict| *verdict != Verdict::Accepted).unwrap_or(Verdict::Accepted),
    }
}

fn score(group: &Group, parts: &[Part], verdict: Verdict) -> Option<f64> {
    let scores = || parts.iter().map(|part| part.score);
    let least = || scores().reduce(f64::min).unwrap_or(0.0);
    let points = group.points.unwrap_or_else(least);
    Some(match group.score {
        Aggregate::None => return None,
        Aggregate::PassFail if verdict == Verdict::Accepted => points,
        Aggregate::PassFail => 0.0,
        Aggregate::Sum => scores().sum(),
        Aggregate::Min => least(),
        Aggregate::Max => scores().reduce(f64::max).unwrap_or(0.0),
        Aggregate::Average => scores().sum::<f64>() / parts.len().max(1) as f64,
        Aggregate::Product => points * parts.iter().map(|part| part.share).product::<f64>(),
        Aggregate::Threshold(most) => {
            let reached = parts.iter().all(|part| part.share > 0.0 && part.share <= most);
            if reached { points } else { 0.0 }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::plain_problem;
    use Verdict::{Accepted, JudgeError, RunTimeError, TimeLimit, WrongAnswer};

    /// Verdict and score of one group with tests of 10 points each.
    fn judged(aggregate: Aggregate, accept: Accept, results: &[(Verdict, f64)]) -> (Verdict, Option<f64>) {
        let mut problem = plain_problem(results.len(), 10.0);
        (problem.root.score, problem.root.accept, problem.root.points) = (aggregate, accept, Some(10.0));
        let tests: Vec<TestResult> =
            results.iter().map(|(verdict, share)| TestResult::of(*verdict, *share)).collect();
        let total = total(&problem, &tests);
        (total.verdict, total.score)
    }

    #[test]
    fn each_rule_makes_its_score() {
        let results = [(Accepted, 1.0), (Accepted, 0.5), (Accepted, 0.8)];
        for (aggregate, score) in [
            (Aggregate::None, None),
            (Aggregate::PassFail, Some(10.0)),
            (Aggregate::Sum, Some(23.0)),
            (Aggregate::Min, Some(5.0)),
            (Aggregate::Max, Some(10.0)),
            (Aggregate::Product, Some(4.0)),
            (Aggregate::Threshold(1.0), Some(10.0)),
            (Aggregate::Threshold(0.9), Some(0.0)),
        ] {
            assert_eq!(judged(aggregate, Accept::First, &results), (Accepted, score), "{aggregate:?}");
        }
        assert_eq!(
            judged(Aggregate::PassFail, Accept::First, &[(Accepted, 1.0), (WrongAnswer, 0.0)]).1,
            Some(0.0)
        );
        assert_eq!(
            judged(Aggregate::Average, Accept::First, &[(Accepted, 1.0), (WrongAnswer, 0.0)]).1,
            Some(5.0)
        );
    }

    #[test]
    fn the_first_the_worst_or_one_verdict_counts() {
        let results = [(Accepted, 1.0), (WrongAnswer, 0.0), (RunTimeError, 0.0), (TimeLimit, 0.0)];
        let verdict = |accept| judged(Aggregate::None, accept, &results).0;
        assert_eq!(verdict(Accept::First), WrongAnswer);
        assert_eq!(verdict(Accept::Worst), RunTimeError);
        assert_eq!([verdict(Accept::Any), verdict(Accept::Always)], [Accepted; 2]);
    }

    #[test]
    fn a_group_that_does_not_count_is_shown_only() {
        let mut problem = plain_problem(2, 10.0);
        let mut ignored = Group::new("sample", Aggregate::Sum);
        (ignored.ignored, ignored.members) = (true, vec![Member::Test(0)]);
        problem.root = Group::new("", Aggregate::Sum);
        problem.root.members = vec![Member::Group(ignored), Member::Test(1)];
        let total = total(&problem, &[TestResult::of(WrongAnswer, 0.0), TestResult::of(Accepted, 1.0)]);
        assert_eq!(
            (total.verdict, total.score, total.groups[0].verdict),
            (Accepted, Some(10.0), WrongAnswer)
        );
        let tests = [TestResult::of(Accepted, 1.0), TestResult::of(Accepted, 1.0)];
        assert_eq!(super::total(&problem, &tests).score, Some(10.0));
    }

    #[test]
    fn a_judge_that_failed_gives_no_verdict() {
        let results = [(WrongAnswer, 0.0), (JudgeError, 0.0)];
        for accept in [Accept::First, Accept::Worst, Accept::Always] {
            assert_eq!(judged(Aggregate::None, accept, &results).0, JudgeError);
        }
    }
}
