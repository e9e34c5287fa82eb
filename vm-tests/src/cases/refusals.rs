//! Roots and options that init must refuse, and callers whose state must not become a verdict; the agent tries all of
//! each kind in one step.

use super::case;
use crate::case::{Case, Expect};
use crate::plan::Step;
use crate::suite::Suite;

pub(crate) fn cases() -> Vec<Case> {
    let step = |name, kind| Step::bare(name, &["/vm-tests/agent", kind, "/init", "/rootfs"]);
    let refusals = step("spoiled roots and options", "refusals");
    let callers = step("callers without memory", "callers");
    vec![
        case(Suite::Refusals, refusals, &["FS-30", "JDG-26"], vec![Expect::Exit(0)]),
        case(Suite::Refusals, Step { limit_ms: 120_000, ..callers }, &["RES-01"], vec![Expect::Exit(0)]),
    ]
}
