//! The live line of a proof: how many cases have been seen, and how long the others may take. On a terminal only.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::qemu::Accel;

/// About how long a case takes on one processor, a share of its machine's boot included. Only what is said before the first
/// case depends on it. Emulated, 1293 cases in four machines took 445 s on two processors.
const EMULATED: Duration = Duration::from_millis(700);
const BY_KVM: Duration = Duration::from_millis(100);

/// The line. Threads share it.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For so many cases.
    pub(crate) fn of(cases: usize) -> Progress {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(cases as u64), target);
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} cases, about {eta} left");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // Cases come in machines: the clock goes on while one boots.
        bar.enable_steady_tick(Duration::from_secs(1));
        Progress(bar)
    }

    /// Counts cases that were seen.
    pub(crate) fn seen(&self, cases: usize) {
        self.0.inc(cases as u64);
    }

    /// Lets `print` write lines above this one.
    pub(crate) fn above(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// About how long so many cases take in each machine, with so many machines at a time, in words.
pub(crate) fn estimate(machines: &[(Accel, usize)], jobs: usize) -> String {
    let of_machine = |&(accel, cases): &(Accel, usize)| {
        let each = if accel == Accel::Tcg { EMULATED } else { BY_KVM };
        each * u32::try_from(cases).unwrap_or(u32::MAX)
    };
    let all: Duration = machines.iter().map(of_machine).sum();
    let jobs = u32::try_from(jobs.clamp(1, machines.len().max(1))).unwrap_or(1);
    in_words(all / jobs)
}

fn in_words(duration: Duration) -> String {
    match duration.as_secs().div_ceil(60) {
        0 | 1 => "about a minute".to_string(),
        minutes => format!("about {minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_at_a_time_share_the_work() {
        let machines = [(Accel::Tcg, 600), (Accel::Tcg, 600)];
        assert_eq!(estimate(&machines, 1), "about 14 minutes");
        for jobs in [2, 16] {
            assert_eq!(estimate(&machines, jobs), "about 7 minutes");
        }
        assert_eq!(estimate(&[], 0), "about a minute");
    }

    #[test]
    fn an_estimate_is_in_whole_minutes() {
        for (seconds, words) in [
            (0, "about a minute"),
            (60, "about a minute"),
            (61, "about 2 minutes"),
            (1799, "about 30 minutes"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
