//! Texts that are seldom printed, kept at three fifths of their length: help, reasons and the explanations of errors.
//!
//! A byte above 127 stands for two, each of which may stand for two again (byte pair encoding, P. Gage, 1994). Newlines
//! stand for themselves, so a list of lines is one when it is packed too. Texts are packed while init is compiled.

use crate::text::{Text, line};

/// What each byte from 128 on stands for; such a byte only for others before it. `cargo test -p init --lib -- --ignored
/// --nocapture pairs_for` prints the table that is best for the texts as they are now; another one is as correct.
const PAIRS: &[[u8; 2]] = PAIRED.as_chunks().0;

const PAIRED: &[u8; 256] = b"\
    e s tht orer, innoroa \x82\x80re\x84 onesanitsef al (o\x93\x85 stchd unsuneimtoami\x81ar\x88\x83en\x88 y \
    sied: i\x83isa\x83\x99 \x86\x8dile\x81\x87 otdia\x81` --ust\x9en\xa0maacNO\x9f wiupt\x84\xbe\x82\x9c\xad\
    \x94l\x90\x9a\x90 \x89\xbfp\x89opm g\xc6coat\x92t\x88\x9douf\xafexc\x8fMI\xc7\xd2\x9bt\x96\x8b\x89\xc9f\
    \xd7deE\xbc\xca \xb9\x8f\xb3\x8c\xddc\xde\xc0\x8e\x80\x8e \x8ca\x89\xb2\x87\xaa\x82\xacloipidemT_  \xd3\
    \xeamohogunubyLI\xf2\xec\xe2det\xd4s\xf1t\xb7\x97\xcf\x83\xcbm`\xce`\x86R\xf3mb'\x81";

/// The length of what each byte from 128 on stands for in the end, and its first character.
const WHOLE: [(usize, u8); 128] = {
    let mut whole = [(0, 0); 128];
    let mut at = 0;
    while at < PAIRS.len() {
        let [first, second] = PAIRS[at];
        let (start, initial) = if first < 128 { (1, first) } else { whole[first as usize - 128] };
        let end = if second < 128 { 1 } else { whole[second as usize - 128].0 };
        whole[at] = (start + end, initial);
        at += 1;
    }
    whole
};

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

/// The packed text, and its length: of all ways to pack it the shortest, found from the end. Only ASCII can be packed.
#[allow(long_running_const_eval)] // each text once, when init is compiled: milliseconds
pub(crate) const fn pack<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    // From each place on: how many bytes, beginning with which.
    let (mut lens, mut bytes) = ([0; N], [0; N]);
    let mut at = N;
    while at > 0 {
        at -= 1;
        assert!(text[at].is_ascii(), "a byte above 127 stands for two");
        (lens[at], bytes[at]) = (1 + len_from(&lens, at + 1), text[at]);
        let mut code = 0;
        while code < WHOLE.len() {
            let (len, initial) = WHOLE[code];
            let shorter = 1 + len_from(&lens, at + len);
            if initial == text[at] && shorter < lens[at] && stands_at(128 + code as u8, text, at) {
                (lens[at], bytes[at]) = (shorter, 128 + code as u8);
            }
            code += 1;
        }
    }
    let (mut packed, mut len) = ([0; N], 0);
    while at < N {
        packed[len] = bytes[at];
        at += if bytes[at] < 128 { 1 } else { WHOLE[bytes[at] as usize - 128].0 };
        len += 1;
    }
    (packed, len)
}

/// 0 at the end, and past it: what would reach there is no match.
const fn len_from(lens: &[usize], at: usize) -> usize {
    if at < lens.len() { lens[at] } else { 0 }
}

/// Whether the text goes on with what this byte stands for.
const fn stands_at(byte: u8, text: &[u8], at: usize) -> bool {
    if byte < 128 {
        return at < text.len() && text[at] == byte;
    }
    let [first, second] = PAIRS[byte as usize - 128];
    let start = if first < 128 { 1 } else { WHOLE[first as usize - 128].0 };
    stands_at(first, text, at) && stands_at(second, text, at + start)
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
    use crate::describe::ERRNO_NAMES;
    use crate::error::{Call, Step};
    use crate::guard::REASONS;
    use crate::hint::HINTS;
    use crate::options::ValueKind;

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

    /// Its length when each two bytes that have one in their place get it at once, from the left.
    fn merged(text: &str) -> usize {
        let mut bytes: Vec<u8> = Vec::new();
        for byte in text.bytes() {
            bytes.push(byte);
            while let [.., first, second] = bytes[..]
                && let Some(code) = PAIRS.iter().position(|pair| *pair == [first, second])
            {
                bytes.truncate(bytes.len() - 2);
                bytes.push(128 + code as u8);
            }
        }
        bytes.len()
    }

    #[test]
    fn the_shortest_form_is_found_where_the_next_best_one_is_longer() {
        assert!(packed!(NOTES).0.len() < merged(NOTES), "{}", merged(NOTES));
        assert!(packed!(SAMPLE).0.len() <= merged(SAMPLE));
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
        let lists = [&helps.join("\n"), NOTES, ERRNO_NAMES, REASONS, HINTS].join("\n").into_bytes();
        let steps = Step::ALL.iter().map(|step| step.name());
        let names = steps.chain(Call::ALL.iter().map(|call| call.name()));
        let names = names.chain(ValueKind::ALL.iter().map(|kind| kind.name()));
        let mut text = [lists, names.collect::<Vec<_>>().join(&b'\n')].concat();
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
