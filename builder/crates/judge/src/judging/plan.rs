//! Which tests are left out: after a failure in a group that stops there, and in a group whose requirements failed.

use std::iter;

use super::Stop;
use crate::problem::{Accept, Group, Member, Problem, Verdict};

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
}

/// Where a test is.
#[derive(Debug, Clone, Copy)]
struct Seat {
    /// Its innermost group.
    group: usize,
    /// Its place among all tests as the groups list them.
    place: usize,
}

/// What is known of the tests so far. Each question and each answer takes as long as the groups are deep, however many
/// tests there are.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    plan: &'a Plan<'a>,
    /// The place of the first test that was not accepted, for each group.
    failures: Vec<usize>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(problem: &'a Problem, stop: Stop) -> Plan<'a> {
        let seats = vec![Seat { group: 0, place: NOWHERE }; problem.tests.len()];
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
        self.nodes.push(Node { group, parent, requires: Vec::new() });
        for member in &group.members {
            match member {
                Member::Test(test) => {
                    self.seats[*test] = Seat { group: number, place: *next };
                    *next += 1;
                }
                Member::Group(inner) => self.enter(inner, Some(number), next),
            }
        }
    }

    /// The groups around a test, from the inside out.
    fn around(&self, test: usize) -> impl Iterator<Item = usize> {
        let place = self.seats[test].place;
        let innermost = (place != NOWHERE).then_some(self.seats[test].group);
        iter::successors(innermost, |group| self.nodes[*group].parent)
    }

    /// Nothing is known yet.
    pub(super) fn begin(&'a self) -> Progress<'a> {
        Progress { plan: self, failures: vec![NOWHERE; self.nodes.len()] }
    }
}

impl Progress<'_> {
    /// A test has ended, or was left out.
    pub(super) fn note(&mut self, test: usize, verdict: Verdict) {
        if verdict != Verdict::Accepted {
            let place = self.plan.seats[test].place;
            for group in self.plan.around(test) {
                self.failures[group] = self.failures[group].min(place);
            }
        }
    }

    /// Whether a test is left out, by the tests before it. With tests before it that have not ended it may still be.
    pub(super) fn is_skipped(&self, test: usize) -> bool {
        let has_failed = |group: usize| self.failures[group] != NOWHERE;
        let failed_before = |group: usize| self.failures[group] < self.plan.seats[test].place;
        let mut around = self.plan.around(test);
        match self.plan.stop {
            Stop::Never => false,
            Stop::First => around.last().is_some_and(failed_before),
            Stop::Group => around.any(|number| {
                let Node { group, requires, .. } = &self.plan.nodes[number];
                let stops = group.stop_at_failure && !matches!(group.accept, Accept::Any | Accept::Always);
                requires.iter().any(|required| has_failed(*required)) || stops && failed_before(number)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use Verdict::{Accepted, Skipped, WrongAnswer};

    /// The verdicts of all tests if those with these numbers are wrong.
    fn verdicts(files: &[(&str, &str)], stop: Stop, wrong: &[usize]) -> Vec<Verdict> {
        let problem = crate::read(&mut Files::in_memory(files.iter().copied())).unwrap();
        let plan = Plan::new(&problem, stop);
        let mut progress = plan.begin();
        let verdict = |test| {
            let verdict = match wrong.contains(&test) {
                _ if progress.is_skipped(test) => Skipped,
                true => WrongAnswer,
                false => Accepted,
            };
            progress.note(test, verdict);
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
            progress.note(1, WrongAnswer);
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
}
