//! The small text formats: `#!` lines, ld.so.conf, nsswitch.conf, recipes.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(shebang) = builder::script::parse(bytes) {
        shebang.env_program();
    }
    builder::loader::conf::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        builder::nss::services(text);
        // A mistake must be told, whatever it is.
        if let Err(mistake) = builder::recipe::Recipe::parse(text, Path::new("recipe.toml")) {
            assert!(!mistake.to_string().is_empty());
        }
    }
});
