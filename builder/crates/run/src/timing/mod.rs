//! How far the times of a run can be off, and what disturbed it: the block `timing` of its report.
//!
//! ```text
//!   begin: Look at the host ──► the run ──► end: a second Look ──► Disturbance ──Model──► error, reliable, causes
//! ```
//!
//! Everything here is read outside of the run: what the kernel counted for the CPUs that the run could use. init measures
//! the run itself. What neither of them can know is absent, with the reason.

mod calibration;
mod cpus;
mod look;
mod machine;
mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

pub use calibration::{Calibration, Kernel, VERSION, default_place, model_of_this_machine};
pub use cpus::Cpus;
pub use machine::Machine;
pub use model::Model;

use crate::report;
use look::Look;
use model::Disturbance;

/// What is to be known of the times of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// The CPUs that this process, and so the run, could use.
    pub cpus: String,
    /// CPU time that others used on these CPUs meanwhile, in microseconds. The kernel tells it in ticks of 10 ms.
    pub foreign_us: Option<u64>,
    /// Time in which some process of the machine waited for a CPU, in microseconds (Documentation/accounting/psi.rst).
    pub pressure_us: Option<u64>,
    /// Time that the hypervisor gave to other machines, in microseconds, in ticks.
    pub steal_us: Option<u64>,
    /// Time in interrupts on these CPUs, in microseconds, in ticks.
    pub interrupts_us: Option<u64>,
    /// The frequency of the fastest of these CPUs at the start and at the end, in kilohertz.
    pub khz: Option<[u64; 2]>,
    /// Instructions of the run in user mode.
    pub instructions: Option<u64>,
    /// The machine's calibration that the error comes from, by its identity; absent if it has none.
    pub calibration: Option<String>,
    /// The true CPU time is within this of the measured one, in microseconds.
    pub error_us: Option<u64>,
    /// Whether the CPU time can be used for a verdict.
    pub reliable: bool,
    /// Why it cannot.
    pub causes: Vec<String>,
    /// Why a value is absent, by the value's name.
    pub unknown: BTreeMap<&'static str, String>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Observation {
    cpus: &'static Cpus,
    begin: Look,
}

impl Observation {
    /// Looks at the host. The run begins after that.
    pub fn begin() -> Observation {
        let cpus = Cpus::allowed();
        Observation { cpus, begin: Look::at(cpus) }
    }

    /// Looks again, for a run that ended with this CPU time, if that is known.
    pub fn end(self, cpu_us: Option<u64>) -> Timing {
        timing(self.cpus, model_of_this_machine(), &self.disturbance(cpu_us), cpu_us)
    }

    /// Looks again: what disturbed work that took this CPU time, in words.
    pub fn disturbances(self, cpu_us: u64) -> Vec<String> {
        self.disturbance(Some(cpu_us)).causes()
    }

    fn disturbance(&self, cpu_us: Option<u64>) -> Disturbance {
        Disturbance::between(&self.begin, &Look::at(self.cpus), self.cpus.count(), cpu_us)
    }
}

