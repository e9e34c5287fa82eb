//! Whether a run takes longer in the end than at the start.
//!
//! A shared machine's own pace changes by more than the growth in question. So before each run the cheapest process is
//! timed, and runs are compared with those of the same tenth. Other work on the machine slows that process down more than
//! a run; so a growth counts only where the runs themselves take longer, too.

use std::fmt;
use std::time::Duration;

/// With fewer runs in a tenth the median is not used.
const FEWEST: usize = 10;

/// Every run with its control, in order.
#[derive(Default)]
pub(crate) struct Pace(Vec<(Duration, Duration)>);

/// The first tenth compared with the last.
pub(crate) struct Growth {
    runs: usize,
    first: Tenth,
    last: Tenth,
}

struct Tenth {
    control: Duration,
    run: Duration,
}

impl Pace {
    /// One more run, and its control.
    pub(crate) fn add(&mut self, control: Duration, run: Duration) {
        self.0.push((control, run));
    }

    /// `None` for too few runs.
    pub(crate) fn growth(&self) -> Option<Growth> {
        let size = self.0.len() / 10;
        let tenth = |runs: &[(Duration, Duration)]| Tenth {
            control: median(&mut runs.iter().map(|(control, _)| *control).collect::<Vec<_>>()),
            run: median(&mut runs.iter().map(|(_, run)| *run).collect::<Vec<_>>()),
        };
        let (first, last) = (self.0.get(..size)?, self.0.get(self.0.len() - size..)?);
        (size >= FEWEST).then(|| Growth { runs: self.0.len(), first: tenth(first), last: tenth(last) })
    }
}

impl Growth {
    fn ratio(&self) -> f64 {
        let run = self.last.run.as_secs_f64() / self.first.run.as_secs_f64();
        let control = self.last.control.as_secs_f64() / self.first.control.as_secs_f64();
        run.min(run / control)
    }

    /// What noise is allowed. A tenth of a thousand runs has a median that is steady within a few per cent, one of
    /// thirty within a fifth; whatever leaves something behind that the next run has to pass (a mount, a cgroup, a
    /// namespace) costs a multiple after ten thousand runs.
    fn limit(&self) -> f64 {
        if self.runs >= 5_000 { 1.25 } else { 1.6 }
    }

    /// The message, when it is more than noise.
    pub(crate) fn too_much(&self) -> Option<String> {
        let (ratio, limit) = (self.ratio(), self.limit());
        (ratio > limit)
            .then(|| format!("a run takes {ratio:.2} times as long as at the start (limit {limit})"))
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Growth { runs, first, last } = self;
        write!(
            f,
            "{runs} runs: median {:.2?} in the first tenth, {:.2?} in the last; a control next to each {:.2?} and {:.2?}; \
            growth {:.2}, limit {}",
            first.run,
            last.run,
            first.control,
            last.control,
            self.ratio(),
            self.limit()
        )
    }
}

/// The middle one; zero of none.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(run: impl Fn(u64) -> u64, control: impl Fn(u64) -> u64) -> Pace {
        let micros = Duration::from_micros;
        Pace((0..1000).map(|index| (micros(control(index)), micros(run(index)))).collect())
    }

    #[test]
    fn a_run_that_grows_is_told_from_a_machine_that_slows_down() {
        let slow_machine = pace(|index| 1000 + index, |index| 1000 + index);
        assert_eq!(slow_machine.growth().and_then(|growth| growth.too_much()), None);
        let growing = pace(|index| 1000 + index, |_| 1000);
        assert!(growing.growth().and_then(|growth| growth.too_much()).is_some());
        let jostled_at_first = pace(|_| 11_000, |index| 2000 - index);
        assert_eq!(jostled_at_first.growth().and_then(|growth| growth.too_much()), None);
    }

    #[test]
    fn a_few_runs_say_nothing() {
        let mut pace = Pace::default();
        pace.add(Duration::from_millis(1), Duration::from_millis(1));
        assert!(pace.growth().is_none());
    }
}
