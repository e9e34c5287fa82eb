//! Values that glibc's loader contains as plain strings: its system directories, its `$LIB` and its version.
//!
//! Distributions change them (Debian: `lib/x86_64-linux-gnu`; Fedora: `lib64`; Gentoo Prefix: anything), so they are
//! read out of the very loader that will run. Callers replace a value that is not found by the one in [`crate::arch`].

/// The values in a loader's read-only data; `None` for one that is not found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct BuiltIn {
    /// Directories with a trailing slash, in the order of the search.
    pub(super) system_dirs: Option<Vec<Vec<u8>>>,
    /// The value of `$LIB`.
    pub(super) lib: Option<Vec<u8>>,
    /// glibc's major and minor version.
    pub(super) version: Option<(u32, u32)>,
}

/// Searches the bytes of a loader.
pub(super) fn parse(bytes: &[u8]) -> BuiltIn {
    BuiltIn { system_dirs: system_dirs(bytes), lib: lib(bytes), version: version(bytes) }
}

/// `system_dirs` of dl-load.c is one array of NUL-terminated strings: at least two absolute directories in a row,
/// each with a slash at its end. Any byte may stand in front of it that does not make it the end of a longer path: arm's
/// loader has code there.
fn system_dirs(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let starts = find_all(bytes, b"/lib").filter(|&at| at == 0 || !bytes[at - 1].is_ascii_graphic());
    starts.map(|at| directories(&bytes[at..])).find(|dirs| dirs.len() >= 2)
}

fn directories(bytes: &[u8]) -> Vec<Vec<u8>> {
    let is_directory = |s: &&[u8]| s.len() > 1 && s.starts_with(b"/") && s.ends_with(b"/");
    bytes.split(|&b| b == 0).take_while(is_directory).map(<[u8]>::to_vec).collect()
}

/// The value of `$LIB` follows the names of the tokens (elf/dl-load.c, `_dl_dst_substitute`).
fn lib(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = find_all(bytes, b"\0LIB\0lib").next()?;
    let text = bytes[at + 5..].split(|&b| b == 0).next()?;
    Some(text.to_vec())
}

/// `… stable release version 2.36.`
fn version(bytes: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b" release version ";
    let at = find_all(bytes, MARK).next()? + MARK.len();
    let text = bytes[at..].split(|&b| !b.is_ascii_digit() && b != b'.').next()?;
    let mut numbers = std::str::from_utf8(text).ok()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn find_all<'a>(bytes: &'a [u8], pattern: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(bytes, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_loader_contains_all_three() {
        let bytes =
            b"x\0ORIGIN\0PLATFORM\0LIB\0lib/x86_64-linux-gnu\0y\0/lib/x86_64-linux-gnu/\0/usr/lib/\0\0\
            ld.so (Debian GLIBC 2.36-9) stable release version 2.36.\n\0";
        let facts = parse(bytes);
        assert_eq!(facts.lib.unwrap(), b"lib/x86_64-linux-gnu");
        assert_eq!(facts.system_dirs.unwrap(), [b"/lib/x86_64-linux-gnu/".to_vec(), b"/usr/lib/".to_vec()]);
        assert_eq!(facts.version, Some((2, 36)));
    }

    #[test]
    fn the_directories_may_follow_code() {
        let bytes = b"\x98\xe5\xff\xff/lib/arm-linux-gnueabihf/\0/usr/lib/arm-linux-gnueabihf/\0/lib/\0/usr/lib/\0\x19";
        assert_eq!(parse(bytes).system_dirs.unwrap().len(), 4);
        assert_eq!(parse(b"/usr/lib/\0/lib\0").system_dirs, None);
    }

    #[test]
    fn unrelated_bytes_contain_no_value() {
        assert_eq!(parse(b"\0/lib/only-one/\0no\0"), BuiltIn::default());
    }
}
