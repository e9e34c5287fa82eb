//! What the benchmarks share: rounds that are compared with each other only, and the conditions under which they ran.
//!
//! A time alone says little on a machine that others use, too. So each round measures all contenders one after the other,
//! in an order that changes, and a ratio is that of two times of one round. The median and the range of these ratios are
//! the result.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The ratio of two contenders in all rounds that both took part in.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    low: f64,
    pub median: f64,
    high: f64,
}

impl Ratio {
    /// `times` as a multiple of `base`, round by round; `None` without a round.
    pub fn of(times: &[Duration], base: &[Duration]) -> Option<Ratio> {
        let rounds = times.iter().zip(base).map(|(time, base)| time.as_secs_f64() / base.as_secs_f64());
        let mut rounds: Vec<f64> = rounds.collect();
        rounds.sort_by(f64::total_cmp);
        Some(Ratio { low: *rounds.first()?, median: rounds[rounds.len() / 2], high: *rounds.last()? })
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.2} x  ({:.2} to {:.2})", self.median, self.low, self.high)
    }
}

/// The median time.
pub fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Contenders in the order of a round: each is the first one in turn.
pub fn order(round: usize, contenders: usize) -> impl Iterator<Item = usize> {
    (0..contenders).map(move |at| (at + round) % contenders)
}

/// Threads that keep every CPU busy, with the argument `busy`; they end when this is dropped.
pub struct Neighbours {
    goes_on: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Neighbours {
    /// Starts them if the command line asks for them, and prints the conditions of the measurement.
    pub fn as_asked() -> Neighbours {
        let is_asked = std::env::args().any(|argument| argument == "busy");
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let load = read("/proc/loadavg");
        let kernel = read("/proc/sys/kernel/osrelease");
        let busy = if is_asked { "; every CPU is kept busy" } else { "" };
        let load = load.split(' ').next().unwrap_or_default();
        println!("Linux {}, {cpus} CPUs, load {load} at the start{busy}", kernel.trim());
        let goes_on = Arc::new(AtomicBool::new(is_asked));
        let spin = |_| {
            let goes_on = Arc::clone(&goes_on);
            thread::spawn(move || while goes_on.load(Ordering::Relaxed) {})
        };
        let threads = (0..if is_asked { cpus } else { 0 }).map(spin).collect();
        Neighbours { goes_on, threads }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _does_not_panic = thread.join();
        }
    }
}
