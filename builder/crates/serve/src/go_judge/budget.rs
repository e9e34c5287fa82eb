//! How much a request may have of what its commands wrote. Without it, each of many outputs could be as large as one may be.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of all streams, transcripts and files of one request together.
pub(super) const MOST: u64 = 64 << 20;

/// What is left for the other outputs of a request.
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(bytes: u64) -> Budget {
        Budget(AtomicU64::new(bytes))
    }

    pub(super) fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes so many bytes, or none if there are fewer; says whether it did.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let less = |left: u64| left.checked_sub(bytes as u64);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_an_amount_is_taken_or_nothing() {
        let budget = Budget::new(10);
        assert!(budget.take(7) && !budget.take(4));
        assert_eq!(budget.left(), 3);
        assert!(budget.take(3) && budget.take(0) && !budget.take(1));
    }
}
