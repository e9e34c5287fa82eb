//! The small text formats: `#!` lines, ld.so.conf, nsswitch.conf.

/// Returns whether the bytes are valid: each of these formats takes any.
pub(crate) fn read(bytes: &[u8]) -> bool {
    if let Some(shebang) = closure::script::parse(bytes) {
        shebang.env_program();
    }
    closure::loader::conf::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        closure::nss::services(text);
    }
    true
}
