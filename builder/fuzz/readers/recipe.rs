//! Recipes: any text is a recipe, or an error with a place in the file.

use std::path::Path;

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let parsed = recipe::Recipe::parse(text, Path::new("recipe.toml"));
    if let Err(error) = &parsed {
        assert!(error.to_string().starts_with("recipe.toml:"));
    }
    parsed.is_ok()
}
