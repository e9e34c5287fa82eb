//! A slot for each small number, filled once: a table that grows while other threads read it, without a lock.

use std::sync::OnceLock;

/// Bucket N has the 2^N numbers from 2^N - 1 on, and is made when the first of them is used.
#[derive(Debug)]
pub(super) struct Slots<T> {
    buckets: [OnceLock<Box<[OnceLock<T>]>>; BUCKETS],
}

/// Enough for the 2^30 numbers that names have.
const BUCKETS: usize = 31;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { buckets: [const { OnceLock::new() }; BUCKETS] }
    }
}

impl<T> Slots<T> {
    /// The slot of a number.
    pub(super) fn slot(&self, number: usize) -> &OnceLock<T> {
        let bucket = (number + 1).ilog2();
        let empty = || (0..1_usize << bucket).map(|_| OnceLock::new()).collect();
        &self.buckets[bucket as usize].get_or_init(empty)[number + 1 - (1 << bucket)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_own_slot() {
        let slots = Slots::default();
        for number in 0..100 {
            assert_eq!(slots.slot(number).set(number), Ok(()));
        }
        assert!((0..100).all(|number| slots.slot(number).get() == Some(&number)));
        assert_eq!(slots.slot(100).get(), None);
    }
}
