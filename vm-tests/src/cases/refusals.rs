//! Roots and options that init must refuse, callers whose state must not become a verdict, and the order of the end; the
//! agent tries all of each kind in one step.

use super::case;
use crate::case::{Case, Expect};
use crate::plan::Step;
use crate::suite::Suite;

pub(crate) fn cases() -> Vec<Case> {
    let step = |name, kind| Step::bare(name, &["/vm-tests/agent", kind, "/init", "/rootfs"]);
    let refusals = step("spoiled roots and options", "refusals");
    let callers = step("callers without memory", "callers");
    let ending = step("the order of the end", "ending");
    let storm = step("a forbidden call in a storm of signals", "storm");
    let enclosed = step("alone in a cgroup namespace", "enclosed");
    vec![
        case(Suite::Refusals, refusals, &["FS-30", "JDG-26"], vec![Expect::Exit(0)]),
        case(Suite::Refusals, Step { limit_ms: 120_000, ..callers }, &["RES-01"], vec![Expect::Exit(0)]),
        case(Suite::Refusals, Step { limit_ms: 200_000, ..ending }, &["PR-11"], vec![Expect::Exit(0)]),
        case(Suite::Refusals, Step { limit_ms: 200_000, ..storm }, &["RES-26"], vec![Expect::Exit(0)]),
        case(Suite::Refusals, enclosed, &[], vec![Expect::Exit(0)]),
    ]
}
