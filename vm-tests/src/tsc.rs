//! How fast this host's time-stamp counter counts, for guests under emulation: QEMU hands them the host's counter.
//!
//! A guest measures it against an emulated timer, in a few milliseconds of its early boot. On a busy host QEMU loses the
//! CPU meanwhile: the guest finds a wrong speed, and its clocks run up to a hundred times too fast.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::arch::counter;

/// Counts per millisecond, measured once.
pub(crate) fn khz() -> u64 {
    static KHZ: OnceLock<u64> = OnceLock::new();
    *KHZ.get_or_init(measure)
}

fn measure() -> u64 {
    let (first, began) = reading();
    std::thread::sleep(Duration::from_millis(50));
    let (last, ended) = reading();
    let nanoseconds = ended.duration_since(began).as_nanos();
    u64::try_from(u128::from(last - first) * 1_000_000 / nanoseconds).unwrap_or(0)
}

/// Counter and clock at one moment: of several tries the one between whose two clock readings least time went by.
fn reading() -> (u64, Instant) {
    let tries = (0..16).map(|_| {
        let before = Instant::now();
        let count = counter();
        (before.elapsed(), count, before)
    });
    let (_, count, at) = tries.min_by_key(|(doubt, ..)| *doubt).expect("there are sixteen");
    (count, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_agree() {
        // A measurement that loses the CPU at the wrong moment is off. Most do not.
        let agree = |_| {
            let (one, other) = (measure(), measure());
            one.abs_diff(other) < one / 100
        };
        assert!((0..50).any(agree));
    }
}
