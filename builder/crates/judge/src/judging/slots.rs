//! Tests in as many slots as the caller asks for, each from its input to its result.
//!
//! There is one thread more than there are slots: while tests run, it has the sandbox of the next one stand ready.

use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use super::conduct::{Conduct, Leeway};
use super::plan::{Plan, Progress};
use super::result::{FirstRun, TestResult};
use super::turnstile::{Turn, Turnstile};
use crate::problem::{Problem, Test, Verdict};

/// Judges one test, which may take longer than its limit. An error is the host's.
pub(super) type Judge<'a> =
    &'a (dyn Fn(&Test, Leeway, Gate<'_>, &mut TestResult) -> Result<(), String> + Sync);

/// To be called when the sandbox stands. It waits until the test may run, and says whether it is still wanted.
pub(super) type Gate<'a> = &'a mut dyn FnMut() -> bool;

/// What all tests share.
pub(super) struct Slots<'a> {
    pub(super) problem: &'a Problem,
    pub(super) judge: Judge<'a>,
    pub(super) conduct: Conduct<'a>,
    /// Held for writing by a test that must not have others next to it.
    pub(super) alone: RwLock<()>,
}

/// What the threads know together.
struct Board<'a> {
    turnstile: Turnstile,
    known: Mutex<Known<'a>>,
}

struct Known<'a> {
    progress: Progress<'a>,
    results: Vec<Option<TestResult>>,
}

impl Slots<'_> {
    /// The results of all tests, in their order.
    pub(super) fn run(&self) -> Vec<TestResult> {
        let count = self.problem.tests.len();
        let plan = Plan::new(self.problem, self.conduct.stop);
        let known = Known { progress: plan.begin(), results: vec![None; count] };
        let board = Board { turnstile: Turnstile::new(count, self.jobs()), known: Mutex::new(known) };
        let work = || {
            while let Some(test) = board.turnstile.take() {
                let mut turn = None;
                let result = self.test(test, &board, &mut turn).unwrap_or_else(|| self.skipped(test));
                // Before the next one may run: it may not be wanted any more.
                board.note(test, result.clone());
                board.turnstile.leave(test);
                drop(turn);
                self.conduct.watch.test(test, &result);
            }
        };
        thread::scope(|scope| {
            for _ in 0..count.min(self.jobs() + 1) {
                scope.spawn(work);
            }
        });
        let known = board.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.in_order(plan.begin(), known.results)
    }

    /// A test that ran although one before it failed meanwhile does not count.
    fn in_order(&self, mut progress: Progress<'_>, found: Vec<Option<TestResult>>) -> Vec<TestResult> {
        let decide = |(test, result): (usize, Option<TestResult>)| {
            let result = result.filter(|_| !progress.is_skipped(test)).unwrap_or_else(|| self.skipped(test));
            progress.note(test, result.verdict, result.share);
            result
        };
        found.into_iter().enumerate().map(decide).collect()
    }

    fn skipped(&self, test: usize) -> TestResult {
        TestResult { name: self.problem.tests[test].name.clone(), ..TestResult::of(Verdict::Skipped, 0.0) }
    }

    fn jobs(&self) -> usize {
        self.conduct.jobs.clamp(1, self.problem.tests.len().max(1))
    }

    /// Absent if the test is left out. It has its turn until that is known, unless it has to be alone.
    fn test<'a>(
        &self,
        number: usize,
        board: &'a Board<'_>,
        turn: &mut Option<Turn<'a>>,
    ) -> Option<TestResult> {
        if board.is_skipped(number) {
            return None;
        }
        let test = &self.problem.tests[number];
        let has_neighbours = self.jobs() > 1;
        let leeway = Leeway { times: self.conduct.leeway, has_error: self.conduct.repeats };
        // To make a sandbox disturbs a test that is to be alone, too.
        let (mut together, mut is_wanted) = (Some(self.alone.read()), true);
        let mut gate = || {
            together = None;
            *turn = Some(board.turnstile.enter(number));
            together = Some(self.alone.read());
            is_wanted = !board.is_skipped(number);
            is_wanted
        };
        let result = self.attempt(test, leeway, &mut gate);
        drop(together);
        if !is_wanted {
            return None;
        }
        if !self.conduct.repeats || !is_in_doubt(&result, has_neighbours) {
            return Some(result);
        }
        *turn = None;
        let _alone = self.alone.write();
        let TestResult { verdict, time_us, error_us, .. } = result;
        let leeway = Leeway { has_error: false, ..leeway };
        let first_run = Some(FirstRun { verdict, time_us, error_us });
        Some(TestResult { first_run, ..self.attempt(test, leeway, &mut || true) })
    }

    fn attempt(&self, test: &Test, leeway: Leeway, gate: Gate<'_>) -> TestResult {
        let mut result =
            TestResult { name: test.name.clone(), ..TestResult::of(Verdict::InternalError, 0.0) };
        let judged = match self.conduct.watch.interrupted() {
            Some(why) => Err(why),
            None => (self.judge)(test, leeway, gate, &mut result),
        };
        // A run that ends because of the interruption has no verdict either.
        if let Err(message) = judged.and_then(|()| self.conduct.watch.interrupted().map_or(Ok(()), Err)) {
            (result.verdict, result.share, result.message) = (Verdict::InternalError, 0.0, message);
        }
        result
    }
}

