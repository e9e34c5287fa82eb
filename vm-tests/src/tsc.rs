//! How fast this host's time-stamp counter counts, for guests under emulation: QEMU hands them the host's counter.
//!
//! A guest measures it against an emulated timer, in a few milliseconds of its early boot. On a busy host QEMU is off
//! the CPU in between, and the guest comes out with a wrong speed, and with clocks that run a hundred times too fast.
// Unsafe: the counter is read by an instruction that Rust offers as an unsafe function.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Counts per millisecond, measured once.
pub fn khz() -> u64 {
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

fn counter() -> u64 {
    // SAFETY: every x86-64 CPU has RDTSC (APM volume 3); a kernel that forbids it to programs (PR_SET_TSC) does so
    // by request of this process only, and nothing here makes one.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_agree() {
        let (one, other) = (measure(), measure());
        assert!(one.abs_diff(other) < one / 100, "{one} and {other}");
    }
}
