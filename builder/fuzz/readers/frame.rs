//! The results port of a virtual machine, which a hostile guest may write to: bytes in pieces of any size are the same
//! frames, and nothing is accepted but what a writer with the nonce would have written.

// vm-tests is a package of programs, and this reader needs nothing else of it.
#[allow(dead_code)]
#[path = "../../../vm-tests/src/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../../vm-tests/src/random.rs"]
mod random;

use frame::{FrameError, FrameReader, FrameWriter, Nonce};

/// The seeds were written with it.
const NONCE: &str = "nonce";

/// Returns whether the bytes are valid.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let whole = frames([bytes].into_iter());
    // A piece for each of the first bytes, as a port delivers them, then the rest.
    let (slowly, rest) = bytes.split_at(bytes.len().min(64));
    let pieces = frames(slowly.chunks(1).chain([rest]));
    // Where it ends in an error, the sooner one is told of fewer bytes.
    assert_eq!(pieces.1.is_ok(), whole.1.is_ok());
    assert!(pieces.0 == whole.0 || whole.1.is_err(), "the pieces hold other frames than the whole");
    let mut writer = FrameWriter::new(Nonce::from_text(NONCE), Vec::new());
    whole.0.iter().for_each(|payload| writer.write(payload).expect("written to memory"));
    assert!(bytes.starts_with(writer.get_ref()), "a frame was accepted that no writer writes");
    whole.1.is_ok()
}

/// The payloads that were accepted, and how the stream ended.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    let mut reader = FrameReader::new(Nonce::from_text(NONCE));
    let mut payloads = Vec::new();
    for piece in pieces {
        match reader.push(piece) {
            Ok(more) => payloads.extend(more),
            Err(error) => return (payloads, Err(error)),
        }
    }
    let end = reader.finish();
    (payloads, end)
}
