//! Which tests are left out: after a failure in a group that stops there, and in a group whose requirements failed.

use super::Stop;
use crate::problem::{Accept, Group, Member, Problem, Verdict};

/// What is known of each test; absent for one that has not ended.
pub(super) type Known<'a> = &'a dyn Fn(usize) -> Option<Verdict>;

/// The groups around each test, from the root on.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    around: Vec<Vec<&'a Group>>,
    groups: Vec<&'a Group>,
    stop: Stop,
}

impl<'a> Plan<'a> {
    pub(super) fn new(problem: &'a Problem, stop: Stop) -> Plan<'a> {
        let mut plan = Plan { around: vec![Vec::new(); problem.tests.len()], groups: Vec::new(), stop };
        plan.enter(&problem.root, &mut Vec::new());
        plan
    }

    fn enter(&mut self, group: &'a Group, path: &mut Vec<&'a Group>) {
        path.push(group);
        self.groups.push(group);
        for member in &group.members {
            match member {
                Member::Test(test) => self.around[*test] = path.clone(),
                Member::Group(inner) => self.enter(inner, path),
            }
        }
        path.pop();
    }

    /// Whether a test is left out, by the tests before it. With tests before it that have not ended it may still be.
    pub(super) fn is_skipped(&self, test: usize, known: Known<'_>) -> bool {
        let failed_before = |group: &Group| {
            let mut before = group.tests().into_iter().take_while(|other| *other != test);
            before.any(|other| known(other).is_some_and(|verdict| verdict != Verdict::Accepted))
        };
        match self.stop {
            Stop::Never => false,
            Stop::First => self.around[test].first().is_some_and(|root| failed_before(root)),
            Stop::Group => self.around[test].iter().any(|group| {
                let stops = group.stop_at_failure && !matches!(group.accept, Accept::Any | Accept::Always);
                let is_refused = group.requires.iter().any(|required| self.has_failed(required, known));
                is_refused || stops && failed_before(group)
            }),
        }
    }

    fn has_failed(&self, name: &str, known: Known<'_>) -> bool {
        let required = self.groups.iter().find(|group| group.name == name);
        let fails = |test: usize| known(test).is_some_and(|verdict| verdict != Verdict::Accepted);
        required.is_some_and(|group| group.tests().into_iter().any(fails))
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
        let mut found: Vec<Verdict> = Vec::new();
        for test in 0..problem.tests.len() {
            let is_skipped = plan.is_skipped(test, &|other| found.get(other).copied());
            found.push(if is_skipped {
                Skipped
            } else if wrong.contains(&test) {
                WrongAnswer
            } else {
                Accepted
            });
        }
        found
    }

    const PLAIN: [(&str, &str); 6] =
        [("1.in", ""), ("1.ans", ""), ("2.in", ""), ("2.ans", ""), ("3.in", ""), ("3.ans", "")];

    #[test]
    fn a_failure_ends_a_problem_without_scores() {
        assert_eq!(verdicts(&PLAIN, Stop::Group, &[1]), [Accepted, WrongAnswer, Skipped]);
        assert_eq!(verdicts(&PLAIN, Stop::Never, &[1]), [Accepted, WrongAnswer, Accepted]);
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
