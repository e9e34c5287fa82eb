//! Mutants: each way to break init, and the probe that notices. The same program runs twice: under the bundle's init,
//! where the probe must find nothing, and under the mutant, where it must find exactly what is broken.

use super::guards::{Shown, at_most_eight, mounts_stay_inside, no_swap, shown};
use crate::case::Case;
use crate::mutant;
use crate::plan::Step;
use crate::suite::Suite;

/// A mutation (a name of init/mutations) and the probe that notices it.
struct Mutation {
    mutation: &'static str,
    options: &'static [&'static str],
    caught_by: Shown,
}

const fn row(mutation: &'static str, caught_by: Shown) -> Mutation {
    Mutation { mutation, options: &[], caught_by }
}

const ROWS: &[Mutation] = &[
    row("skip-close-range", Shown::Attack("files/leaked-descriptor")),
    row("keep-one-fd", Shown::Attack("files/leaked-descriptor")),
    row("keep-sys-chroot", Shown::Attack("process/capability-sets")),
    row("outer-proc", Shown::Attack("process/see-outside")),
    row("no-arch-check", Shown::Attack("kernel/i386-entry")),
    Mutation {
        options: &["--pids", "8"],
        ..row("no-pids-limit", Shown::Rule(&["fork-until-refused", "40"], at_most_eight))
    },
    row("swap", Shown::Peek(no_swap)),
    row("no-setsid", Shown::Attack("process/session-of-the-supervisor")),
    row("writable-root", Shown::Attack("files/mount-flags")),
    row("shared-mounts", Shown::Outside(mounts_stay_inside)),
];

/// For each row the run under the bundle's init, then the one under the mutant.
pub(crate) fn cases() -> Vec<Case> {
    ROWS.iter().flat_map(|row| [row.case("shipped", None), row.case("broken", Some(row.mutation))]).collect()
}

/// The names of all mutations.
pub(crate) fn names() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.mutation).collect()
}

impl Mutation {
    fn case(&self, state: &str, mutation: Option<&str>) -> Case {
        let prefix = format!("{} {state}", self.mutation);
        let prepare = |step: Step| Step { init: mutation.map(mutant::place), ..step.with(self.options) };
        shown(Suite::Mutants, &self.caught_by, &prefix, mutation.is_some(), prepare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_mutation_has_a_probe_that_notices() {
        let known = include_str!("../../../init/mutations").lines();
        let known: BTreeSet<&str> = known.filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(known, names().into_iter().collect());
    }
}
