//! ld.so.cache: the first bytes up to a zero are the name that is looked up, the rest is the file.
#![no_main]

use std::alloc::System;

use builder::arch::Level;
use builder::loader::cache::Cache;
use cap::Cap;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, builder_fuzz::MOST_MEMORY);

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let (Some(name), Some(file)) = (parts.next(), parts.next()) else { return };
    if let Ok(cache) = Cache::parse(file) {
        for level in [Level::Baseline, Level::V4] {
            cache.lookup(name, 0x0303, level);
        }
    }
});
