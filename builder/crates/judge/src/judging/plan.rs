//! Which tests are left out: after a failure in a group that stops there, and in a group whose requirements failed.

use std::iter;

use super::Stop;
use crate::problem::{Accept, Group, Member, Problem, StopAt, Test, Verdict};

/// A place in the order of the tests, of one that is not there.
const NOWHERE: usize = usize::MAX;

/// The groups of a problem.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// Each before those that are in it.
    nodes: Vec<Node<'a>>,
    seats: Vec<Seat>,
    stop: Stop,
}

#[derive(Debug)]
struct Node<'a> {
    group: &'a Group,
    parent: Option<usize>,
    requires: Vec<usize>,
    /// How many tests are in it, and the place after the last one.
    count: usize,
    after: usize,
}

/// Where a test is.
#[derive(Debug, Clone, Copy)]
struct Seat {
    /// Its innermost group.
    group: usize,
    /// Its place among all tests as the groups list them.
    place: usize,
    points: f64,
}

/// What is known of the tests so far. Each question and each answer takes as long as the groups are deep, however many
/// tests there are.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    plan: &'a Plan<'a>,
    groups: Vec<State>,
}

/// What is known of a group.
#[derive(Debug, Clone, Copy)]
struct State {
    /// The place of the first test in it that was not accepted, of those in groups that stop at all points only if the group
    /// is not accepted.
    failure: usize,
    /// The place of the last test in it that is judged.
    end: usize,
    /// Whether a member was not accepted, and whether one was.
    has_failed: bool,
    has_accepted: bool,
    /// Whether one was not accepted that was judged.
    has_judged_failure: bool,
    /// Whether one was left out, or ran before it was known that it is to be judged.
    has_doubt: bool,
    /// Tests in it that have not ended.
    open: usize,
}

/// What came of a member of a group: a test, or a group.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    is_accepted: bool,
    /// Whether it was judged, and is judged whatever comes of the tests that have not ended.
    was_judged: bool,
    has_points: bool,
    /// `None` for a group: the plan does not know group scores.
    worth: Option<Worth>,
    /// The last test that was judged to find out.
    place: usize,
}

/// The part of a test's points that it gets, and its score.
#[derive(Debug, Clone, Copy)]
struct Worth {
    share: f64,
    score: f64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(problem: &'a Problem, stop: Stop) -> Plan<'a> {
        let seat = |test: &Test| Seat { group: 0, place: NOWHERE, points: test.points };
        let seats = problem.tests.iter().map(seat).collect();
        let mut plan = Plan { nodes: Vec::new(), seats, stop };
        plan.enter(&problem.root, None, &mut 0);
        for node in 0..plan.nodes.len() {
            let named = |name: &String| plan.nodes.iter().position(|node| node.group.name == *name);
            plan.nodes[node].requires = plan.nodes[node].group.requires.iter().filter_map(named).collect();
        }
        plan
    }

    fn enter(&mut self, group: &'a Group, parent: Option<usize>, next: &mut usize) {
        let number = self.nodes.len();
        let first = *next;
        self.nodes.push(Node { group, parent, requires: Vec::new(), count: 0, after: first });
        for member in &group.members {
            match member {
                Member::Test(test) => {
                    (self.seats[*test].group, self.seats[*test].place) = (number, *next);
                    *next += 1;
                }
                Member::Group(inner) => self.enter(inner, Some(number), next),
            }
        }
        (self.nodes[number].count, self.nodes[number].after) = (*next - first, *next);
    }

    /// The groups around a test, from the inside out.
    fn around(&self, test: usize) -> impl Iterator<Item = usize> {
        let place = self.seats[test].place;
        let innermost = (place != NOWHERE).then_some(self.seats[test].group);
        iter::successors(innermost, |group| self.nodes[*group].parent)
    }

    /// Nothing is known yet.
    pub(super) fn begin(&'a self) -> Progress<'a> {
        let state = |node: &Node<'_>| State {
            failure: NOWHERE,
            end: NOWHERE,
            has_failed: false,
            has_accepted: false,
            has_judged_failure: false,
            has_doubt: false,
            open: node.count,
        };
        Progress { plan: self, groups: self.nodes.iter().map(state).collect() }
    }
}

impl Progress<'_> {
    /// A test has ended, or was left out; each test once.
    pub(super) fn note(&mut self, test: usize, verdict: Verdict, share: f64) {
        let Seat { place, points, .. } = self.plan.seats[test];
        let is_accepted = verdict == Verdict::Accepted;
        // A test that was skipped because the score is decided changes nothing.
        let is_spared = verdict == Verdict::Skipped && self.is_spared(test);
        let (has_points, worth) = (points > 0.0, Some(Worth { share, score: share * points }));
        let was_judged = verdict != Verdict::Skipped && self.meets_requirements(test);
        let outcome = Outcome { is_accepted, was_judged, has_points, worth, place };
        let mut outcome = (!is_spared).then_some(outcome);
        let mut failure = if is_accepted || is_spared { NOWHERE } else { place };
        for number in self.plan.around(test) {
            let (node, state) = (&self.plan.nodes[number], &mut self.groups[number]);
            state.failure = state.failure.min(failure);
            state.open -= 1;
            if let Some(outcome) = outcome {
                state.add(node.group, outcome);
            }
            outcome = state.outcome(node);
            if node.group.stop_at == StopAt::Everything {
                let is_rejected = outcome.is_some_and(|outcome| !outcome.is_accepted);
                failure = if is_rejected { state.failure } else { NOWHERE };
            }
        }
    }

