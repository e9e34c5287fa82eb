//! Several tests at a time have the verdicts of one at a time.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::Stop;
use super::plan::{Plan, Progress};
use crate::files::Files;
use crate::problem::{Problem, Verdict};

/// Problems whose groups stop, require and count in each way.
const SHEETS: [(&str, &str); 4] = [
    (
        "testdata/config.yaml",
        "subtasks: [{id: 1, type: max, score: 40, cases: [{C}, {C}, {C, score: 10}]}, {id: 2, if: [1], type: max, cases: [{C}, {C}]}, {id: 3, if: [2], cases: [{C}]}]",
    ),
    (
        "testdata/config.yaml",
        "subtasks: [{id: 1, type: min, cases: [{C}, {C}]}, {id: 2, if: [1], type: max, cases: [{C}, {C}]}, {id: 3, if: [2], type: sum, cases: [{C}, {C}]}]",
    ),
    (
        "init.yml",
        "test_cases: [{batched: [{C}, {C}], points: 5}, {batched: [{C}, {C}], points: 0, dependencies: [1]}, {C, points: 0}, {batched: [{C}], points: 95}]",
    ),
    (
        "init.yml",
        "test_cases: [{batched: [{C}], points: 5}, {batched: [{C}], points: 5, dependencies: [1]}, {batched: [{C}], points: 0, dependencies: [2]}, {C}, {C}]",
    ),
];

static PROBLEMS: LazyLock<Vec<Problem>> = LazyLock::new(|| SHEETS.into_iter().map(read).collect());

fn read((sheet, text): (&str, &str)) -> Problem {
    let case = if sheet == "init.yml" { "in: a, out: b" } else { "input: a, output: b" };
    let text = text.replace('C', case);
    let below = if sheet == "init.yml" { "" } else { "testdata/" };
    let files = ["a", "b"].map(|name| (format!("{below}{name}"), String::new()));
    crate::read(&mut Files::in_memory([(sheet.to_owned(), text)].into_iter().chain(files))).unwrap()
}

fn verdict(share: f64) -> Verdict {
    if share < 1.0 { Verdict::WrongAnswer } else { Verdict::Accepted }
}

/// Each test in its order, unless it is left out or has no result.
fn in_order(mut progress: Progress<'_>, shares: &[Option<f64>]) -> Vec<Verdict> {
    let decide = |(test, share): (usize, &Option<f64>)| {
        let share = share.filter(|_| !progress.is_skipped(test));
        let found = share.map_or(Verdict::Skipped, verdict);
        progress.note(test, found, share.unwrap_or(0.0));
        found
    };
    shares.iter().enumerate().map(decide).collect()
}

/// What ran, where so many run at a time, and these say which of them ends next.
fn side_by_side(
    mut progress: Progress<'_>,
    shares: &[f64],
    jobs: usize,
    choices: &[usize],
) -> Vec<Option<f64>> {
    let (mut running, mut found) = (Vec::new(), vec![None; shares.len()]);
    let mut choices = choices.iter().cycle();
    for test in 0..=shares.len() {
        while running.len() == jobs || test == shares.len() && !running.is_empty() {
            let ended: usize = running.swap_remove(choices.next().unwrap() % running.len());
            progress.note(ended, verdict(shares[ended]), shares[ended]);
            found[ended] = Some(shares[ended]);
        }
        if test == shares.len() {
            break;
        }
        match progress.is_skipped(test) {
            true => progress.note(test, Verdict::Skipped, 0.0),
            false => running.push(test),
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_one_at_a_time(
        problem in 0..SHEETS.len(),
        stop in prop::sample::select(vec![Stop::First, Stop::Group, Stop::Never]),
        shares in prop::collection::vec(prop::sample::select(vec![0.0, 0.5, 1.0]), 7),
        jobs in 1..5_usize,
        choices in prop::collection::vec(0..60_usize, 7),
    ) {
        let problem = &PROBLEMS[problem];
        let shares = &shares[..problem.tests.len()];
        let plan = Plan::new(problem, stop);
        let all: Vec<_> = shares.iter().copied().map(Some).collect();
        let found = side_by_side(plan.begin(), shares, jobs, &choices);
        prop_assert_eq!(in_order(plan.begin(), &found), in_order(plan.begin(), &all));
    }
}
