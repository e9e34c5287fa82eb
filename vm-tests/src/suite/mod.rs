//! The suites: tables of cases.

pub mod attacks;
pub mod capsule;
pub mod guards;
pub mod identity;
pub mod mutants;
pub mod neighbours;
pub mod soak;
pub mod verdicts;

use crate::case::{Case, Expect};
use crate::plan::Step;

/// Where the probe is inside of a sandbox.
pub const PROBE: &str = "/tmp/probes/probe";

/// The option that puts it there.
pub fn probe_bind(probes: &str) -> String {
    format!("{probes}:/tmp/probes")
}

fn case(step: Step, ids: &[&str], expect: Vec<Expect>) -> Case {
    let ids = ids.iter().map(|id| id.to_string()).collect();
    Case { step, ids, expect, contained: true, needs_root: false, guard: None, alone: false }
}
