//! Texts that are seldom printed, kept at three fifths of their length: help, reasons and the explanations of errors.
//!
//! A byte above 127 stands for two, each of which may stand for two again (byte pair encoding, P. Gage, 1994). Newlines
//! stand for themselves, so a list of lines is one when it is packed too. Texts are packed while init is compiled.

use crate::text::{Text, line};

/// What each byte from 128 on stands for; such a byte only for others before it. `cargo test -p init --lib -- --ignored
/// --nocapture pairs_for` prints the table that is best for the texts as they are now; another one is as correct.
const PAIRS: &[[u8; 2]] = PAIRED.as_chunks().0;

const PAIRED: &[u8; 256] = b"\
    e ths ort er, ona inre\x81\x80o \x83 rose (itanalofst\x94 esd suchou\x85 enarsinon\x8cdiy a\x84ilwii\
    m\x9a ENi\x82am\x89 \xa0\x84t\x83a\x82at\xa6\x81t\x8c` ot\x99\xa8\x8d`\x87e: \x8ftf\xa5ad\x93lm ex\
    \x92\x98\x87\x80umnted`\x86\xa9O\x92 c\x97n\xab\x9b\xc2op\xa2\x8a\xcbc\xcc\xae\x81\xa4ece\x82\x96\
    \x8b\x8a\xbbdet\xa7p\x8ef\x8e\xd6\xbd\x87 acusisetn\xb7om\x9b\x84cl\xd5\xc7'\x82by\xe3triun25\x8e\
    \xb4upn\xc1\xeabi\x84gu\xed\x9e\xb5\xafapho\x88\xba\xb1\xdf\xd4\x80to\xbe\xcf \xb2emwr\xf9\x91k c\
    \xbc\x95dg\x8e\xfe\xe9";

/// The byte that stands for two, or 0.
const CODES: &[[u8; 256]; 256] = &codes();

const fn codes() -> [[u8; 256]; 256] {
    let mut codes = [[0; 256]; 256];
    let mut at = 0;
    while at < PAIRS.len() {
        codes[PAIRS[at][0] as usize][PAIRS[at][1] as usize] = 128 + at as u8;
        at += 1;
    }
    codes
}

/// A packed text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packed(pub(crate) &'static [u8]);

/// Packs a constant text: only that is in the program.
macro_rules! packed {
    ($text:expr) => {{
        const TEXT: &[u8] = $text.as_bytes();
        const PACKED: ([u8; TEXT.len()], usize) = $crate::packed::pack(TEXT);
        static BYTES: [u8; PACKED.1] = $crate::packed::shorten(&PACKED.0);
        $crate::packed::Packed(&BYTES)
    }};
}
pub(crate) use packed;

/// The packed text, and its length. Only ASCII can be packed.
pub(crate) const fn pack<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    let mut packed = [0; N];
    let (mut len, mut at) = (0, 0);
    while at < text.len() {
        assert!(text[at].is_ascii(), "a byte above 127 stands for two");
        packed[len] = text[at];
        len += 1;
        while len > 1 && CODES[packed[len - 2] as usize][packed[len - 1] as usize] != 0 {
            packed[len - 2] = CODES[packed[len - 2] as usize][packed[len - 1] as usize];
            len -= 1;
        }
        at += 1;
    }
    (packed, len)
}

/// The first bytes.
pub(crate) const fn shorten<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut short = [0; N];
    let mut at = 0;
    while at < N {
        short[at] = bytes[at];
        at += 1;
    }
    short
}

impl Packed {
    /// The line with this index, counted from 0.
    pub(crate) fn line(self, index: usize) -> Packed {
        Packed(line(self.0, index))
    }
}

impl Text<'_> {
    /// Adds a packed text.
    pub(crate) fn push_packed(&mut self, packed: Packed) -> &mut Self {
        packed.0.iter().for_each(|byte| push_byte(*byte, self));
        self
    }
}

/// As deep as the pairs are in each other, seven times at the most by the order of the table.
fn push_byte(byte: u8, text: &mut Text<'_>) {
    match byte.checked_sub(128).and_then(|code| PAIRS.get(usize::from(code))) {
        Some([first, second]) => {
            push_byte(*first, text);
            push_byte(*second, text);
        }
        None => drop(text.push(&[byte])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{NOTES, OPTIONS};

    const SAMPLE: &str = "a size in bytes such as `64K` or `256M`, or `none`\nthe other line";

    fn unpacked(packed: Packed) -> String {
        let mut buffer = [0; 4096];
        let mut text = Text::new(&mut buffer);
        String::from_utf8(text.push_packed(packed).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_text_is_the_same_after_it_was_packed() {
        assert_eq!(unpacked(packed!(SAMPLE)), SAMPLE);
        assert_eq!(unpacked(packed!(NOTES)), NOTES);
        assert_eq!(unpacked(packed!("")), "");
    }

    #[test]
    fn a_line_of_a_packed_list_is_found_by_number() {
        assert_eq!(unpacked(packed!(SAMPLE).line(1)), "the other line");
        assert_eq!(unpacked(packed!(SAMPLE).line(2)), "");
    }

    #[test]
    fn help_loses_two_fifths_of_its_length() {
        let packed = packed!(NOTES);
        assert!(packed.0.len() * 100 < NOTES.len() * 65, "{} of {}", packed.0.len(), NOTES.len());
    }

    /// Byte pair encoding of what is packed most.
    #[test]
    #[ignore = "prints the table of pairs, for its author"]
    fn pairs_for_the_texts_as_they_are() {
        let helps: Vec<&str> = OPTIONS.iter().map(|spec| spec.help).collect();
        let mut text: Vec<u8> = [&helps.join("\n"), NOTES].concat().into_bytes();
        for code in 128..=255 {
            let mut counts = std::collections::BTreeMap::new();
            text.windows(2)
                .filter(|pair| !pair.contains(&b'\n'))
                .for_each(|pair| *counts.entry([pair[0], pair[1]]).or_insert(0) += 1);
            let (pair, _) = counts.into_iter().max_by_key(|(_, count)| *count).unwrap();
            print!("{}", pair.escape_ascii());
            let mut rest = text.as_slice();
            let mut shorter = Vec::new();
            while let Some((byte, tail)) = rest.split_first() {
                let is_pair = rest.starts_with(&pair);
                shorter.push(if is_pair { code } else { *byte });
                rest = if is_pair { &tail[1..] } else { tail };
            }
            text = shorter;
        }
        println!("\n{} bytes", text.len());
    }
}