impl Board<'_> {
    fn is_skipped(&self, test: usize) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).progress.is_skipped(test)
    }

    fn note(&self, test: usize, result: TestResult) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.progress.note(test, result.verdict, result.share);
        known.results[test] = Some(result);
    }
}

/// Whether time decides, and may decide otherwise when nothing disturbs the run: the time is near to the limit, or the run
/// waited with others next to it. A run that was stopped above the limit by more than the error is not near. A verdict
/// other than these two stands, however long the run took.
fn is_in_doubt(result: &TestResult, has_neighbours: bool) -> bool {
    let has_waited = result.verdict == Verdict::TimeLimit && result.status == "wall-time-limit";
    let is_of_time = matches!(result.verdict, Verdict::Accepted | Verdict::TimeLimit);
    is_of_time && result.is_near && !result.was_stopped() || has_neighbours && has_waited
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Files;
    use crate::judging::score::{no_grader, total};
    use crate::judging::{Stop, Unwatched, Watch};
    use crate::read::plain_problem;
    use std::ptr;
    use std::sync::{Condvar, mpsc};
    use std::time::Duration;

    /// However busy the machine is.
    const HANG: Duration = Duration::from_secs(100);

    /// The verdicts of all tests, each of which this judges.
    fn verdicts(count: usize, jobs: usize, stop: Stop, judge: Judge<'_>) -> Vec<Verdict> {
        let problem = plain_problem(count, 0.0);
        let conduct = Conduct::new(jobs, stop, &Unwatched);
        let slots = Slots { problem: &problem, judge, conduct, alone: RwLock::new(()) };
        slots.run().into_iter().map(|result| result.verdict).collect()
    }

    #[test]
    fn the_next_sandbox_stands_while_a_test_runs() {
        let (said, heard) = mpsc::channel();
        let heard = Mutex::new(heard);
        let found = verdicts(2, 1, Stop::First, &|test, _, gate, result| {
            if test.name == "1" {
                said.send(()).unwrap();
            }
            assert!(gate());
            if test.name == "0" {
                heard.lock().unwrap().recv_timeout(HANG).map_err(|error| error.to_string())?;
            }
            result.verdict = Verdict::Accepted;
            Ok(())
        });
        assert_eq!(found, [Verdict::Accepted; 2]);
    }

    #[test]
    fn what_stands_ready_does_not_run_after_a_failure() {
        for stop in [Stop::First, Stop::Never] {
            let (said, heard) = mpsc::channel();
            let (heard, ran) = (Mutex::new(heard), Mutex::new(Vec::new()));
            let found = verdicts(3, 1, stop, &|test, _, gate, result| {
                if test.name == "1" {
                    said.send(()).unwrap();
                }
                if !gate() {
                    return Ok(());
                }
                ran.lock().unwrap().push(test.name.clone());
                if test.name == "0" {
                    heard.lock().unwrap().recv_timeout(HANG).map_err(|error| error.to_string())?;
                }
                result.verdict = Verdict::WrongAnswer;
                Ok(())
            });
            let (wanted, names): (_, &[&str]) = match stop {
                Stop::First => ([Verdict::WrongAnswer, Verdict::Skipped, Verdict::Skipped], &["0"]),
                _ => ([Verdict::WrongAnswer; 3], &["0", "1", "2"]),
            };
            assert_eq!(
                (found, ran.into_inner().unwrap()),
                (wanted.into(), names.iter().map(|name| (*name).to_owned()).collect())
            );
        }
    }

    #[test]
    fn what_ran_next_to_a_failure_before_it_does_not_count() {
        let (said, heard) = mpsc::channel();
        let heard = Mutex::new(heard);
        let found = verdicts(2, 2, Stop::First, &|test, _, gate, result| {
            assert!(gate());
            // The first one ends when the second has run.
            match test.name.as_str() {
                "0" => heard.lock().unwrap().recv_timeout(HANG).map_err(|error| error.to_string())?,
                _ => said.send(()).unwrap(),
            }
            result.verdict = if test.name == "0" { Verdict::WrongAnswer } else { Verdict::Accepted };
            Ok(())
        });
        assert_eq!(found, [Verdict::WrongAnswer, Verdict::Skipped]);
    }

    #[derive(Debug, PartialEq)]
    enum Event {
        Began(usize),
        Ended(usize),
    }

    /// Sees which tests began and ended.
    #[derive(Default)]
    struct Seen {
        events: Mutex<Vec<Event>>,
        changed: Condvar,
    }

    impl Watch for Seen {
        fn test(&self, number: usize, _: &TestResult) {
            self.note(Event::Ended(number));
        }
    }

    impl Seen {
        fn note(&self, event: Event) {
            self.events.lock().unwrap().push(event);
            self.changed.notify_all();
        }

        fn wait_for(&self, event: &Event) {
            let is_to_come = |events: &mut Vec<Event>| !events.contains(event);
            let events = self.events.lock().unwrap();
            let waited = self.changed.wait_timeout_while(events, HANG, is_to_come).unwrap().1;
            assert!(!waited.timed_out(), "there is no {event:?}");
        }
    }

    /// The verdicts of three tests in two slots, and the score. Those with these numbers are wrong. The first of this pair
    /// runs when the second one ends. The last test is ready only when the one before it has ended.
    fn in_two_slots(
        files: &[(&str, &str)],
        stop: Stop,
        wrong: &[usize],
        (late, early): (usize, usize),
    ) -> (Vec<Verdict>, f64) {
        let problem = crate::read(&mut Files::in_memory(files.iter().copied())).unwrap();
        let seen = Seen::default();
        let judge = |test: &Test, _: Leeway, gate: Gate<'_>, result: &mut TestResult| {
            let number = problem.tests.iter().position(|other| ptr::eq(other, test)).unwrap();
            if number == 2 {
                seen.wait_for(&Event::Ended(1));
            }
            if !gate() {
                return Ok(());
            }
            seen.note(Event::Began(number));
            if number == early {
                seen.wait_for(&Event::Began(late));
            }
            if number == late {
                seen.wait_for(&Event::Ended(early));
            }
            (result.verdict, result.share) =
                if wrong.contains(&number) { (Verdict::WrongAnswer, 0.0) } else { (Verdict::Accepted, 1.0) };
            Ok(())
        };
        let conduct = Conduct::new(2, stop, &seen);
        let found = Slots { problem: &problem, judge: &judge, conduct, alone: RwLock::new(()) }.run();
        let score = total(&problem, &found, &no_grader).score.unwrap();
        (found.into_iter().map(|result| result.verdict).collect(), score)
    }

    #[test]
    fn what_is_wrong_and_not_needed_keeps_no_other_subtask_from_its_points() {
        let case = "{input: a, output: b}";
        let config = format!(
            "subtasks: [{{id: 1, score: 40, type: max, cases: [{case}, {case}]}}, {{id: 2, if: [1], cases: [{case}]}}]"
        );
        let files = [("testdata/config.yaml", config.as_str()), ("testdata/a", ""), ("testdata/b", "")];
        // The wrong case ends after the right one; and before it, when the last test has its turn.
        for (stop, order) in
            [Stop::Group, Stop::First].into_iter().flat_map(|stop| [(stop, (0, 2)), (stop, (1, 0))])
        {
            let wanted = ([Verdict::Accepted, Verdict::Skipped, Verdict::Accepted].into(), 100.0);
            assert_eq!(in_two_slots(&files, stop, &[1], order), wanted, "{stop:?} {order:?}");
        }
        // One that comes before the right one is a failure.
        let wanted = ([Verdict::WrongAnswer, Verdict::Accepted, Verdict::Skipped].into(), 40.0);
        assert_eq!(in_two_slots(&files, Stop::Group, &[0], (0, 1)), wanted);
    }

    #[test]
    fn what_ran_without_what_it_depends_on_ends_nothing() {
        let batch = "batched: [{in: a, out: b}]";
        let init = format!(
            "test_cases: [{{{batch}, points: 5}}, {{{batch}, points: 0, dependencies: [1]}}, {{{batch}, points: 95}}]"
        );
        let files = [("init.yml", init.as_str()), ("a", ""), ("b", "")];
        // The second batch fails before it is known that it is to be left out.
        let wanted = ([Verdict::WrongAnswer, Verdict::Skipped, Verdict::Accepted].into(), 95.0);
        assert_eq!(in_two_slots(&files, Stop::Group, &[0, 1], (0, 2)), wanted);
        let wanted = ([Verdict::Accepted, Verdict::WrongAnswer, Verdict::Skipped].into(), 5.0);
        assert_eq!(in_two_slots(&files, Stop::Group, &[1], (0, 2)), wanted);
    }

    #[test]
    fn a_test_that_fails_before_its_turn_does_not_stop_the_others() {
        let found = verdicts(6, 2, Stop::Never, &|test, _, gate, result| {
            if test.name == "2" {
                return Err("no sandbox".to_owned());
            }
            result.verdict = if gate() { Verdict::Accepted } else { Verdict::Skipped };
            Ok(())
        });
        assert_eq!(found.iter().filter(|verdict| **verdict == Verdict::Accepted).count(), 5);
        assert_eq!(found[2], Verdict::InternalError);
    }

    #[test]
    fn what_is_in_doubt_is_repeated_alone_and_the_second_run_counts() {
        let near = |verdict, status: &str| TestResult {
            is_near: true,
            status: status.to_owned(),
            ..TestResult::of(verdict, 0.0)
        };
        let (ok, slow) = (Verdict::Accepted, Verdict::TimeLimit);
        for has_neighbours in [false, true] {
            assert!(
                is_in_doubt(&near(ok, "ok"), has_neighbours)
                    && is_in_doubt(&near(slow, "ok"), has_neighbours)
            );
            assert!(!is_in_doubt(&near(slow, "cpu-time-limit"), has_neighbours));
            assert!(!is_in_doubt(&TestResult::of(slow, 0.0), has_neighbours));
            for other in [
                Verdict::WrongAnswer,
                Verdict::RunTimeError,
                Verdict::MemoryLimit,
                Verdict::OutputLimit,
                Verdict::JudgeError,
                Verdict::InternalError,
            ] {
                assert!(!is_in_doubt(&near(other, "ok"), has_neighbours), "{other:?}");
            }
            let waited = TestResult { status: "wall-time-limit".to_owned(), ..TestResult::of(slow, 0.0) };
            assert_eq!(is_in_doubt(&waited, has_neighbours), has_neighbours);
        }
        let ran = Mutex::new(Vec::new());
        let problem = plain_problem(2, 0.0);
        let judge = |test: &Test, leeway: Leeway, gate: Gate<'_>, result: &mut TestResult| {
            assert!(gate());
            ran.lock().unwrap().push((test.name.clone(), leeway.has_error));
            let is_first = leeway.has_error;
            (result.verdict, result.is_near) =
                (if is_first { slow } else { ok }, test.name == "0" && is_first);
            (result.time_us, result.error_us) = (Some(7), Some(2));
            Ok(())
        };
        let conduct = Conduct::new(1, Stop::Never, &Unwatched);
        let found = Slots { problem: &problem, judge: &judge, conduct, alone: RwLock::new(()) }.run();
        let first = Some(FirstRun { verdict: slow, time_us: Some(7), error_us: Some(2) });
        assert_eq!((found[0].verdict, &found[0].first_run), (ok, &first));
        assert_eq!((found[1].verdict, &found[1].first_run), (slow, &None));
        let mut ran = ran.into_inner().unwrap();
        ran.sort();
        let wanted = [("0", false), ("0", true), ("1", true)];
        assert_eq!(ran, wanted.map(|(name, has_error)| (name.to_owned(), has_error)));
    }

    #[test]
    fn where_nothing_can_run_alone_the_first_run_counts_under_the_plain_limit() {
        let problem = plain_problem(1, 0.0);
        let ran = Mutex::new(Vec::new());
        let judge = |_: &Test, leeway: Leeway, gate: Gate<'_>, result: &mut TestResult| {
            assert!(gate());
            ran.lock().unwrap().push(leeway.has_error);
            (result.verdict, result.is_near) = (Verdict::TimeLimit, true);
            Ok(())
        };
        let conduct = Conduct::new(1, Stop::Never, &Unwatched).without_repeats();
        let found = Slots { problem: &problem, judge: &judge, conduct, alone: RwLock::new(()) }.run();
        assert_eq!((found[0].verdict, &found[0].first_run), (Verdict::TimeLimit, &None));
        assert_eq!(ran.into_inner().unwrap(), [false]);
    }
}
