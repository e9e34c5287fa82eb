//! So many tests at a time, in their order.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Hands out tests, and lets as many of them run as there are slots.
#[derive(Debug)]
pub(super) struct Turnstile {
    count: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    next: usize,
    /// Tests that were taken and do not run yet.
    taken: BTreeSet<usize>,
    free: usize,
}

/// The right to run. It is given back when this ends.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turnstile);

impl Turnstile {
    pub(super) fn new(count: usize, slots: usize) -> Turnstile {
        let state = State { next: 0, taken: BTreeSet::new(), free: slots };
        Turnstile { count, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next test, if there is one. No later one runs before it, or before [`Turnstile::leave`] is called for it.
    pub(super) fn take(&self) -> Option<usize> {
        let mut state = self.state();
        let test = state.next;
        (test < self.count).then(|| {
            state.next += 1;
            state.taken.insert(test);
            test
        })
    }

    /// Waits until the test may run.
    pub(super) fn enter(&self, test: usize) -> Turn<'_> {
        let is_early = |state: &mut State| state.free == 0 || state.taken.first() != Some(&test);
        let waited = self.changed.wait_while(self.state(), is_early);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.free -= 1;
        state.taken.remove(&test);
        self.changed.notify_all();
        Turn(self)
    }

    /// The test does not run, or has run.
    pub(super) fn leave(&self, test: usize) {
        self.state().taken.remove(&test);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// Longer than a thread needs that does not wait.
    const WHILE: Duration = Duration::from_millis(50);

    #[test]
    fn tests_begin_in_their_order_however_soon_they_are_ready() {
        let (turnstile, begun) = (Turnstile::new(20, 1), Mutex::new(Vec::new()));
        let work = || {
            while let Some(test) = turnstile.take() {
                // Every third one is left out.
                if test % 3 == 0 {
                    turnstile.leave(test);
                    continue;
                }
                let _turn = turnstile.enter(test);
                begun.lock().unwrap().push(test);
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(work);
            }
        });
        assert_eq!(begun.into_inner().unwrap(), (0..20).filter(|test| test % 3 != 0).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_run_than_there_are_slots() {
        let turnstile = Turnstile::new(3, 2);
        let tests: Vec<usize> = (0..3).filter_map(|_| turnstile.take()).collect();
        let [first, _second] = [turnstile.enter(tests[0]), turnstile.enter(tests[1])];
        assert_eq!((turnstile.take(), turnstile.state().free), (None, 0));
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            // Moved, so that a panic there is heard here.
            let (turnstile, tests) = (&turnstile, &tests);
            scope.spawn(move || {
                let _turn = turnstile.enter(tests[2]);
                said.send(()).unwrap();
            });
            // Time to be wrong.
            assert!(heard.recv_timeout(WHILE).is_err(), "a third one runs");
            drop(first);
            heard.recv().unwrap();
        });
        assert_eq!(turnstile.state().free, 1);
    }

    #[test]
    fn one_that_is_ready_waits_for_those_before_it() {
        let turnstile = Turnstile::new(2, 2);
        let [first, second] = [turnstile.take().unwrap(), turnstile.take().unwrap()];
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = turnstile.enter(second);
                said.send(()).unwrap();
            });
            assert!(heard.recv_timeout(WHILE).is_err(), "the second runs before the first");
            let _turn = turnstile.enter(first);
            heard.recv().unwrap();
        });
    }
}
