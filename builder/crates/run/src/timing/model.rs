//! How far a CPU time can be off. Pure.
//!
//! The kernel counts CPU time to the nanosecond, so that a run on a machine of its own is off by what makes equal work
//! take different time: caches, branch predictors, the start of a program. That is the floor, and a share of the time. A
//! run that has others next to it shares caches, memory and perhaps a core with them: that is a larger share, as far as
//! they were there. Interrupts are counted as time of whatever they interrupt.

use super::look::{Look, TICK_US};
use super::micros;

/// The errors of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Microseconds by which any time can be off.
    pub floor_us: f64,
    /// The share of its time by which a run alone can be off.
    pub noise: f64,
    /// The share by which it can be off in addition when all other CPUs are busy.
    pub contention: f64,
    /// The calibration that says so, or why there is none.
    pub calibration: Result<String, String>,
}

/// Without a calibration: equal runs on a quiet host spread by up to a tenth (DMOJ/judge-server#1190).
pub(super) fn uncalibrated(why: String) -> Model {
    Model { floor_us: 1000.0, noise: 0.10, contention: 0.10, calibration: Err(why) }
}

/// A machine whose equal programs differ by a larger share than those of a quiet host do has something on its CPUs that it
/// cannot see: mostly a hypervisor's other guests, on the other thread of the same core. How much that slows a program is
/// different from program to program, so that what was measured with one says too little about another. (Measured on such a
/// machine, with an error of 28 % stated: of 285 runs in C none was off by more, and of 289 in Python 20.)
const STEADY: f64 = 0.10;

impl Model {
    /// Why no time of this machine can be used for a verdict, if that is so.
    pub(super) fn unsteadiness(&self) -> Option<String> {
        let percent = 100.0 * self.noise;
        (self.noise > STEADY).then(|| {
            format!("unsteady: equal programs differ by {percent:.0} % on this machine when it is quiet")
        })
    }

    /// The error of a CPU time in microseconds, where `strain` is how busy the other CPUs were, from 0 to 1.
    pub fn error_us(&self, cpu_us: u64, strain: f64) -> u64 {
        let share = self.noise + self.contention * strain.clamp(0.0, 1.0);
        (self.floor_us + cpu_us as f64 * share).ceil() as u64
    }
}

/// What happened on the CPUs of a run besides the run. Times are in microseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Disturbance {
    pub(super) wall_us: u64,
    pub(super) cpus: usize,
    pub(super) foreign_us: Option<u64>,
    pub(super) pressure_us: Option<u64>,
    pub(super) steal_us: Option<u64>,
    pub(super) interrupts_us: Option<u64>,
    pub(super) khz: Option<[u64; 2]>,
}

/// A share of the time above which something makes a time useless for a verdict.
const STEAL: f64 = 0.01;
/// So much of the time, others waited for a CPU: then the run waited, too, or was driven from a warm one.
const PRESSURE: f64 = 0.10;
/// Microseconds in which capsule's own processes may have waited for each other: the supervisor, PID 1, and those that make
/// the next sandbox meanwhile. On a quiet machine of two CPUs that is most of a run of 5 ms.
const OWN_US: u64 = 5_000;
/// Frequencies that differ by more give different times.
const FREQUENCY: f64 = 0.05;

impl Disturbance {
    pub(super) fn between(begin: &Look, end: &Look, cpus: usize, cpu_us: Option<u64>) -> Disturbance {
        let wall_us = micros(end.at.duration_since(begin.at));
        let ticks = begin.ticks.zip(end.ticks);
        let of = |column: fn(&super::look::Ticks) -> u64| {
            ticks.map(|(begin, end)| column(&end).saturating_sub(column(&begin)) * TICK_US)
        };
        let foreign_us = of(|ticks| ticks.idle)
            .zip(cpu_us)
            .map(|(idle_us, cpu_us)| (wall_us * cpus as u64).saturating_sub(idle_us).saturating_sub(cpu_us));
        Disturbance {
            wall_us,
            cpus,
            foreign_us,
            pressure_us: begin.pressure_us.zip(end.pressure_us).map(|(begin, end)| end.saturating_sub(begin)),
            steal_us: of(|ticks| ticks.steal),
            interrupts_us: of(|ticks| ticks.interrupts),
            khz: begin.khz.zip(end.khz).map(|(begin, end)| [begin, end]),
        }
    }

    /// How busy the other CPUs were, from 0 to 1. What is not known is the worst: ticks say nothing about a short run.
    pub(super) fn strain(&self) -> f64 {
        let Some(foreign_us) = self.foreign_us else { return 1.0 };
        let others = self.wall_us as f64 * self.cpus.saturating_sub(1).max(1) as f64;
        let pressure = self.pressure_us.unwrap_or(0) as f64 / self.wall_us.max(1) as f64;
        let busy = (foreign_us as f64 + TICK_US as f64) / others.max(1.0);
        busy.max(pressure).clamp(0.0, 1.0)
    }

