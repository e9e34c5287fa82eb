//! What takes turns in a measurement.

use std::ffi::OsString;
use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use run::exec::pool::PooledRun;
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
    pub(super) pause: Duration,
    /// Of each run that was alone.
    pub(super) times: Vec<Duration>,
    /// With more runs in flight: for each number of them, the time of each slice.
    pub(super) slices: Vec<Vec<Duration>>,
    /// Why it takes no more turns.
    failure: Option<String>,
}

/// Numbers of runs, of which no two have the same.
#[derive(Default)]
pub(super) struct Numbers(AtomicUsize);

/// All contenders. The first is the baseline.
pub(super) struct Field<'a> {
    contenders: Vec<Contender<'a>>,
    numbers: Numbers,
}

impl<'a> Contender<'a> {
    pub(super) fn new(name: impl Into<String>, run: Run<'a>) -> Contender<'a> {
        let (times, slices) = (Vec::new(), Vec::new());
        Contender { name: name.into(), run, pause: Duration::ZERO, times, slices, failure: None }
    }

    pub(super) fn with_pause(self, pause: Duration) -> Contender<'a> {
        Contender { pause, ..self }
    }

    /// One run that is alone.
    pub(super) fn turn(&mut self, numbers: &Numbers) -> io::Result<()> {
        thread::sleep(self.pause);
        let start = Instant::now();
        self.once(numbers)?;
        self.times.push(start.elapsed());
        Ok(())
    }

    fn once(&self, numbers: &Numbers) -> io::Result<()> {
        (self.run)(numbers.0.fetch_add(1, Ordering::Relaxed))
    }

    /// The time of so many runs, of which so many are under way at a time.
    fn in_flight(&self, at_a_time: usize, runs: usize, numbers: &Numbers) -> io::Result<Duration> {
        let left = AtomicUsize::new(runs);
        let take = |left: usize| left.checked_sub(1);
        let all_are_here = Barrier::new(at_a_time + 1);
        let work = || {
            all_are_here.wait();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                self.once(numbers)?;
            }
            Ok::<(), io::Error>(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
            all_are_here.wait();
            let start = Instant::now();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })?;
            Ok(start.elapsed())
        })
    }
}

impl<'a> Field<'a> {
    /// Runs each contender once without counting that run. One that fails takes no turns.
    ///
    /// # Errors
    /// The baseline fails: there is nothing to compare with.
    pub(super) fn new(contenders: Vec<Contender<'a>>) -> Result<Field<'a>, Error> {
        let mut field = Field { contenders, numbers: Numbers::default() };
        field.each(0, |contender, numbers| contender.once(numbers))?;
        Ok(field)
    }

    /// Runs each contender once, alone. Each round starts with the next contender: the pool still works when it has answered,
    /// and the same contender would always pay for that.
    pub(super) fn round(&mut self, number: usize) -> Result<(), Error> {
        self.each(number, Contender::turn)
    }

    /// Runs so many slices of each contender with so many runs in flight. A contender that needs a pause has none.
    pub(super) fn level(&mut self, at_a_time: usize, runs: usize, slices: usize) -> Result<(), Error> {
        self.contenders.iter_mut().for_each(|contender| contender.slices.push(Vec::new()));
        (0..slices).try_for_each(|number| {
            self.each(number, |contender, numbers| {
                if contender.pause.is_zero() {
                    let time = contender.in_flight(at_a_time, runs, numbers)?;
                    contender.slices.last_mut().expect("just pushed").push(time);
                }
                Ok(())
            })
        })
    }

    fn each(
        &mut self,
        first: usize,
        mut one: impl FnMut(&mut Contender<'a>, &Numbers) -> io::Result<()>,
    ) -> Result<(), Error> {
        let count = self.contenders.len();
        for at in (0..count).map(|at| (at + first) % count) {
            let contender = &mut self.contenders[at];
            if contender.failure.is_some() {
                continue;
            }
            if let Err(error) = one(contender, &self.numbers) {
                contender.failure = Some(format!("{} fails here: {error}", contender.name));
                if at == 0 {
                    return Err(Error::start(contender.name.as_ref(), error));
                }
            }
        }
        Ok(())
    }

    /// The first, with which the others are compared.
    pub(super) fn baseline(&self) -> &Contender<'a> {
        &self.contenders[0]
    }

    /// Those that have not failed.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Contender<'a>> {
        self.contenders.iter().filter(|contender| contender.failure.is_none())
    }

    /// Why each of the others has failed.
    pub(super) fn failures(&self) -> Vec<String> {
        self.contenders.iter().filter_map(|contender| contender.failure.clone()).collect()
    }
}

/// Starts a program without a copy of this process, as the bare calls are.
pub(super) fn program<'a>(args: Vec<OsString>) -> Run<'a> {
    Box::new(move |_| require_success(Child::start(args.clone(), [None; 3], &[])?.wait()?))
}

/// A pool that holds so many sandboxes ready.
pub(super) fn pool(ahead: usize) -> Result<Pool, Error> {
    Pool::start(ahead).map_err(no_pool)
}

/// The error of a pool that cannot be used.
pub(super) fn no_pool(error: io::Error) -> Error {
    Error::start("init-serve".as_ref(), error)
}

/// Sends a request to the pool.
pub(super) fn ask(pool: &Pool, init: &InitCommand) -> io::Result<PooledRun> {
    Ok(pool.run(init, [None; 3])?.ok_or(io::ErrorKind::Unsupported)?)
}

/// A request to the pool, from sending it to its report.
pub(super) fn pooled<'a>(pool: &'a Pool, init: InitCommand) -> Run<'a> {
    Box::new(move |_| {
        let done = ask(pool, &init)?.wait()?;
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
        // The ratio of the medians is 40 to 30.
        assert!((ratio(&times(&[10, 40, 90]), &times(&[20, 40, 30])) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_that_fails_takes_no_more_turns_unless_it_is_the_first() {
        let fails = |from: usize| -> Run<'static> {
            let left = AtomicUsize::new(from);
            let take = |left: usize| left.checked_sub(1);
            Box::new(move |_| {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .map_err(|_| io::ErrorKind::Other)?;
                Ok(())
            })
        };
        let field = |first, second| {
            let both = vec![Contender::new("first", fails(first)), Contender::new("second", fails(second))];
            Field::new(both)
        };
        let mut late = field(9, 2).unwrap();
        (0..4).for_each(|number| late.round(number).unwrap());
        assert_eq!(
            late.measured().map(|one| (one.name.as_str(), one.times.len())).collect::<Vec<_>>(),
            [("first", 4)]
        );
        assert!(late.failures()[0].starts_with("second fails here"));
        assert!(field(0, 9).is_err());
    }

    #[test]
    fn another_one_begins_in_each_round() {
        let seen = std::sync::Mutex::new(String::new());
        let named = |name: &'static str| {
            let run = |_| {
                seen.lock().unwrap().push_str(name);
                Ok(())
            };
            Contender::new(name, Box::new(run) as Run<'_>)
        };
        let mut field = Field::new(vec![named("a"), named("b"), named("c")]).unwrap();
        (0..3).for_each(|number| field.round(number).unwrap());
        drop(field);
        assert_eq!(seen.into_inner().unwrap(), "abcabcbcacab");
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
