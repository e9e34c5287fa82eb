//! Recipes: any text is one, or a mistake that is told in a few lines.
#![no_main]

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, builder_fuzz::MOST_MEMORY);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(mistake) = builder::recipe::Recipe::parse(text, Path::new("recipe.toml")) {
        assert!(mistake.to_string().starts_with("recipe.toml:"));
    }
});
