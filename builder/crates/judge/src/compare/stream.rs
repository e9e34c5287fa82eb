//! Bytes as words and lines, in pieces of a fixed length: a word or a line may be as long as the file.

use std::io::{self, BufRead, BufReader, Read};

/// The longest piece of a word or a line, in bytes. Pieces of two equal words are equal.
pub(super) const PIECE: usize = 64 << 10;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Words or lines of a stream; which of both is decided with each call.
pub(super) struct Stream<R> {
    from: BufReader<R>,
    /// The number of the line that the next byte is in, from 1.
    pub(super) line: u64,
}

/// The blanks in front of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Whether a line ended among them.
    pub(super) has_line_break: bool,
    /// Whether the stream ended after them.
    pub(super) is_end: bool,
}

/// Where a piece ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The word or the line goes on.
    Open,
    /// It ended.
    Whole,
}

/// What isspace(3) takes for a blank in the C locale: space, \t, \n, \v, \f, \r.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

impl<R: Read> Stream<R> {
    pub(super) fn new(from: R) -> Stream<R> {
        Stream { from: BufReader::with_capacity(PIECE, from), line: 1 }
    }

    /// Skips the byte order mark of UTF-8, if the stream begins with one.
    pub(super) fn skip_mark(&mut self) -> io::Result<()> {
        let is_there = fill(&mut self.from)?.starts_with(MARK);
        self.consume(if is_there { MARK.len() } else { 0 });
        Ok(())
    }

    /// Skips blanks.
    pub(super) fn gap(&mut self) -> io::Result<Gap> {
        let before = self.line;
        loop {
            let bytes = fill(&mut self.from)?;
            let blanks = bytes.iter().take_while(|byte| is_blank(**byte)).count();
            let is_end = bytes.is_empty();
            let is_done = blanks < bytes.len() || is_end;
            self.consume(blanks);
            if is_done {
                return Ok(Gap { has_line_break: self.line > before, is_end });
            }
        }
    }

    /// Skips blanks and says whether that was the end.
    pub(super) fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.gap()?.is_end)
    }

    /// The next byte, if it is a blank; it is skipped.
    pub(super) fn blank(&mut self) -> io::Result<Option<u8>> {
        let byte = fill(&mut self.from)?.first().copied().filter(|byte| is_blank(*byte));
        self.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// Whether nothing is left, not even blanks.
    pub(super) fn is_over(&mut self) -> io::Result<bool> {
        Ok(fill(&mut self.from)?.is_empty())
    }

    /// The next piece of a word: up to a blank, or so long.
    pub(super) fn word(&mut self, piece: &mut Vec<u8>) -> io::Result<End> {
        self.until(piece, is_blank)
    }

    /// The next piece of a line, without the line feed; that is skipped when the line is whole.
    pub(super) fn line(&mut self, piece: &mut Vec<u8>) -> io::Result<End> {
        let end = self.until(piece, |byte| byte == b'\n')?;
        if end == End::Whole && !fill(&mut self.from)?.is_empty() {
            self.consume(1);
        }
        Ok(end)
    }

    fn until(&mut self, piece: &mut Vec<u8>, is_end: impl Fn(u8) -> bool) -> io::Result<End> {
        piece.clear();
        while piece.len() < PIECE {
            let bytes = fill(&mut self.from)?;
            let room = bytes.len().min(PIECE - piece.len());
            let taken = bytes[..room].iter().position(|byte| is_end(*byte));
            piece.extend_from_slice(&bytes[..taken.unwrap_or(room)]);
            let is_over = bytes.is_empty();
            self.consume(taken.unwrap_or(room));
            if taken.is_some() || is_over {
                return Ok(End::Whole);
            }
        }
        // A word that fills the piece exactly may end here: only the next byte shows it.
        let next = fill(&mut self.from)?.first().copied();
        Ok(if next.is_none_or(is_end) { End::Whole } else { End::Open })
    }

    fn consume(&mut self, count: usize) {
        let breaks = self.from.buffer()[..count].iter().filter(|byte| **byte == b'\n').count();
        self.line += breaks as u64;
        self.from.consume(count);
    }
}

/// The bytes at hand, which are none only at the end.
fn fill<R: Read>(from: &mut BufReader<R>) -> io::Result<&[u8]> {
    while let Err(error) = from.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(from.buffer())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[u8]) -> Vec<Vec<u8>> {
        let mut stream = Stream::new(text);
        let (mut words, mut piece) = (Vec::new(), Vec::new());
        while !stream.at_end().unwrap() {
            let mut word = Vec::new();
            loop {
                let end = stream.word(&mut piece).unwrap();
                word.extend_from_slice(&piece);
                if end == End::Whole {
                    break;
                }
            }
            words.push(word);
        }
        words
    }

    #[test]
    fn blanks_are_six_bytes_and_no_others() {
        assert_eq!(
            words(b" a\tb\nc\x0bd\x0ce\rf \xc2\xa0 \0"),
            [
                b"a".to_vec(),
                b"b".to_vec(),
                b"c".to_vec(),
                b"d".to_vec(),
                b"e".to_vec(),
                b"f".to_vec(),
                b"\xc2\xa0".to_vec(),
                b"\0".to_vec()
            ]
        );
        assert!(words(b"").is_empty() && words(b" \n ").is_empty());
    }

    #[test]
    fn a_word_may_be_longer_than_a_piece() {
        for length in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7] {
            let word = vec![b'x'; length];
            let text = [&word[..], b" y"].concat();
            assert_eq!(words(&text), [word.clone(), b"y".to_vec()], "{length}");
            assert_eq!(words(&word), std::slice::from_ref(&word), "{length}");
        }
    }

    #[test]
    fn lines_are_counted() {
        let mut stream = Stream::new(&b"a\n\n b"[..]);
        let mut piece = Vec::new();
        assert_eq!((stream.word(&mut piece).unwrap(), stream.line), (End::Whole, 1));
        assert_eq!(stream.gap().unwrap(), Gap { has_line_break: true, is_end: false });
        assert_eq!(stream.line, 3);
    }
}
