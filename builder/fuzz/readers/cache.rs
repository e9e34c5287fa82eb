//! ld.so.cache: the bytes up to the first NUL are the name to look up, the rest is the file.

use closure::arch::Level;
use closure::loader::cache::Cache;

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let (Some(name), Some(file)) = (parts.next(), parts.next()) else { return false };
    let parsed = Cache::parse(file);
    if let Ok(cache) = &parsed {
        for level in [Level::Baseline, Level::V4] {
            cache.lookup(name, 0x0303, level);
        }
    }
    parsed.is_ok()
}
