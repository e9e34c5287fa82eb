//! Dynamic string tokens: `$ORIGIN`, `$LIB`, `$PLATFORM` and their `${…}` spellings (ld.so(8)).

/// The values of the tokens for one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenValues<'a> {
    /// The directory that the object was opened in.
    pub(super) origin: &'a [u8],
    /// `lib64`, or on Debian `lib/x86_64-linux-gnu`.
    pub(super) lib: &'a [u8],
    /// `x86_64`, `haswell`, …
    pub(super) platform: &'a [u8],
}

/// Replaces every token; anything else after a `$` stays as it is.
pub(super) fn expand(text: &[u8], values: &TokenValues) -> Vec<u8> {
    let names: [(&[u8], &[u8]); 3] =
        [(b"ORIGIN", values.origin), (b"PLATFORM", values.platform), (b"LIB", values.lib)];
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.iter().position(|&b| b == b'$') {
        out.extend_from_slice(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        match names.iter().find_map(|(name, value)| Some((token_length(rest, name)?, value))) {
            Some((length, value)) => {
                out.extend_from_slice(value);
                rest = &rest[length..];
            }
            None => out.push(b'$'),
        }
    }
    out.extend_from_slice(rest);
    out
}

/// The length of `NAME` or `{NAME}` at the start of `text`. `$ORIGINAL` is not `$ORIGIN` (glibc elf/dl-load.c,
/// `is_dst`).
fn token_length(text: &[u8], name: &[u8]) -> Option<usize> {
    if let Some(inner) = text.strip_prefix(b"{") {
        return (inner.starts_with(name) && inner.get(name.len()) == Some(&b'}')).then_some(name.len() + 2);
    }
    let is_longer = text.get(name.len()).is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_');
    (text.starts_with(name) && !is_longer).then_some(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let values = TokenValues { origin: b"/opt/bin", lib: b"lib64", platform: b"haswell" };
        String::from_utf8(expand(text.as_bytes(), &values)).unwrap()
    }

    #[test]
    fn both_spellings_are_replaced_everywhere() {
        assert_eq!(expanded("$ORIGIN/../${LIB}/$PLATFORM"), "/opt/bin/../lib64/haswell");
        assert_eq!(expanded("a${ORIGIN}b$ORIGIN"), "a/opt/binb/opt/bin");
    }

    #[test]
    fn a_longer_identifier_is_not_a_token() {
        assert_eq!(expanded("$ORIGINAL/$LIB_DIR/$LIB64"), "$ORIGINAL/$LIB_DIR/$LIB64");
    }

    #[test]
    fn unknown_and_broken_tokens_stay() {
        assert_eq!(expanded("$HOME/${ORIGIN/$/$"), "$HOME/${ORIGIN/$/$");
    }
}
