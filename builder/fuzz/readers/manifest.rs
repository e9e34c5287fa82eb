//! manifest.json of a bundle, which may come from another machine: all of it, and the head that a run reads.

use std::path::Path;

use bundle::manifest::{Head, Manifest};

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let path = Path::new("manifest.json");
    if let Err(error) = Head::read(bytes, path) {
        assert!(error.to_string().starts_with("`manifest.json` "), "{error}");
    }
    let Ok(manifest) = Manifest::parse(bytes, path) else { return false };
    let text = manifest.to_json().expect("every manifest has a text");
    assert_eq!(Manifest::parse(text.as_bytes(), path).expect("its own text"), manifest);
    let head = Head::read(text.as_bytes(), path).expect("its own text");
    assert_eq!((head.limits, head.languages), (manifest.limits, manifest.languages));
    true
}
