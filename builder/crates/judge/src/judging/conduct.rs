//! How the tests of a submission are run.

use run::exec::StepOption;
use run::timing::model_of_this_machine;

use super::facts::counted_error;
use super::watch::Watch;
use super::{Stop, patience_options, wall_us};

/// How the tests of a submission are run.
#[derive(Clone, Copy)]
pub struct Conduct<'a> {
    /// How many tests run at a time.
    pub jobs: usize,
    /// When the rest of the tests is left out.
    pub stop: Stop,
    /// Sees what happens.
    pub watch: &'a dyn Watch,
    /// CPU time instead of the problem's.
    pub(super) limit_us: Option<u64>,
    /// A submission may run for its limit times this, and is too slow all the same.
    pub(super) leeway: f64,
    /// Whether a test whose time is near to its limit is repeated alone.
    pub(super) repeats: bool,
}

/// How much longer than its limit a run may take. What takes longer than the limit is too slow all the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leeway {
    /// The limit times this; 1 at least.
    pub(super) times: f64,
    /// Whether it is in addition as much as a time can be off, so that a time that is near to the limit is seen.
    pub(super) has_error: bool,
}

impl Leeway {
    /// The CPU time that a run may take whose limit is this, in microseconds.
    pub(super) fn of(self, limit_us: u64) -> u64 {
        let error_us = if self.has_error { model_of_this_machine().error_us(limit_us, 1.0) } else { 0 };
        self.longer(limit_us).max(limit_us.saturating_add(counted_error(error_us, limit_us)))
    }

    /// How long it may wait if it waits for no other program. An error of the CPU time does not change how long it waits.
    pub(super) fn patience(self, limit_us: u64) -> [StepOption; 2] {
        patience_options(self.longer(limit_us))
    }

    /// How long it may take if it waits for others, in microseconds.
    pub(super) fn wall_us(self, limit_us: u64) -> u64 {
        wall_us(self.longer(limit_us))
    }

    fn longer(self, limit_us: u64) -> u64 {
        (limit_us as f64 * self.times) as u64
    }
}

impl<'a> Conduct<'a> {
    /// Under the limits of the problem.
    pub fn new(jobs: usize, stop: Stop, watch: &'a dyn Watch) -> Conduct<'a> {
        Conduct { jobs, stop, watch, limit_us: None, leeway: 1.0, repeats: true }
    }

    /// The first run of each test counts, under its own limit: for a caller that has other work on the same CPUs, where a
    /// test cannot be repeated alone.
    #[must_use]
    pub fn without_repeats(self) -> Conduct<'a> {
        Conduct { repeats: false, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_take_as_much_longer_as_its_time_can_be_off() {
        let of = |times, has_error| Leeway { times, has_error }.of(1_000_000);
        assert_eq!([of(1.0, false), of(1.5, false), of(99.0, true)], [1_000_000, 1_500_000, 99_000_000]);
        let error_us = model_of_this_machine().error_us(1_000_000, 1.0).min(100_000);
        assert!(error_us > 0 && of(1.0, true) == 1_000_000 + error_us);
        // The floor of the error is half of this limit.
        assert_eq!(Leeway { times: 1.0, has_error: true }.of(1000), 1100);
    }

    #[test]
    fn an_error_of_the_cpu_time_gives_no_more_time_to_wait() {
        let of = |times, has_error| {
            let leeway = Leeway { times, has_error };
            (leeway.patience(1_000_000), leeway.wall_us(1_000_000))
        };
        for has_error in [false, true] {
            assert_eq!(of(1.0, has_error), (patience_options(1_000_000), wall_us(1_000_000)));
            assert_eq!(of(1.5, has_error), (patience_options(1_500_000), wall_us(1_500_000)));
        }
    }
}
