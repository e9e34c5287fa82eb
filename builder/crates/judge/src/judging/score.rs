//! From the results of tests to one verdict and one score.

use serde::Serialize;

use super::result::TestResult;
use crate::problem::{Accept, Aggregate, Format, Group, Member, Problem, StopAt, Verdict};

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
    /// What is wrong with the program that should have made them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The groups in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupResult>,
}

impl GroupResult {
    /// What is wrong with the program that should have made verdict and score of it, or of a group in it.
    pub(super) fn trouble(&self) -> Option<String> {
        if self.message.is_empty() {
            return self.groups.iter().find_map(GroupResult::trouble);
        }
        let place = if self.name.is_empty() { "all tests" } else { &self.name };
        Some(format!("{place}: {}", self.message))
    }
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

/// Of a problem without a program for it.
#[cfg(test)]
pub(super) fn no_grader(_: &[String], _: &str) -> Result<(Verdict, f64), (Verdict, String)> {
    Err((Verdict::InternalError, "there is no grader".to_owned()))
}

/// Makes verdict and score of a group whose problem has a program for it, from a line for each member; or says what is wrong.
pub(super) type Grade<'a> = &'a dyn Fn(&[String], &str) -> Result<(Verdict, f64), (Verdict, String)>;

/// The result of all tests.
pub(super) fn total(problem: &Problem, tests: &[TestResult], grade: Grade<'_>) -> GroupResult {
    let mut total = Scorer { problem, tests, grade, failed: Vec::new() }.result(&problem.root);
    // A judge that failed has no verdict, whatever else was found.
    let faults = tests.iter().map(|test| test.verdict).chain([total.verdict]).filter(is_fault);
    total.verdict = faults.min_by_key(rank).unwrap_or(total.verdict);
    total
}

fn rank(verdict: &Verdict) -> usize {
    RANKS.iter().position(|other| other == verdict).unwrap_or(0)
}

fn is_fault(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::InternalError | Verdict::JudgeError)
}

/// A member's verdict, score and share of its points.
#[derive(Debug, Clone, Copy)]
struct Part {
    verdict: Verdict,
    score: f64,
    share: f64,
    /// Whether it was left out because of a failure before it. One whose requirements failed counts, with nothing.
    is_left_out: bool,
}

struct Scorer<'a> {
    problem: &'a Problem,
    tests: &'a [TestResult],
    grade: Grade<'a>,
    /// The names of the groups so far that were not accepted.
    failed: Vec<String>,
}

impl Scorer<'_> {
    fn result(&mut self, group: &Group) -> GroupResult {
        let mut parts = Vec::new();
        let mut groups = Vec::new();
        for member in &group.members {
            match member {
                Member::Test(test) => parts.push(self.test(*test)),
                Member::Group(inner) => {
                    let result = self.result(inner);
                    if !inner.ignored {
                        parts.push(part(inner, &result));
                    }
                    groups.push(result);
                }
            }
        }
        let counted = self.counted(group, &parts);
        let score = |verdict| score(group, &counted, verdict);
        let fault = parts.iter().map(|part| part.verdict).filter(is_fault).min_by_key(rank);
        let made = match (&group.grader, fault) {
            (_, Some(fault)) => Ok((fault, score(fault))),
            (Some(flags), None) => self.graded(group, flags, &parts),
            (None, None) => {
                // A member that the group did not need for all of its points cannot fail it.
                let is_cut = group.stop_at == StopAt::Everything;
                let verdict = verdict(group.accept, if is_cut { &counted } else { &parts });
                Ok((verdict, score(verdict)))
            }
        };
        let (mut verdict, mut score, message) = match made {
            Ok((verdict, score)) => (verdict, score, String::new()),
            Err((verdict, message)) => (verdict, score(verdict).map(|_| 0.0), message),
        };
        if group.requires.iter().any(|required| self.failed.contains(required)) {
            verdict = if verdict == Verdict::Accepted { Verdict::Skipped } else { verdict };
            score = score.map(|_| 0.0);
        }
        if verdict != Verdict::Accepted {
            self.failed.push(group.name.clone());
        }
        GroupResult { name: group.name.clone(), verdict, score, message, groups }
    }

    fn test(&self, test: usize) -> Part {
        let (test, result) = (&self.problem.tests[test], &self.tests[test]);
        let is_left_out = result.verdict == Verdict::Skipped;
        let is_rejected = result.verdict != Verdict::Accepted && !is_left_out && result.share == 0.0;
        let score = if is_rejected { test.reject_points } else { result.share * test.points };
        Part { verdict: result.verdict, score, share: result.share, is_left_out }
    }

    /// The members that make the score. A group of legacy Kattis that ends at a failure in it is worth what was judged until
    /// then: its grader sees no more (PPF spec/legacy.md). One that ends with all points is worth them: what comes after the
    /// first member that has them does not count, also where it was judged. Elsewhere a member that was left out counts,
    /// with nothing.
    fn counted(&self, group: &Group, parts: &[Part]) -> Vec<Part> {
        let is_legacy = matches!(self.problem.format, Format::KattisLegacy | Format::IcpcLegacy);
        let is_full = |part: &Part| group.is_full(part.share, part.score);
        let counted = match group.stop_at {
            StopAt::Everything => {
                let last = parts.iter().position(is_full);
                &parts[..last.map_or(parts.len(), |last| last + 1)]
            }
            _ => parts,
        };
        let is_cut = is_legacy && group.stop_at == StopAt::Failure;
        counted.iter().filter(|part| !(is_cut && part.is_left_out)).copied().collect()
    }

    /// By the problem's own program, which sees what was judged. Nothing is right, and worth nothing (PPF spec/legacy.md).
    fn graded(
        &self,
        group: &Group,
        flags: &[String],
        parts: &[Part],
    ) -> Result<(Verdict, Option<f64>), (Verdict, String)> {
        let judged = parts.iter().filter(|part| !part.is_left_out);
        let lines: String = judged.map(|part| format!("{} {}\n", part.verdict.word(), part.score)).collect();
        let (verdict, score) = match lines.is_empty() {
            true => (Verdict::Accepted, 0.0),
            false => (self.grade)(flags, &lines)?,
        };
        Ok((verdict, (group.score != Aggregate::None).then_some(score)))
    }
}

