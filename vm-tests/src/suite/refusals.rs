//! Roots and options that init must refuse; the agent tries them all in one step.

use super::case;
use crate::case::{Case, Expect};
use crate::plan::Step;

/// The suite.
pub fn cases() -> Vec<Case> {
    let step = Step::bare(
        "refusals/spoiled roots and options",
        &["/vm-tests/agent", "refusals", "/init", "/rootfs"],
    );
    vec![case(step, &["FS-30", "JDG-26"], vec![Expect::Exit(0)])]
}
