//! The small text formats: `#!` lines, ld.so.conf, nsswitch.conf.
#![no_main]

use std::alloc::System;

use cap::Cap;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, builder_fuzz::MOST_MEMORY);

fuzz_target!(|bytes: &[u8]| {
    if let Some(shebang) = builder::script::parse(bytes) {
        shebang.env_program();
    }
    builder::loader::conf::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        builder::nss::services(text);
    }
});