    /// Whether a group around a test has all points, so that the test is not needed.
    fn is_spared(&self, test: usize) -> bool {
        let is_decided = |group: usize| {
            self.plan.nodes[group].group.stop_at == StopAt::Everything && self.has_ended(group, test)
        };
        self.plan.around(test).any(is_decided)
    }

    /// Whether all groups that those around a test require are accepted, whatever comes of the tests that have not ended.
    fn meets_requirements(&self, test: usize) -> bool {
        let is_sure = |outcome: Outcome| outcome.is_accepted && outcome.was_judged;
        let is_met = |required: &usize| self.outcome(*required).is_some_and(is_sure);
        self.plan.around(test).all(|group| self.plan.nodes[group].requires.iter().all(is_met))
    }

    fn outcome(&self, group: usize) -> Option<Outcome> {
        self.groups[group].outcome(&self.plan.nodes[group])
    }

    fn has_ended(&self, group: usize, test: usize) -> bool {
        self.groups[group].end < self.plan.seats[test].place
    }

    /// Whether a test is left out, by the tests before it. With tests before it that have not ended it may still be.
    pub(super) fn is_skipped(&self, test: usize) -> bool {
        let is_rejected = |group: &usize| self.outcome(*group).is_some_and(|outcome| !outcome.is_accepted);
        let place = self.plan.seats[test].place;
        let mut around = self.plan.around(test);
        match self.plan.stop {
            Stop::Never => false,
            Stop::First => around.any(|group| self.groups[group].failure < place) || self.is_spared(test),
            Stop::Group => around.any(|number| {
                self.plan.nodes[number].requires.iter().any(is_rejected) || self.has_ended(number, test)
            }),
        }
    }
}

impl State {
    /// A member has an outcome.
    fn add(&mut self, group: &Group, outcome: Outcome) {
        let Outcome { is_accepted, was_judged, has_points, worth, place } = outcome;
        *(if is_accepted { &mut self.has_accepted } else { &mut self.has_failed }) = true;
        self.has_judged_failure |= !is_accepted && was_judged;
        self.has_doubt |= !was_judged;
        let is_last = match group.stop_at {
            StopAt::Never => false,
            StopAt::Failure => !is_accepted,
            StopAt::Sample => !is_accepted && !has_points && was_judged,
            StopAt::Nothing => worth.is_some_and(|worth| worth.share <= 0.0),
            StopAt::Everything => worth.is_some_and(|worth| group.is_full(worth.share, worth.score)),
        };
        if is_last {
            self.end = self.end.min(place);
        }
    }

