//! What all targets share.

use std::env;
use std::sync::LazyLock;

pub use cap;
pub use libfuzzer_sys;

/// The most memory in bytes that a reader may hold at one time, whatever it reads. A larger allocation ends the run.
pub const MOST_MEMORY: usize = 64 << 20;

/// Fuzzes a reader: a function of bytes that returns whether they are valid.
#[macro_export]
macro_rules! target {
    ($read:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::cap::Cap<std::alloc::System> =
            $crate::cap::Cap::new(std::alloc::System, $crate::MOST_MEMORY);

        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::assert_seed_is_valid($read(bytes)));
    };
}

/// Fails for an input that is not valid, if it has to be: run.sh tries the valid seeds first. A target whose seeds stop at
/// an early error would find nothing, and nobody would see that.
pub fn assert_seed_is_valid(is_valid: bool) {
    static SEEDS: LazyLock<bool> = LazyLock::new(|| env::var_os("CAPSULE_FUZZ_SEEDS").is_some());
    assert!(is_valid || !*SEEDS, "the target does not accept its own seed");
}
