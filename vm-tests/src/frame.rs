//! The frames of the results port: what the agent writes there, and the only thing the harness believes.
//!
//! One frame is a header line, the payload and a newline:
//! `@frame SEQ LEN DIGEST\n` … `\n`. SEQ counts from 0 without a gap, LEN is the payload's length in bytes,
//! DIGEST is SHA-256 over nonce, SEQ, LEN and payload. The nonce belongs to one boot and no sandbox sees it,
//! so nothing but the agent can write a frame that is accepted. Any other byte on the port is an error.

use std::io::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Longest payload that is accepted, in bytes: an observation is at most two capped streams and a report.
pub(crate) const LONGEST: usize = 4 << 20;
/// Longest header line, in bytes: the marker, two decimal numbers, a digest, three blanks, with room to spare.
const LONGEST_HEADER: usize = 128;
const WORD: &str = "@frame";

/// The secret of one boot.
#[derive(Clone)]
pub struct Nonce(String);

impl Nonce {
    /// A new one: 128 bits from the kernel's random generator.
    pub fn random() -> io::Result<Nonce> {
        super::random::hex(16).map(Nonce)
    }

    /// The nonce as the initramfs carries it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The nonce that the initramfs carried.
    pub fn from_text(text: &str) -> Nonce {
        Nonce(text.trim().to_string())
    }

    fn digest(&self, seq: u64, payload: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.as_bytes());
        hash.update(seq.to_le_bytes());
        hash.update((payload.len() as u64).to_le_bytes());
        hash.update(payload);
        super::random::to_hex(&hash.finalize())
    }
}

/// Writes frames in order.
pub struct FrameWriter<W> {
    nonce: Nonce,
    next: u64,
    out: W,
}

impl<W: Write> FrameWriter<W> {
    /// A writer whose first frame is number 0.
    pub fn new(nonce: Nonce, out: W) -> Self {
        FrameWriter { nonce, next: 0, out }
    }

    /// Writes one frame and flushes.
    pub fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        let digest = self.nonce.digest(self.next, payload);
        let mut bytes = format!("{WORD} {} {} {digest}\n", self.next, payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes.push(b'\n');
        self.next += 1;
        self.out.write_all(&bytes)?;
        self.out.flush()
    }

    /// The port, to be drained after the last frame.
    pub fn get_ref(&self) -> &W {
        &self.out
    }
}

/// Why the results port is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Bytes that are not a header.
    #[error("`{0}` on the results port is not a frame")]
    NotAFrame(String),
    /// The numbers do not count up by one.
    #[error("frame {got} where frame {expected} was due")]
    OutOfOrder {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// Longer than [`LONGEST`].
    #[error("frame {0} is longer than a frame may be")]
    TooLong(u64),
    /// Damaged on the way, or written by a process without the nonce.
    #[error("frame {0} does not carry this boot's digest: damaged or forged")]
    WrongDigest(u64),
    /// The port closed inside a frame.
    #[error("results port closed in the middle of frame {seq}, {missing} bytes short")]
    CutShort {
        /// The frame that was begun.
        seq: u64,
        /// How much of it is missing; 0 when the header itself is cut.
        missing: usize,
    },
}

/// Reads frames from bytes as they arrive, in pieces of any size.
pub(crate) struct FrameReader {
    nonce: Nonce,
    next: u64,
    pending: Vec<u8>,
}

impl FrameReader {
    /// A reader that expects frame 0 first.
    pub(crate) fn new(nonce: Nonce) -> Self {
        FrameReader { nonce, next: 0, pending: Vec::new() }
    }

    /// Takes what arrived and returns the payloads that are complete now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        self.pending.extend_from_slice(bytes);
        let mut payloads = Vec::new();
        while let Some(payload) = self.take_one()? {
            payloads.push(payload);
        }
        Ok(payloads)
    }

    /// Call when nothing more will come.
    pub(crate) fn finish(&self) -> Result<(), FrameError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let missing = match self.header()? {
            Some(header) => header.total() - self.pending.len(),
            None => 0,
        };
        Err(FrameError::CutShort { seq: self.next, missing })
    }

    fn take_one(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(header) = self.header()? else { return Ok(None) };
        if self.pending.len() < header.total() {
            return Ok(None);
        }
        let payload = self.pending[header.length..header.total() - 1].to_vec();
        let newline = self.pending[header.total() - 1] == b'\n';
        if !newline || self.nonce.digest(header.seq, &payload) != header.digest {
            return Err(FrameError::WrongDigest(header.seq));
        }
        self.pending.drain(..header.total());
        self.next += 1;
        Ok(Some(payload))
    }

    fn header(&self) -> Result<Option<Header>, FrameError> {
        let Some(length) = self.pending.iter().position(|&byte| byte == b'\n') else {
            let plausible = self.pending.len() < LONGEST_HEADER
                && self.pending.iter().zip(WORD.as_bytes()).all(|(got, due)| got == due);
            return if plausible { Ok(None) } else { Err(self.not_a_frame(self.pending.len())) };
        };
        let header = Header::parse(&self.pending[..length]).ok_or_else(|| self.not_a_frame(length))?;
        if header.seq != self.next {
            return Err(FrameError::OutOfOrder { expected: self.next, got: header.seq });
        }
        if header.payload > LONGEST {
            return Err(FrameError::TooLong(header.seq));
        }
        Ok(Some(header))
    }

    fn not_a_frame(&self, length: usize) -> FrameError {
        let shown = &self.pending[..length.min(LONGEST_HEADER)];
        FrameError::NotAFrame(shown.escape_ascii().to_string())
    }
}