fn timing(cpus: &Cpus, model: &Model, found: &Disturbance, cpu_us: Option<u64>) -> Timing {
    let mut unknown = BTreeMap::from([
        ("instructions", "no event counts them for a run yet".to_owned()),
        ("migrations", "the kernel reports them for live processes only".to_owned()),
    ]);
    let mut note = |name: &'static str, is_absent: bool, why: &str| {
        if is_absent {
            unknown.insert(name, why.to_owned());
        }
    };
    note(
        "calibration",
        model.calibration.is_err(),
        model.calibration.as_ref().err().map_or("", String::as_str),
    );
    note("pressure_us", found.pressure_us.is_none(), "the kernel has no /proc/pressure/cpu (CONFIG_PSI)");
    note("khz", found.khz.is_none(), "this machine does not tell the frequency of its CPUs (cpufreq)");
    note("foreign_us", found.foreign_us.is_none(), "/proc/stat or the CPU time of the run is not known");
    note("error_us", cpu_us.is_none(), "the CPU time was not measured");
    note("steal_us", found.steal_us.is_none(), "/proc/stat cannot be read");
    note("interrupts_us", found.interrupts_us.is_none(), "/proc/stat cannot be read");
    let mut causes = match cpu_us {
        Some(_) => found.causes(),
        None => vec!["the CPU time was not measured".to_owned()],
    };
    // The error is a guess then.
    causes.extend(model.calibration.as_ref().err().map(|why| format!("calibration: {why}")));
    causes.extend(model.unsteadiness());
    Timing {
        cpus: cpus.list().to_owned(),
        foreign_us: found.foreign_us,
        pressure_us: found.pressure_us,
        steal_us: found.steal_us,
        interrupts_us: found.interrupts_us,
        khz: found.khz,
        instructions: None,
        calibration: model.calibration.clone().ok(),
        error_us: cpu_us.map(|cpu_us| model.error_us(cpu_us, found.strain())),
        reliable: causes.is_empty(),
        causes,
        unknown,
    }
}

/// The report of a run, one JSON object on one line, with the block in it; as it is if it is no object.
pub fn added(report: &str, timing: &Timing) -> String {
    match serde_json::to_string(timing) {
        Ok(block) => report::with(report, &format!("\"timing\":{block}")),
        Err(_) => report.to_owned(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_joins_the_report() {
        let timing = Observation::begin().end(Some(1000));
        for report in ["{\"version\":1}\n", "{}"] {
            let text = added(report, &timing);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(value["timing"]["error_us"].is_u64() && text.ends_with("}\n"), "{text}");
            assert_eq!(text.matches('\n').count(), 1);
        }
        assert_eq!(added("", &timing), "");
    }

    #[test]
    fn a_time_can_be_used_where_its_error_was_measured() {
        let on = |calibration: Result<String, String>, found: &Disturbance| {
            let model = Model { floor_us: 1.0, noise: 0.0, contention: 0.0, calibration };
            let timing = timing(Cpus::allowed(), &model, found, Some(1000));
            (timing.reliable, timing.causes.join(";"))
        };
        let quiet = Disturbance { wall_us: 1_000_000, cpus: 1, ..Disturbance::default() };
        assert_eq!(on(Ok("id".to_owned()), &quiet), (true, String::new()));
        assert_eq!(on(Err("never".to_owned()), &quiet), (false, "calibration: never".to_owned()));
        let steal = Disturbance { steal_us: Some(500_000), ..quiet };
        assert!(!on(Ok("id".to_owned()), &steal).0);
    }

    #[test]
    fn no_time_of_an_unsteady_machine_can_be_used() {
        let on = |noise| {
            let model = Model { floor_us: 1.0, noise, contention: 0.5, calibration: Ok("id".to_owned()) };
            let quiet = Disturbance { wall_us: 1_000_000, cpus: 1, ..Disturbance::default() };
            let timing = timing(Cpus::allowed(), &model, &quiet, Some(1000));
            (timing.reliable, timing.causes.join(";"))
        };
        assert_eq!(on(0.10), (true, String::new()));
        let (reliable, causes) = on(0.28);
        assert!(
            !reliable && causes.starts_with("unsteady: equal programs differ by 28 % on this machine"),
            "{causes}"
        );
    }

    #[test]
    fn what_is_absent_has_a_reason() {
        let value = serde_json::to_value(Observation::begin().end(None)).unwrap();
        let is_explained = |name: &String| value["unknown"][name].is_string();
        let absent = value.as_object().unwrap().iter().filter(|(_, value)| value.is_null());
        let unexplained: Vec<_> = absent.map(|(name, _)| name).filter(|name| !is_explained(name)).collect();
        assert!(unexplained.is_empty() && value["reliable"] == false, "{value}");
    }
}
