//! Where this process stands in line for a CPU.
//!
//! On a busy machine the kernel lets an ordinary process wait, on Linux 6.18 beside some programs for seconds, and a limit
//! is noticed that late. So what watches limits and kills comes before every ordinary process. What passes streams on does
//! not: a submission that floods its output would have the CPU through us before all others.

use crate::guard::{Guard, State};
use crate::setup::Setup;
use crate::sys::{self, Turns};

/// The place in line of a process that watches limits.
pub(super) struct Line {
    may_be_first: bool,
    is_first: bool,
}

impl Line {
    /// The guard is up where this process has become the first.
    pub(super) fn new(setup: &Setup<'_>) -> Line {
        let state = setup.guards.state(Guard::FirstInLine);
        if let State::Unavailable(_) = state {
            // In turns of the usual length a limit would be noticed a timer tick late: the running task keeps its slice.
            let _ = sys::take_turns(Turns::Short); // as well as it can be had
        }
        let is_first = matches!(state, State::On);
        Line { may_be_first: is_first, is_first }
    }

    /// Whether it may be the first and is not.
    pub(super) fn can_step_forward(&self) -> bool {
        self.may_be_first && !self.is_first
    }

    /// There is nothing to do but to watch.
    pub(super) fn step_forward(&mut self) {
        self.is_first = sys::take_turns(Turns::First).is_ok();
    }

    /// There is other work.
    pub(super) fn step_back(&mut self) {
        if core::mem::take(&mut self.is_first) {
            let _ = sys::take_turns(Turns::Short); // to leave a real-time class is never refused (sched(7))
        }
    }
}
