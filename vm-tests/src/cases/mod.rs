//! The cases: one table or more for each suite.

pub mod attacks;
pub(crate) mod capsule;
pub(crate) mod guards;
pub(crate) mod identity;
#[cfg(feature = "harness")]
pub(crate) mod languages;
pub(crate) mod limits;
pub(crate) mod mutants;
pub(crate) mod neighbours;
pub(crate) mod network;
pub(crate) mod refusals;
pub(crate) mod soak;
pub(crate) mod streams;
pub(crate) mod verdicts;

use crate::case::{Case, Expect};
use crate::plan::Step;
use crate::suite::{Scope, Suite};

/// The cases of every suite in `scope`, in order; fewer where `in_full` is false.
pub fn of_scope(scope: Scope, in_full: bool) -> Vec<Case> {
    Suite::all().filter(|suite| suite.is_in(scope)).flat_map(|suite| of_suite(suite, in_full)).collect()
}

fn of_suite(suite: Suite, in_full: bool) -> Vec<Case> {
    match suite {
        Suite::Capsule => capsule::cases(),
        Suite::Identity => identity::cases(),
        Suite::Delegated => identity::delegated(),
        Suite::Network => network::cases(),
        Suite::Verdicts => [limits::cases(), verdicts::cases(in_full)].concat(),
        Suite::Streams => streams::cases(),
        Suite::Attacks => attacks::cases(),
        Suite::Neighbours => neighbours::cases(),
        Suite::Controls => [attacks::controls(), neighbours::controls()].concat(),
        Suite::Refusals => refusals::cases(),
        Suite::Soak => soak::cases(),
        Suite::Mutants => mutants::cases(),
        Suite::Guards => guards::cases(),
        // Only a bundle's manifest has them (`languages::cases`).
        Suite::Languages => Vec::new(),
    }
}

/// Where the probe is inside of a sandbox.
pub const PROBE: &str = "/tmp/probes/probe";

/// The option that puts it there.
pub(crate) fn probe_bind(probes: &str) -> String {
    format!("{probes}:/tmp/probes")
}

/// The case of `suite` that runs `step`; the step's name becomes the case's.
pub(crate) fn case(suite: Suite, step: Step, ids: &[&str], expect: Vec<Expect>) -> Case {
    Case {
        suite,
        step: Step { name: suite.case_name(&step.name), ..step },
        ids: ids.iter().map(|id| id.to_string()).collect(),
        expect,
        contained: true,
        needs_root: None,
        guard: None,
        alone: false,
        lacking: None,
        like: None,
    }
}