struct Header {
    seq: u64,
    payload: usize,
    digest: String,
    /// Of the header line itself, newline included.
    length: usize,
}

/// A number as the writer writes it. `parse` takes `05` and `+5` too.
fn number<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

impl Header {
    fn parse(line: &[u8]) -> Option<Header> {
        let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
        let [WORD, seq, payload, digest] = fields[..] else { return None };
        Some(Header {
            seq: number(seq)?,
            payload: number(payload)?,
            digest: digest.to_string(),
            length: line.len() + 1,
        })
    }

    /// Header, payload and the newline after it.
    fn total(&self) -> usize {
        self.length + self.payload + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce::from_text("00112233445566778899aabbccddeeff")
    }

    fn stream(payloads: &[&[u8]]) -> Vec<u8> {
        let mut writer = FrameWriter::new(nonce(), Vec::new());
        for payload in payloads {
            writer.write(payload).unwrap();
        }
        writer.out
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = stream(&[b"one", b"", b"with\nnewlines\n@frame 0 0 x\n"]);
        let mut reader = FrameReader::new(nonce());
        let payloads = reader.push(&bytes).unwrap();
        assert_eq!(payloads, [&b"one"[..], b"", b"with\nnewlines\n@frame 0 0 x\n"]);
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames() {
        let bytes = stream(&[b"alpha", b"beta\n"]);
        for size in 1..bytes.len() {
            let mut reader = FrameReader::new(nonce());
            let payloads: Vec<_> = bytes.chunks(size).flat_map(|piece| reader.push(piece).unwrap()).collect();
            assert_eq!(payloads, [&b"alpha"[..], b"beta\n"], "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_inside_a_frame_is_an_error() {
        let bytes = stream(&[b"alpha"]);
        for end in 1..bytes.len() {
            let mut reader = FrameReader::new(nonce());
            assert_eq!(reader.push(&bytes[..end]).unwrap().len(), 0);
            assert!(matches!(reader.finish(), Err(FrameError::CutShort { seq: 0, .. })), "cut at {end}");
        }
    }

    #[test]
    fn a_byte_changed_anywhere_is_an_error() {
        let bytes = stream(&[b"alpha"]);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let mut reader = FrameReader::new(nonce());
            let accepted = matches!(reader.push(&damaged), Ok(payloads) if !payloads.is_empty());
            assert!(!accepted, "byte {at}");
            assert!(reader.push(b"").is_err() || reader.finish().is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_frame_with_another_nonce_is_forged() {
        let mut forger = FrameWriter::new(Nonce::from_text("guess"), Vec::new());
        forger.write(b"{\"passed\":true}").unwrap();
        let mut reader = FrameReader::new(nonce());
        assert_eq!(reader.push(&forger.out), Err(FrameError::WrongDigest(0)));
    }

    #[test]
    fn a_pass_line_on_the_results_port_is_not_a_frame() {
        let mut reader = FrameReader::new(nonce());
        let error = reader.push(b"ok 1 - everything passed\n").unwrap_err();
        assert_eq!(error, FrameError::NotAFrame("ok 1 - everything passed".into()));
    }

    #[test]
    fn a_replayed_frame_is_out_of_order() {
        let bytes = stream(&[b"alpha"]);
        let mut reader = FrameReader::new(nonce());
        reader.push(&bytes).unwrap();
        assert_eq!(reader.push(&bytes), Err(FrameError::OutOfOrder { expected: 1, got: 0 }));
    }

    #[test]
    fn a_number_that_is_written_otherwise_is_not_a_frame() {
        let bytes = stream(&[b"alpha"]);
        for (as_written, otherwise) in [("@frame 0 5 ", "@frame 0 05 "), ("@frame 0 ", "@frame +0 ")] {
            let text = String::from_utf8(bytes.clone()).unwrap().replace(as_written, otherwise);
            assert_ne!(text.as_bytes(), bytes);
            let mut reader = FrameReader::new(nonce());
            assert!(matches!(reader.push(text.as_bytes()), Err(FrameError::NotAFrame(_))), "{text}");
        }
    }

    #[test]
    fn a_length_beyond_reason_is_refused_before_anything_is_kept() {
        let mut reader = FrameReader::new(nonce());
        let header = format!("@frame 0 {} {}\n", LONGEST + 1, "0".repeat(64));
        assert_eq!(reader.push(header.as_bytes()), Err(FrameError::TooLong(0)));
    }
}
