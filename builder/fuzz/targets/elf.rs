//! ELF files: facts, notes and symbols of any bytes.
#![no_main]

use std::alloc::System;

use cap::Cap;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, builder_fuzz::MOST_MEMORY);

fuzz_target!(|bytes: &[u8]| {
    if let builder::loader::objects::Content::Elf(facts) = builder::loader::objects::classify(bytes, bytes) {
        builder::dlopen::wishes(&facts);
    }
    builder::elf::imports(bytes, b"dlopen");
});
