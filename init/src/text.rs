//! Text in a caller's buffer: what format! would do, without heap and without fmt's machinery.

use core::ffi::CStr;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A line under construction. What does not fit is dropped, and [`Text::overflowed`] says so.
pub struct Text<'a> {
    buffer: &'a mut [u8],
    len: usize,
    overflowed: bool,
}

impl<'a> Text<'a> {
    /// Starts empty.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Text { buffer, len: 0, overflowed: false }
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Whether something did not fit.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Adds `bytes`, as they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut Self {
        // No `copy_from_slice`: its length check would bring in a panic.
        let room = self.buffer.get_mut(self.len..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.overflowed |= room.len() < bytes.len();
        self.len += room.len().min(bytes.len());
        self
    }

    /// Adds a number in decimal.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        // At most 20 calls deep, and shorter than a buffer that is filled from its end.
        if number >= 10 {
            self.number(number / 10);
        }
        self.push(&[b'0' + (number % 10) as u8])
    }

    /// Adds the low `digits` hexadecimal digits of a number.
    pub(crate) fn hex(&mut self, number: u64, digits: u32) -> &mut Self {
        for at in (0..digits).rev() {
            self.push(&[HEX[(number >> (4 * at)) as usize & 15]]);
        }
        self
    }

    /// Adds `bytes` as a JSON string with its quotes. Control characters are escaped, and so is every byte
    /// outside ASCII (as U+0080–U+00FF): the result is valid JSON whatever a file is called.
    pub(crate) fn json_string(&mut self, bytes: &[u8]) -> &mut Self {
        self.push(b"\"");
        for byte in bytes {
            match byte {
                b'"' | b'\\' => self.push(&[b'\\', *byte]),
                b' '..=b'~' => self.push(&[*byte]),
                _ => self.push(&[
                    b'\\',
                    b'u',
                    b'0',
                    b'0',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]),
            };
        }
        self.push(b"\"")
    }
}

/// The line with this index, counted from 0. A list kept so needs no table of where each item is.
pub(crate) fn line(lines: &'static [u8], index: usize) -> &'static [u8] {
    Parts::new(lines, b'\n').nth(index).unwrap_or_default()
}

/// The parts of a text between separators; an empty text is one empty part. (As the slice's own `split`, which is another
/// function for each closure.)
pub(crate) struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(text: &'a [u8], separator: u8) -> Parts<'a> {
        Parts { rest: Some(text), separator }
    }

    /// All that has not come yet, with its separators.
    pub(crate) fn rest(self) -> Option<&'a [u8]> {
        self.rest
    }
}

/// The last of the parts.
#[inline(never)] // init's size
pub(crate) fn last_part(text: &[u8], separator: u8) -> &[u8] {
    let start = text.iter().rposition(|byte| *byte == separator).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    // Not inlined: as above.
    #[inline(never)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.take()?;
        let Some(end) = text.iter().position(|byte| *byte == self.separator) else { return Some(text) };
        self.rest = text.get(end + 1..);
        text.get(..end)
    }
}

/// Strings that each end with a NUL, one after the other. A list kept so needs no table of where each string is.
pub(crate) struct Strings(pub(crate) &'static [u8]);

impl Iterator for Strings {
    type Item = &'static CStr;

    // Not inlined, as there are several loops: init's size.
    #[inline(never)]
    fn next(&mut self) -> Option<&'static CStr> {
        let string = CStr::from_bytes_until_nul(self.0).ok()?;
        self.0 = self.0.get(string.count_bytes() + 1..).unwrap_or_default();
        Some(string)
    }
}

/// What follows `prefix`, if `bytes` start with it. (The slice's own method checks the length twice, the second
/// time with a panic, whose code would stay in the program.)
pub(crate) fn strip_prefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    (start == prefix).then_some(rest)
}

/// What precedes `suffix`, if `bytes` end with it.
pub(crate) fn strip_suffix<'a>(bytes: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (rest, end) = bytes.split_at_checked(bytes.len().checked_sub(suffix.len())?)?;
    (end == suffix).then_some(rest)
}

/// A non-negative decimal number, all of `bytes`.
pub(crate) fn parse_number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(build: impl Fn(&mut Text<'_>)) -> String {
        let mut buffer = [0; 200];
        let mut text = Text::new(&mut buffer);
        build(&mut text);
        String::from_utf8(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_decimal_up_to_the_largest() {
        assert_eq!(text(|t| _ = t.number(0).push(b" ").number(u64::MAX)), "0 18446744073709551615");
    }

    #[test]
    fn a_json_string_is_valid_json_whatever_the_bytes() {
        assert_eq!(text(|t| _ = t.json_string(b"a\"\\\n\xff~")), r#""a\"\\\u000a\u00ff~""#);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_reported() {
        let mut buffer = [0; 4];
        let mut text = Text::new(&mut buffer);
        text.push(b"abc").number(45);
        assert_eq!((text.as_bytes(), text.overflowed()), (&b"abc4"[..], true));
    }

    #[test]
    fn a_prefix_and_a_suffix_are_taken_off_whole() {
        assert_eq!((strip_prefix(b"fd:7", b"fd:"), strip_prefix(b"fd", b"fd:")), (Some(&b"7"[..]), None));
        assert_eq!((strip_suffix(b"1ms", b"ms"), strip_suffix(b"s", b"ms")), (Some(&b"1"[..]), None));
    }

    #[test]
    fn parts_are_what_split_gives() {
        for text in [&b""[..], b",", b"a", b"a,", b",a", b"a,b,,c"] {
            let parts: Vec<&[u8]> = Parts::new(text, b',').collect();
            assert_eq!(parts, text.split(|byte| *byte == b',').collect::<Vec<_>>());
        }
        let mut parts = Parts::new(b"a,b,c", b',');
        assert_eq!((parts.next(), parts.rest()), (Some(&b"a"[..]), Some(&b"b,c"[..])));
        let mut one = Parts::new(b"a", b',');
        assert_eq!((one.next(), one.next(), one.rest()), (Some(&b"a"[..]), None, None));
    }

    #[test]
    fn strings_come_one_after_the_other_and_may_be_empty() {
        assert_eq!(Strings(b"a\0\0bc\0").collect::<Vec<_>>(), [c"a", c"", c"bc"]);
        assert_eq!(Strings(b"a\0b").collect::<Vec<_>>(), [c"a"]);
    }

    #[test]
    fn only_whole_decimal_numbers_parse() {
        assert_eq!(parse_number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"-1", b"1x", b"18446744073709551616", b" 1"] {
            assert_eq!(parse_number(bad), None, "{bad:?}");
        }
    }
}
