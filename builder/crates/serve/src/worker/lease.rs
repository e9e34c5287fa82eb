//! How long a worker may believe that a submission is its own. Pure.

use std::time::{Duration, Instant};

/// A worker ends its program this part of a lease before the service gives the submission to another worker.
const MARGIN: u32 = 8;
/// It renews a lease after this part of it.
const RENEW: u32 = 4;

/// The right to do a submission.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    length: Duration,
    /// When the question was sent that the service agreed to: it counts from later on.
    asked: Instant,
}

impl Lease {
    pub(super) fn new(length: Duration, asked: Instant) -> Lease {
        Lease { length, asked }
    }

    /// The service agreed to a question that was sent then.
    pub(super) fn renewed(&mut self, asked: Instant) {
        self.asked = self.asked.max(asked);
    }

    /// When to ask.
    pub(super) fn due(&self, now: Instant) -> Instant {
        let due = self.asked + self.length / RENEW;
        // A service that does not answer is asked again and again until the end, and not all the time.
        due.max(now + self.length / (4 * RENEW)).min(self.end())
    }

    /// When the program has to be ended.
    pub(super) fn end(&self) -> Instant {
        self.asked + self.length - self.length / MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_the_question_and_ends_before_the_services() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut lease = Lease::new(32 * second, start);
        assert_eq!((lease.due(start), lease.end()), (start + 8 * second, start + 28 * second));
        lease.renewed(start + 8 * second);
        // An older answer that comes late shortens nothing.
        lease.renewed(start + 3 * second);
        assert_eq!(lease.end(), start + 36 * second);
        assert!(lease.end() < start + 8 * second + 32 * second);
    }

    #[test]
    fn a_service_that_is_away_is_asked_until_the_end() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let lease = Lease::new(32 * second, start);
        assert_eq!(lease.due(start + 20 * second), start + 22 * second);
        assert_eq!(lease.due(start + 27 * second), start + 28 * second);
    }
}
