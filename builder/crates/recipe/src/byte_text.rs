//! Names of files as text without loss: a byte that is not UTF-8 is one character of Unicode's last private plane.
//!
//! Linux takes any bytes for a name, JSON and TOML only text. U+10FF80 stands for the byte 0x80, and so on to U+10FFFF for
//! 0xff. Where these characters themselves are in a name, each of their bytes is written so, and every name has one text.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The character of a byte is this plus the byte.
const PLANE: u32 = 0x10_FF00;

/// The text of `bytes`.
pub fn from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !has_bytes(text) => Cow::Borrowed(text),
        _ => Cow::Owned(written_out(bytes)),
    }
}

/// The text of a name.
pub fn from_os(name: &OsStr) -> Cow<'_, str> {
    from_bytes(name.as_bytes())
}

/// The bytes that `text` stands for.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !has_bytes(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The name that `text` stands for.
pub fn to_os(text: &str) -> OsString {
    OsString::from_vec(to_bytes(text).into_owned())
}

/// `text` for a message: `\xe9` for a byte.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !has_bytes(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => {
                let _infallible = write!(shown, "\\x{byte:02x}");
            }
            None => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character of `text` stands for a byte.
pub fn has_bytes(text: &str) -> bool {
    // Only the last planes have this first byte, and hardly any name has a character of these.
    text.as_bytes().contains(&0xF4) && text.chars().any(|letter| byte_of(letter).is_some())
}

fn byte_of(letter: char) -> Option<u8> {
    u8::try_from(u32::from(letter).checked_sub(PLANE)?).ok().filter(|byte| *byte >= 0x80)
}

fn written_out(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let stand_in =
        |byte: &u8| char::from_u32(PLANE + u32::from(*byte)).expect("a character of the last plane");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match byte_of(letter) {
                Some(_) => text.extend(letter.encode_utf8(&mut [0; 4]).as_bytes().iter().map(stand_in)),
                None => text.push(letter),
            }
        }
        text.extend(chunk.invalid().iter().map(stand_in));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_is_one_character_and_is_shown_as_a_number() {
        let text = from_bytes(b"caf\xe9 \xc3\xa9");
        assert_eq!(text, "caf\u{10FFE9} é");
        assert_eq!(shown(&text), "caf\\xe9 é");
        assert_eq!(to_bytes(&text), &b"caf\xe9 \xc3\xa9"[..]);
    }

    #[test]
    fn a_character_that_stands_for_a_byte_is_written_as_its_own_bytes() {
        let text = from_bytes("\u{10FFE9}".as_bytes());
        assert_eq!(text.chars().count(), 4);
        assert_eq!(to_bytes(&text), "\u{10FFE9}".as_bytes());
    }

    proptest! {
        #[test]
        fn every_name_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = from_bytes(&bytes);
            prop_assert_eq!(to_bytes(&text), &bytes[..]);
        }

        #[test]
        fn every_text_of_bytes_has_one_form(text in "[a\u{e9}\u{10FF80}-\u{10FFFF}]{0,12}") {
            let bytes = to_bytes(&text);
            let form = from_bytes(&bytes);
            prop_assert_eq!(&to_bytes(&form), &bytes);
        }
    }
}
