//! The suites: tables of cases.

pub mod attacks;
pub mod capsule;
pub mod guards;
pub mod identity;
#[cfg(feature = "harness")]
pub mod languages;
pub mod mutants;
pub mod neighbours;
pub mod network;
pub mod refusals;
pub mod soak;
pub mod streams;
pub mod verdicts;

use crate::case::{Case, Expect};
use crate::plan::Step;

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "harness", derive(clap::ValueEnum))]
pub enum Scope {
    /// One world for each kernel: minutes.
    Subset,
    /// Every world, and this host beside them.
    All,
    /// All that is about the bundle, and nothing about the harness: no mutants, no soak.
    Bundle,
    /// Only what somebody sees who looks around inside.
    Capsule,
    /// Only the programs with a known end.
    Verdicts,
    /// Only the attacks, and their controls.
    Attacks,
    /// Only the guards, each up and removed.
    Guards,
    /// Only the bundle's languages: programs compiled and run. In no other scope, for it needs another bundle.
    Languages,
    /// Only the inits with one guard broken on purpose, and the probes that notice.
    Mutants,
}

/// A suite, and the scopes that it belongs to. Told whether it may take its time.
type Suite = (fn(bool) -> Vec<Case>, &'static [Scope]);

const SUITES: &[Suite] = {
    use Scope::*;
    &[
        (|_| capsule::cases(), &[Subset, All, Bundle, Capsule]),
        (|_| identity::cases(), &[Subset, All, Bundle, Capsule]),
        (|_| identity::delegated(), &[Subset, All, Bundle, Capsule]),
        (|_| network::cases(), &[Subset, All, Bundle, Capsule]),
        (verdicts::cases, &[Subset, All, Bundle, Verdicts]),
        (|_| streams::cases(), &[Subset, All, Bundle, Verdicts]),
        (|_| attacks::cases(), &[Subset, All, Bundle, Attacks]),
        (|_| neighbours::cases(), &[Subset, All, Bundle, Attacks]),
        (|_| attacks::controls(), &[Subset, All, Bundle, Attacks]),
        (|_| neighbours::controls(), &[Subset, All, Bundle, Attacks]),
        (|_| refusals::cases(), &[Subset, All, Bundle]),
        (|_| soak::cases(), &[Subset, All]),
        (|_| mutants::cases(), &[Subset, All, Mutants]),
        (|_| guards::cases(), GUARDS),
    ]
};
const GUARDS: &[Scope] = &[Scope::Subset, Scope::All, Scope::Bundle, Scope::Guards];

impl Scope {
    /// Its cases, in order; fewer where `in_full` is false.
    pub fn cases(self, in_full: bool) -> Vec<Case> {
        let wanted = SUITES.iter().filter(|(_, scopes)| scopes.contains(&self));
        wanted.flat_map(|(cases, _)| cases(in_full)).collect()
    }

    /// Whether every guard is taken away in it.
    pub fn has_guards(self) -> bool {
        GUARDS.contains(&self)
    }
}

/// Where the probe is inside of a sandbox.
pub const PROBE: &str = "/tmp/probes/probe";

/// The option that puts it there.
pub fn probe_bind(probes: &str) -> String {
    format!("{probes}:/tmp/probes")
}

pub(crate) fn case(step: Step, ids: &[&str], expect: Vec<Expect>) -> Case {
    let ids = ids.iter().map(|id| id.to_string()).collect();
    Case {
        step,
        ids,
        expect,
        contained: true,
        needs_root: None,
        guard: None,
        alone: false,
        lacking: None,
        like: None,
    }
}
