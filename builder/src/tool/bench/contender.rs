//! What takes turns in a measurement.

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use run::{Child, InitCommand, Pool};

use super::require_success;
use super::statistics::Sorted;
use crate::error::Error;

/// One run, from its start to its end; the number differs from run to run.
pub(super) type Run<'a> = Box<dyn Fn(usize) -> io::Result<()> + Sync + 'a>;

/// One that takes its turn.
pub(super) struct Contender<'a> {
    pub(super) name: String,
    run: Run<'a>,
    /// How long it may get ready before each run that is alone.
    pause: Duration,
    /// Of each run that was alone.
    pub(super) times: Vec<Duration>,
    /// With more runs in flight: for each number of them, the time of each slice.
    pub(super) slices: Vec<Vec<Duration>>,
}

/// Numbers of runs, of which no two have the same.
#[derive(Default)]
pub(super) struct Numbers(AtomicUsize);

impl<'a> Contender<'a> {
    pub(super) fn new(name: impl Into<String>, run: Run<'a>) -> Contender<'a> {
        Contender { name: name.into(), run, pause: Duration::ZERO, times: Vec::new(), slices: Vec::new() }
    }

    pub(super) fn with_pause(self, pause: Duration) -> Contender<'a> {
        Contender { pause, ..self }
    }

    /// Whether it works here; else why it does not.
    pub(super) fn tried(&self, numbers: &Numbers) -> Result<(), String> {
        self.once(numbers).map_err(|error| error.to_string())
    }

    /// One run that is alone.
    pub(super) fn turn(&mut self, numbers: &Numbers) -> Result<(), Error> {
        thread::sleep(self.pause);
        let start = Instant::now();
        self.once(numbers)?;
        self.times.push(start.elapsed());
        Ok(())
    }

    fn once(&self, numbers: &Numbers) -> Result<(), Error> {
        let done = (self.run)(numbers.0.fetch_add(1, Ordering::Relaxed));
        done.map_err(|error| Error::start(self.name.as_ref(), error))
    }

    /// The time of so many runs, of which so many are under way at a time.
    pub(super) fn in_flight(
        &self,
        at_a_time: usize,
        runs: usize,
        numbers: &Numbers,
    ) -> Result<Duration, Error> {
        let left = AtomicUsize::new(runs);
        let take = |left: usize| left.checked_sub(1);
        let work = || {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                self.once(numbers)?;
            }
            Ok::<(), Error>(())
        };
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(start.elapsed())
    }
}

/// Takes those away that do not work here, and says why.
pub(super) fn missing(contenders: &mut Vec<Contender<'_>>, numbers: &Numbers) -> Vec<String> {
    let mut missing = Vec::new();
    contenders.retain(|contender| {
        let tried = contender.tried(numbers);
        missing.extend(
            tried.as_ref().err().map(|error| format!("{} does not work here: {error}", contender.name)),
        );
        tried.is_ok()
    });
    missing
}

/// Starts a program without a copy of this process, as the bare calls are.
pub(super) fn program<'a>(args: Vec<OsString>) -> Run<'a> {
    Box::new(move |_| require_success(Child::start(args.clone(), [None; 3], &[])?.wait()?))
}

/// A request to the pool, from sending it to its report.
pub(super) fn pooled<'a>(pool: &'a Pool, init: InitCommand) -> Run<'a> {
    Box::new(move |_| {
        let run = pool.run(&init, [None; 3])?.ok_or(io::ErrorKind::Unsupported)?;
        let done = run.wait()?;
        if done.code == 0 { Ok(()) } else { Err(io::Error::other(done.report)) }
    })
}

/// The median of the ratios of each turn.
pub(super) fn ratio(times: &[Duration], base: &[Duration]) -> f64 {
    let thousandths = |(time, base): (&Duration, &Duration)| time.as_nanos() * 1000 / base.as_nanos().max(1);
    let turns = Sorted::new(times.iter().zip(base).map(thousandths).collect());
    turns.median() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_each_turn() {
        let times = |all: &[u64]| all.iter().copied().map(Duration::from_micros).collect::<Vec<_>>();
        // Of the medians it would be 1.
        assert!((ratio(&times(&[10, 40, 90]), &times(&[20, 40, 30])) - 1.0).abs() < 1e-9);
        assert!((ratio(&times(&[10, 20, 90]), &times(&[20, 40, 30])) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn all_runs_of_a_slice_are_made_and_no_number_twice() {
        let seen = std::sync::Mutex::new(Vec::new());
        let run = |number| {
            seen.lock().unwrap().push(number);
            Ok(())
        };
        let contender = Contender::new("counts", Box::new(run));
        contender.in_flight(4, 100, &Numbers::default()).unwrap();
        drop(contender);
        let mut all = seen.into_inner().unwrap();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
}
