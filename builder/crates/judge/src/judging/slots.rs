//! Tests in as many threads as the caller asks for, each from its input to its result.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;

use super::conduct::Conduct;
use super::plan::Plan;
use super::result::{FirstRun, TestResult};
use crate::problem::{Problem, Test, Verdict};

/// Judges one test, with its time limit times a leeway. An error is the host's.
pub(super) type Judge<'a> = &'a (dyn Fn(&Test, f64, &mut TestResult) -> Result<(), String> + Sync);

/// What all tests share.
pub(super) struct Slots<'a> {
    pub(super) problem: &'a Problem,
    pub(super) judge: Judge<'a>,
    pub(super) conduct: Conduct<'a>,
    /// Held for writing by a test that must not have others next to it.
    pub(super) alone: RwLock<()>,
}

/// With other tests next to it, a submission that needs more time than its limit, and less than this times the limit, may
/// be slow because of them.
const NEARLY: f64 = 1.1;

impl Slots<'_> {
    /// The results of all tests, in their order.
    pub(super) fn run(&self) -> Vec<TestResult> {
        let count = self.problem.tests.len();
        let plan = Plan::new(self.problem, self.conduct.stop);
        let (next, results) = (AtomicUsize::new(0), Mutex::new(vec![None; count]));
        let work = || {
            loop {
                let test = next.fetch_add(1, Ordering::Relaxed);
                if test >= count {
                    return;
                }
                let verdicts = verdicts(&results);
                let result = match plan.is_skipped(test, &|other| verdicts[other]) {
                    true => self.skipped(test),
                    false => self.test(test),
                };
                self.conduct.watch.test(test, &result);
                if let Ok(mut results) = results.lock() {
                    results[test] = Some(result);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs() {
                scope.spawn(work);
            }
        });
        self.in_order(&plan, results.into_inner().unwrap_or_default())
    }

    /// A test that ran although one before it failed meanwhile does not count.
    fn in_order(&self, plan: &Plan<'_>, found: Vec<Option<TestResult>>) -> Vec<TestResult> {
        let mut results: Vec<TestResult> = Vec::with_capacity(found.len());
        for (test, result) in found.into_iter().enumerate() {
            let is_skipped = plan.is_skipped(test, &|other| results.get(other).map(|result| result.verdict));
            results.push(result.filter(|_| !is_skipped).unwrap_or_else(|| self.skipped(test)));
        }
        results
    }

    fn skipped(&self, test: usize) -> TestResult {
        TestResult { name: self.problem.tests[test].name.clone(), ..TestResult::of(Verdict::Skipped, 0.0) }
    }

    fn jobs(&self) -> usize {
        self.conduct.jobs.clamp(1, self.problem.tests.len().max(1))
    }

    fn test(&self, test: usize) -> TestResult {
        let test = &self.problem.tests[test];
        let has_neighbours = self.jobs() > 1;
        let leeway = if has_neighbours { self.conduct.leeway.max(NEARLY) } else { self.conduct.leeway };
        let result = {
            let _together = self.alone.read();
            self.attempt(test, leeway)
        };
        if !(has_neighbours && is_near(&result) && self.conduct.leeway < NEARLY) {
            return result;
        }
        let _alone = self.alone.write();
        let first_run = Some(FirstRun { verdict: result.verdict, time_us: result.time_us });
        TestResult { first_run, ..self.attempt(test, self.conduct.leeway) }
    }

    fn attempt(&self, test: &Test, leeway: f64) -> TestResult {
        let mut result =
            TestResult { name: test.name.clone(), ..TestResult::of(Verdict::InternalError, 0.0) };
        let judged = match self.conduct.watch.interrupted() {
            Some(why) => Err(why),
            None => (self.judge)(test, leeway, &mut result),
        };
        // A run that ends because of the interruption has no verdict either.
        if let Err(message) = judged.and_then(|()| self.conduct.watch.interrupted().map_or(Ok(()), Err)) {
            (result.verdict, result.share, result.message) = (Verdict::InternalError, 0.0, message);
        }
        result
    }
}

/// Whether others may be the reason why it was too slow: it ended by itself, or it waited.
fn is_near(result: &TestResult) -> bool {
    let is_too_slow = result.verdict == Verdict::TimeLimit;
    is_too_slow && (!result.was_stopped() || result.status() == Some("wall-time-limit"))
}

fn verdicts(results: &Mutex<Vec<Option<TestResult>>>) -> Vec<Option<Verdict>> {
    let results = results.lock();
    results
        .map(|results| results.iter().map(|result| result.as_ref().map(|result| result.verdict)).collect())
        .unwrap_or_default()
}