    /// The group's outcome, once it is certain. A grader has not run yet, so this assumes that it is as strict as the rules.
    fn outcome(&self, node: &Node<'_>) -> Option<Outcome> {
        let is_over = self.open == 0;
        let place = if self.end == NOWHERE { node.after.saturating_sub(1) } else { self.end };
        let has_failed = match node.group.stop_at {
            // A member after the one that is worth all points cannot fail the group, whichever of the two ends first.
            StopAt::Everything => is_over && self.failure != NOWHERE && self.failure <= self.end,
            _ => self.has_failed,
        };
        let is_accepted = match node.group.accept {
            Accept::Always if is_over => true,
            Accept::Any if is_over => self.has_accepted,
            Accept::Worst | Accept::First if has_failed => false,
            Accept::Worst | Accept::First if is_over => true,
            _ => return None,
        };
        let has_points = node.group.points.is_none_or(|points| points > 0.0);
        let was_judged = if is_accepted { !self.has_doubt } else { self.has_judged_failure };
        Some(Outcome { is_accepted, was_judged, has_points, worth: None, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use Verdict::{Accepted, Skipped, WrongAnswer};

    /// The verdicts of all tests if those with these numbers are wrong.
    fn verdicts(files: &[(&str, &str)], stop: Stop, wrong: &[usize]) -> Vec<Verdict> {
        verdicts_with(files, stop, &|test| if wrong.contains(&test) { 0.0 } else { 1.0 })
    }

    /// The verdicts of all tests if this is the part of its points that each one gets.
    fn verdicts_with(files: &[(&str, &str)], stop: Stop, share: &dyn Fn(usize) -> f64) -> Vec<Verdict> {
        let problem = crate::read(&mut Files::in_memory(files.iter().copied())).unwrap();
        let plan = Plan::new(&problem, stop);
        let mut progress = plan.begin();
        let verdict = |test| {
            let (verdict, share) = match share(test) {
                _ if progress.is_skipped(test) => (Skipped, 0.0),
                share if share < 1.0 => (WrongAnswer, share),
                share => (Accepted, share),
            };
            progress.note(test, verdict, share);
            verdict
        };
        (0..problem.tests.len()).map(verdict).collect()
    }

    const PLAIN: [(&str, &str); 6] =
        [("1.in", ""), ("1.ans", ""), ("2.in", ""), ("2.ans", ""), ("3.in", ""), ("3.ans", "")];

    #[test]
    fn a_failure_ends_a_problem_without_scores() {
        assert_eq!(verdicts(&PLAIN, Stop::Group, &[1]), [Accepted, WrongAnswer, Skipped]);
        assert_eq!(verdicts(&PLAIN, Stop::Never, &[1]), [Accepted, WrongAnswer, Accepted]);
    }

    #[test]
    fn a_failure_leaves_out_what_comes_after_it_and_nothing_before() {
        let problem = crate::read(&mut Files::in_memory(PLAIN)).unwrap();
        for stop in [Stop::First, Stop::Group] {
            let plan = Plan::new(&problem, stop);
            let mut progress = plan.begin();
            // The second has ended first, as several run at a time.
            progress.note(1, WrongAnswer, 0.0);
            assert_eq!([0, 1, 2].map(|test| progress.is_skipped(test)), [false, false, true], "{stop:?}");
        }
    }

    const GROUPS: [(&str, &str); 9] = [
        (
            "testdata/config.yaml",
            "subtasks: [{id: 1, type: min, cases: [{input: a, output: b}, {input: a, output: b}]}, {id: 2, type: sum, cases: [{input: a, output: b}]}, {id: 3, type: min, if: [1], cases: [{input: a, output: b}]}]",
        ),
        ("testdata/a", ""),
        ("testdata/b", ""),
        ("x1", ""),
        ("x2", ""),
        ("x3", ""),
        ("x4", ""),
        ("x5", ""),
        ("x6", ""),
    ];

    #[test]
    fn a_failure_ends_its_group_and_those_that_require_it() {
        assert_eq!(verdicts(&GROUPS, Stop::Group, &[0]), [WrongAnswer, Skipped, Accepted, Skipped]);
        assert_eq!(verdicts(&GROUPS, Stop::Group, &[2]), [Accepted, Accepted, WrongAnswer, Accepted]);
        assert_eq!(verdicts(&GROUPS, Stop::First, &[2]), [Accepted, Accepted, WrongAnswer, Skipped]);
        assert_eq!(verdicts(&GROUPS, Stop::Never, &[0]), [WrongAnswer, Accepted, Accepted, Accepted]);
    }

    /// A subtask of three tests of this type, and one of one test that needs it.
    fn subtasks(kind: &str) -> Vec<(&'static str, String)> {
        let case = "{input: a, output: b}";
        let config = format!(
            "subtasks: [{{id: 1, type: {kind}, cases: [{case}, {case}, {case}]}}, {{id: 2, if: [1], cases: [{case}]}}]"
        );
        vec![("testdata/config.yaml", config), ("testdata/a", String::new()), ("testdata/b", String::new())]
    }

    #[test]
    fn a_subtask_of_hydro_ends_when_its_score_is_decided() {
        let with = |kind: &str, shares: [f64; 4]| {
            let files = subtasks(kind);
            let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
            verdicts_with(&files, Stop::Group, &|test| shares[test])
        };
        assert_eq!(with("min", [0.5, 0.0, 1.0, 1.0]), [WrongAnswer, WrongAnswer, Skipped, Skipped]);
        assert_eq!(with("min", [0.5, 0.5, 1.0, 1.0]), [WrongAnswer, WrongAnswer, Accepted, Skipped]);
        assert_eq!(with("max", [1.0, 0.0, 0.0, 1.0]), [Accepted, Skipped, Skipped, Accepted]);
        assert_eq!(with("max", [0.5, 1.0, 0.0, 1.0]), [WrongAnswer, Accepted, Skipped, Skipped]);
        assert_eq!(with("sum", [1.0, 0.0, 1.0, 1.0]), [Accepted, WrongAnswer, Accepted, Skipped]);
    }

    #[test]
    fn a_subtask_of_hydro_is_decided_by_points_and_not_by_shares() {
        let judged = |stop, scores: [u32; 3], shares: [f64; 3]| {
            let cases = scores.map(|score| format!("{{input: a, output: b, score: {score}}}")).join(", ");
            let next = "{if: [1], cases: [{input: a, output: b}]}";
            let config = format!("subtasks: [{{type: max, score: 40, cases: [{cases}]}}, {next}]");
            let files = [("testdata/config.yaml", config.as_str()), ("testdata/a", ""), ("testdata/b", "")];
            verdicts_with(&files, stop, &|test| *shares.get(test).unwrap_or(&1.0))
        };
        let with = |scores, shares| judged(Stop::Group, scores, shares);
        let first = |scores, shares| judged(Stop::First, scores, shares);
        // Without a score, which is 0 here, a case is worth all.
        assert_eq!(with([10, 0, 0], [1.0, 1.0, 1.0]), [Accepted, Accepted, Skipped, Accepted]);
        // A case that reaches all points with only part of its own still fails.
        assert_eq!(with([80, 0, 0], [0.5, 1.0, 1.0]), [WrongAnswer, Skipped, Skipped, Skipped]);
        assert_eq!(first([10, 0, 0], [1.0, 1.0, 0.0]), [Accepted, Accepted, Skipped, Accepted]);
        assert_eq!(first([10, 0, 0], [1.0, 0.0, 1.0]), [Accepted, WrongAnswer, Skipped, Skipped]);
        assert_eq!(with([80, 0, 0], [0.25, 0.5, 1.0]), [WrongAnswer, WrongAnswer, Accepted, Skipped]);
    }

    /// The verdicts of these cases, in which `C` stands for the files of one.
    fn dmoj(cases: &str, wrong: &[usize]) -> Vec<Verdict> {
        let init = format!("test_cases: [{}]", cases.replace('C', "in: a, out: b"));
        verdicts(&[("init.yml", &init), ("a", ""), ("b", "")], Stop::Group, wrong)
    }

    #[test]
    fn a_case_of_dmoj_without_points_that_fails_ends_everything() {
        let cases = "{C, points: 0}, {batched: [{C}, {C}], points: 0}, {C, points: 5}, {C}";
        let verdicts = |wrong: &[usize]| dmoj(cases, wrong);
        assert_eq!(verdicts(&[0]), [WrongAnswer, Skipped, Skipped, Skipped, Skipped]);
        assert_eq!(verdicts(&[1]), [Accepted, WrongAnswer, Skipped, Skipped, Skipped]);
        assert_eq!(verdicts(&[3]), [Accepted, Accepted, Accepted, WrongAnswer, Accepted]);
    }

    #[test]
    fn a_batch_of_dmoj_that_is_left_out_ends_nothing() {
        let cases =
            "{batched: [{C}], points: 5}, {batched: [{C}], points: 0, dependencies: [1]}, {C, points: 95}";
        let verdicts = |wrong: &[usize]| dmoj(cases, wrong);
        assert_eq!(verdicts(&[0]), [WrongAnswer, Skipped, Accepted]);
        assert_eq!(verdicts(&[1]), [Accepted, WrongAnswer, Skipped]);
    }

    /// Two groups of two tests each, one after the other; the first one has these keys. Everything stops at a failure.
    fn legacy(keys: &str, wrong: &[usize]) -> Vec<Verdict> {
        let names = ["a/1", "a/2", "b/1", "b/2"];
        let paths = names.map(|name| ["in", "ans"].map(|end| format!("data/secret/{name}.{end}")));
        let mut files = vec![("data/secret/a/testdata.yaml", keys)];
        files.extend(paths.iter().flatten().map(|path| (path.as_str(), "")));
        verdicts(&files, Stop::Group, wrong)
    }

    #[test]
    fn a_group_that_goes_on_after_a_failure_ends_the_one_around_it_when_it_is_over() {
        assert_eq!(legacy("on_reject: break", &[0]), [WrongAnswer, Skipped, Skipped, Skipped]);
        assert_eq!(legacy("on_reject: continue", &[0]), [WrongAnswer, Accepted, Skipped, Skipped]);
        assert_eq!(legacy("on_reject: continue", &[]), [Accepted; 4]);
    }

    #[test]
    fn a_group_that_is_accepted_ends_nothing_whatever_failed_in_it() {
        let any = "grader_flags: accept_if_any_accepted\non_reject: continue";
        assert_eq!(legacy(any, &[0]), [WrongAnswer, Accepted, Accepted, Accepted]);
        assert_eq!(legacy(any, &[0, 1]), [WrongAnswer, WrongAnswer, Skipped, Skipped]);
        let always = "grader_flags: always_accept\non_reject: continue";
        assert_eq!(legacy(always, &[0, 1]), [WrongAnswer, WrongAnswer, Accepted, Accepted]);
        // What ends a group is another matter.
        let first = "grader_flags: always_accept\non_reject: break";
        assert_eq!(legacy(first, &[0]), [WrongAnswer, Skipped, Accepted, Accepted]);
    }
}
