//! The time limit that follows from a package's own submissions (PPF spec/2025-09.md, "Timelimit inference").

use crate::problem::{Format, Problem};

/// How a time limit follows from times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Margins {
    /// The limit is at least the slowest time times this.
    accepted_to_limit: f64,
    /// A submission that is meant to be too slow needs at least the limit times this.
    pub(super) limit_to_slow: f64,
    resolution_us: u64,
}

impl Margins {
    /// The problem's own, or those of its format.
    pub(super) fn of(problem: &Problem) -> Margins {
        let limits = &problem.limits;
        let is_legacy = matches!(problem.format, Format::KattisLegacy | Format::IcpcLegacy);
        let (to_limit, to_slow) = if is_legacy { (5.0, 2.0) } else { (2.0, 1.5) };
        Margins {
            accepted_to_limit: limits.accepted_to_limit.unwrap_or(to_limit),
            limit_to_slow: limits.limit_to_slow.unwrap_or(to_slow).max(1.0),
            resolution_us: limits.resolution_us.unwrap_or(1_000_000).max(1),
        }
    }

    /// The least limit, a multiple of the resolution.
    pub(super) fn limit(&self, slowest_us: u64) -> u64 {
        let least = slowest_us as f64 * self.accepted_to_limit / self.resolution_us as f64;
        (least.ceil() as u64).max(1) * self.resolution_us
    }

    /// Whether a limit leaves the margin above this time.
    pub(super) fn is_above(&self, limit_us: u64, slowest_us: u64) -> bool {
        slowest_us as f64 * self.accepted_to_limit <= limit_us as f64
    }

    /// Whether this time is above the limit with the margin.
    pub(super) fn is_below(&self, limit_us: u64, slowest_us: u64) -> bool {
        slowest_us as f64 >= limit_us as f64 * self.limit_to_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::plain_problem;

    #[test]
    fn a_limit_is_rounded_up_to_its_resolution() {
        let mut problem = plain_problem(1, 0.0);
        assert_eq!(Margins::of(&problem).limit(10_000), 1_000_000);
        assert_eq!(Margins::of(&problem).limit(700_000), 2_000_000);
        // However fast a machine is.
        assert_eq!(Margins::of(&problem).limit(0), 1_000_000);
        problem.limits.resolution_us = Some(100_000);
        problem.limits.accepted_to_limit = Some(3.0);
        assert_eq!(Margins::of(&problem).limit(110_000), 400_000);
        assert_eq!(Margins::of(&problem).limit(100_000), 300_000);
        problem.format = Format::KattisLegacy;
        problem.limits.accepted_to_limit = None;
        assert_eq!(Margins::of(&problem).limit(100_000), 500_000);
    }

    #[test]
    fn margins_are_on_both_sides() {
        let margins = Margins::of(&plain_problem(1, 0.0));
        assert!(margins.is_above(1_000_000, 500_000) && !margins.is_above(1_000_000, 500_001));
        assert!(margins.is_below(1_000_000, 1_500_000) && !margins.is_below(1_000_000, 1_499_999));
    }
}