/// A group as a member of another.
fn part(group: &Group, result: &GroupResult) -> Part {
    let score = result.score.unwrap_or(0.0);
    let share = group.points.map_or(0.0, |points| score / points);
    let is_left_out = result.verdict == Verdict::Skipped && group.requires.is_empty();
    Part { verdict: result.verdict, score, share, is_left_out }
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
        // A case of Hydro may be worth more than its subtask, whose score begins with all of it (hydrojudge/src/flow.ts).
        Aggregate::Min => least().min(group.points.unwrap_or(f64::INFINITY)),
        Aggregate::Max => scores().reduce(f64::max).unwrap_or(0.0),
        Aggregate::Average => scores().sum::<f64>() / scores().count().max(1) as f64,
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
    use crate::files::Files;
    use crate::read::plain_problem;
    use Verdict::{Accepted, JudgeError, RunTimeError, TimeLimit, WrongAnswer};

    /// Verdict and score of one group with tests of 10 points each.
    fn judged(aggregate: Aggregate, accept: Accept, results: &[(Verdict, f64)]) -> (Verdict, Option<f64>) {
        let mut problem = plain_problem(results.len().max(1), 10.0);
        problem.root.members.truncate(results.len());
        (problem.root.score, problem.root.accept, problem.root.points) = (aggregate, accept, Some(10.0));
        let tests: Vec<TestResult> =
            results.iter().map(|(verdict, share)| TestResult::of(*verdict, *share)).collect();
        let total = total(&problem, &tests, &no_grader);
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
        for aggregate in [Aggregate::PassFail, Aggregate::Threshold(1.0)] {
            let failed = judged(aggregate, Accept::First, &[(Accepted, 1.0), (WrongAnswer, 0.0)]);
            assert_eq!(failed.1, Some(0.0), "{aggregate:?}");
        }
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
        let total =
            total(&problem, &[TestResult::of(WrongAnswer, 0.0), TestResult::of(Accepted, 1.0)], &no_grader);
        assert_eq!(
            (total.verdict, total.score, total.groups[0].verdict),
            (Accepted, Some(10.0), WrongAnswer)
        );
        let tests = [TestResult::of(Accepted, 1.0), TestResult::of(Accepted, 1.0)];
        assert_eq!(super::total(&problem, &tests, &no_grader).score, Some(10.0));
        // But a judge that failed there has no verdict on the rest, either.
        let tests = [TestResult::of(JudgeError, 0.0), TestResult::of(Accepted, 1.0)];
        assert_eq!(super::total(&problem, &tests, &no_grader).verdict, JudgeError);
    }

    #[test]
    fn a_judge_that_failed_gives_no_verdict() {
        let results = [(WrongAnswer, 0.0), (JudgeError, 0.0)];
        for accept in [Accept::First, Accept::Worst, Accept::Always] {
            assert_eq!(judged(Aggregate::None, accept, &results).0, JudgeError);
        }
    }

    #[test]
    fn a_group_with_a_judge_that_failed_fails_in_the_same_way() {
        let mut problem = plain_problem(2, 10.0);
        let mut inner = Group::new("inner", Aggregate::None);
        (inner.accept, inner.members) = (Accept::Always, vec![Member::Test(0)]);
        problem.root.members = vec![Member::Group(inner), Member::Test(1)];
        let tests = [JudgeError, Accepted].map(|verdict| TestResult::of(verdict, 0.0));
        assert_eq!(total(&problem, &tests, &no_grader).groups[0].verdict, JudgeError);
    }

    #[test]
    fn verdicts_have_an_order_from_the_worst_on() {
        use Verdict::{MemoryLimit, OutputLimit};
        let order = [RunTimeError, MemoryLimit, TimeLimit, OutputLimit, WrongAnswer];
        for (at, worst) in order.iter().enumerate() {
            let results: Vec<_> = order[at..].iter().rev().map(|verdict| (*verdict, 0.0)).collect();
            assert_eq!(judged(Aggregate::None, Accept::Worst, &results).0, *worst);
        }
        assert_eq!(judged(Aggregate::Sum, Accept::Worst, &[]), (Accepted, Some(0.0)));
    }

    #[test]
    fn what_was_left_out_is_no_part_of_a_score_where_the_format_says_so_only() {
        let skipped = TestResult::of(Verdict::Skipped, 0.0);
        let tests =
            [TestResult::of(Accepted, 1.0), TestResult::of(WrongAnswer, 0.5), skipped.clone(), skipped];
        let mut problem = plain_problem(4, 10.0);
        let mut score = |aggregate, format, stops| {
            problem.root.stop_at = StopAt::failure_if(stops);
            (problem.format, problem.root.score) = (format, aggregate);
            total(&problem, &tests, &no_grader).score
        };
        for (format, stops, mean, least) in [
            (Format::KattisLegacy, true, 7.5, 5.0),
            (Format::IcpcLegacy, true, 7.5, 5.0),
            // Another group has ended it.
            (Format::KattisLegacy, false, 3.75, 0.0),
            (Format::Hydro, true, 3.75, 0.0),
            (Format::Polygon, true, 3.75, 0.0),
            (Format::Kattis2025, false, 3.75, 0.0),
        ] {
            assert_eq!(score(Aggregate::Average, format, stops), Some(mean), "{format:?} {stops}");
            assert_eq!(score(Aggregate::Min, format, stops), Some(least), "{format:?} {stops}");
        }
    }

    #[test]
    fn what_is_not_needed_for_all_points_is_no_failure() {
        let mut problem = plain_problem(3, 10.0);
        (problem.root.score, problem.root.stop_at) = (Aggregate::Max, StopAt::Everything);
        problem.root.points = Some(10.0);
        let result = |results: [(Verdict, f64); 3]| {
            let tests = results.map(|(verdict, share)| TestResult::of(verdict, share));
            let total = total(&problem, &tests, &no_grader);
            (total.verdict, total.score)
        };
        let skipped = (Verdict::Skipped, 0.0);
        assert_eq!(result([(Accepted, 1.0), skipped, skipped]), (Accepted, Some(10.0)));
        assert_eq!(result([(WrongAnswer, 0.5), (Accepted, 1.0), skipped]), (WrongAnswer, Some(10.0)));
        assert_eq!(result([skipped; 3]), (Verdict::Skipped, Some(0.0)));
    }

    /// Verdict and score of a problem of Hydro with these subtasks, in which `CASE` begins a case.
    fn of_hydro(subtasks: &str, results: &[(Verdict, f64)]) -> (Verdict, f64) {
        let config = format!("subtasks: {}", subtasks.replace("CASE", "input: a, output: b"));
        let files = [("testdata/config.yaml", config.as_str()), ("testdata/a", ""), ("testdata/b", "")];
        let problem = crate::read(&mut Files::in_memory(files)).unwrap();
        let tests: Vec<_> = results.iter().map(|(verdict, share)| TestResult::of(*verdict, *share)).collect();
        let total = total(&problem, &tests, &no_grader);
        (total.verdict, total.score.unwrap())
    }

    #[test]
    fn what_comes_after_all_points_is_no_failure_where_nothing_stops() {
        let (right, wrong) = ((Accepted, 1.0), (WrongAnswer, 0.0));
        let subtasks = "[{id: 1, score: 40, type: max, cases: [{CASE}, {CASE}]}, {if: [1], cases: [{CASE}]}]";
        assert_eq!(of_hydro(subtasks, &[right, wrong, right]), (Accepted, 100.0));
        assert_eq!(of_hydro(subtasks, &[wrong, right, right]), (WrongAnswer, 40.0));
        // All points of a case may be less.
        let less = subtasks.replacen("CASE", "CASE, score: 10", 1);
        assert_eq!(of_hydro(&less, &[right, wrong, right]), (WrongAnswer, 10.0));
    }

    #[test]
    fn the_least_of_a_group_is_not_more_than_its_points() {
        let score =
            |share| of_hydro("[{type: min, score: 40, cases: [{CASE, score: 50}]}]", &[(Accepted, share)]).1;
        assert_eq!([score(1.0), score(0.8), score(0.5)], [40.0, 40.0, 25.0]);
    }

    #[test]
    fn a_failed_test_may_have_a_score() {
        let mut problem = plain_problem(3, 10.0);
        problem.root.score = Aggregate::Sum;
        problem.tests.iter_mut().for_each(|test| test.reject_points = 2.0);
        let tests = [(Accepted, 1.0), (TimeLimit, 0.0), (Verdict::Skipped, 0.0)];
        let tests = tests.map(|(verdict, share)| TestResult::of(verdict, share));
        assert_eq!(total(&problem, &tests, &no_grader).score, Some(12.0));
        (problem.format, problem.root.score) = (Format::KattisLegacy, Aggregate::Min);
        assert_eq!(total(&problem, &tests, &no_grader).score, Some(2.0));
    }

    #[test]
    fn a_group_whose_requirement_failed_is_worth_nothing() {
        let mut problem = plain_problem(2, 10.0);
        let group = |name: &str, test: usize| {
            let mut group = Group::new(name, Aggregate::Sum);
            group.members = vec![Member::Test(test)];
            group
        };
        let (first, mut second) = (group("a", 0), group("b", 1));
        second.requires = vec!["a".to_owned()];
        problem.root = Group::new("", Aggregate::Sum);
        problem.root.members = vec![Member::Group(first), Member::Group(second)];
        let of = |first: Verdict, share: f64| {
            let tests = [TestResult::of(first, share), TestResult::of(Accepted, 1.0)];
            let total = total(&problem, &tests, &no_grader);
            (total.score, total.groups[1].verdict)
        };
        assert_eq!(of(Accepted, 1.0), (Some(20.0), Accepted));
        assert_eq!(of(WrongAnswer, 0.0), (Some(0.0), Verdict::Skipped));
    }

    #[test]
    fn a_grader_sees_what_was_judged_and_decides() {
        let mut problem = plain_problem(3, 10.0);
        (problem.root.score, problem.root.grader) = (Aggregate::Sum, Some(vec!["flag".to_owned()]));
        let tests = [(Accepted, 1.0), (WrongAnswer, 0.0), (Verdict::Skipped, 0.0)];
        let mut tests = tests.map(|(verdict, share)| TestResult::of(verdict, share));
        let made = total(&problem, &tests, &|flags, lines| {
            assert_eq!((flags, lines), (&["flag".to_owned()][..], "AC 10\nWA 0\n"));
            Ok((Accepted, 7.5))
        });
        assert_eq!((made.verdict, made.score), (Accepted, Some(7.5)));
        let broken = total(&problem, &tests, &|_, _| Err((JudgeError, "broken".to_owned())));
        assert_eq!(
            (broken.verdict, broken.score, broken.message.as_str()),
            (JudgeError, Some(0.0), "broken")
        );
        // It is not asked about a judge that failed, or about nothing.
        tests[1].verdict = JudgeError;
        assert_eq!(total(&problem, &tests, &no_grader).message, "");
        problem.root.members.clear();
        let nothing = total(&problem, &[], &no_grader);
        assert_eq!((nothing.verdict, nothing.score), (Accepted, Some(0.0)));
    }
}