    /// Why the time cannot be used for a verdict.
    pub(super) fn causes(&self) -> Vec<String> {
        let share = |us: Option<u64>| us.unwrap_or(0) as f64 / self.wall_us.max(1) as f64;
        let percent = |share: f64| format!("{:.0} % of the time", 100.0 * share);
        let mut causes = Vec::new();
        // One tick more or less is what counting by ticks is off by.
        if share(self.steal_us) > STEAL && self.steal_us > Some(TICK_US) {
            causes
                .push(format!("steal: {} the hypervisor ran other machines", percent(share(self.steal_us))));
        }
        if share(self.pressure_us.map(|us| us.saturating_sub(OWN_US))) > PRESSURE {
            let time = percent(share(self.pressure_us));
            causes.push(format!("contention: {time} some process waited for a CPU"));
        }
        let has_changed =
            |[begin, end]: &[u64; 2]| *begin.min(end) as f64 * (1.0 + FREQUENCY) < *begin.max(end) as f64;
        if let Some([begin, end]) = self.khz.filter(has_changed) {
            let [begin, end] = [begin, end].map(|khz| khz / 1000);
            causes
                .push(format!("frequency: the fastest CPU ran at {begin} MHz before and at {end} MHz after"));
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::Ticks;
    use super::*;
    use std::time::{Duration, Instant};

    /// A run of a second on two CPUs.
    fn second() -> Disturbance {
        Disturbance {
            wall_us: 1_000_000,
            cpus: 2,
            foreign_us: Some(0),
            pressure_us: Some(0),
            steal_us: Some(0),
            interrupts_us: Some(0),
            khz: Some([2_000_000, 2_000_000]),
        }
    }

    #[test]
    fn an_error_has_a_floor_and_grows_with_time_and_strain() {
        let error = |cpu_us, strain| uncalibrated(String::new()).error_us(cpu_us, strain);
        assert_eq!([error(0, 1.0), error(1_000_000, 0.0)], [1000, 101_000]);
        assert_eq!([error(1_000_000, 1.0), error(1_000_000, 7.0)], [201_000; 2]);
    }

    #[test]
    fn what_others_did_is_what_the_run_did_not() {
        let at = Instant::now();
        let look = |after: u64, idle: u64, steal: u64, pressure_us: u64| Look {
            at: at + Duration::from_micros(after),
            ticks: Some(Ticks { idle, interrupts: 2, steal }),
            pressure_us: Some(pressure_us),
            khz: Some(1000 + after),
        };
        let [begin, end] = [look(0, 100, 0, 50), look(1_000_000, 130, 4, 80)];
        let found = Disturbance::between(&begin, &end, 2, Some(600_000));
        // Of two seconds, 0.3 were idle, and 0.6 the run's own.
        assert_eq!(
            (found.foreign_us, found.steal_us, found.interrupts_us),
            (Some(1_100_000), Some(40_000), Some(0))
        );
        assert_eq!((found.pressure_us, found.khz), (Some(30), Some([1000, 1_001_000])));
        assert_eq!(Disturbance::between(&begin, &end, 2, None).foreign_us, None);
    }

    #[test]
    fn strain_is_the_worst_where_it_is_not_known() {
        assert!(second().strain() < 0.02);
        assert_eq!(Disturbance { foreign_us: Some(490_000), ..second() }.strain(), 0.5);
        assert_eq!(Disturbance { pressure_us: Some(300_000), ..second() }.strain(), 0.3);
        assert_eq!(Disturbance { foreign_us: None, ..second() }.strain(), 1.0);
        // A tick is longer than this run.
        assert_eq!(Disturbance { wall_us: 5000, ..second() }.strain(), 1.0);
    }

    #[test]
    fn causes_are_named() {
        assert!(second().causes().is_empty());
        for (found, cause) in [
            (Disturbance { steal_us: Some(20_000), ..second() }, "steal: 2 % of the time"),
            (Disturbance { pressure_us: Some(110_000), ..second() }, "contention: 11 % of the time"),
            (
                Disturbance { khz: Some([2_000_000, 2_200_000]), ..second() },
                "frequency: the fastest CPU ran at 2000 MHz before and at 2200 MHz after",
            ),
        ] {
            let causes = found.causes();
            assert!(causes.len() == 1 && causes[0].starts_with(cause), "{causes:?}");
        }
        // One tick in a short run, and a little more speed.
        for little in [
            // Of capsule's own processes in a run of 8 ms, and of others in a second.
            Disturbance { wall_us: 8_000, pressure_us: Some(5_500), ..second() },
            Disturbance { pressure_us: Some(104_000), ..second() },
            Disturbance { wall_us: 50_000, steal_us: Some(10_000), ..second() },
            Disturbance { khz: Some([2_000_000, 2_050_000]), ..second() },
        ] {
            assert_eq!(little.causes(), [""; 0]);
        }
        let nothing = Disturbance { pressure_us: None, steal_us: None, khz: None, ..second() };
        assert!(nothing.causes().is_empty());
    }
}
