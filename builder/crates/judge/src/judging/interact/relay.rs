//! One direction of an interaction: what one side writes, on its way to the other.
//!
//! Neither side ever waits for the other to read: what has not been taken yet waits here, at most as much as the output
//! limits let a side write. So a pair of programs blocks only if both of them read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::ioctl_fionbio;

/// What waits here at most, in bytes, whatever the limits are: then the writer waits after all.
const MOST: usize = 64 << 20;
/// What one read takes, in bytes.
const CHUNK: usize = 64 << 10;

/// One direction.
pub(super) struct Relay {
    /// Where one side's output arrives; `None` after its end.
    from: Option<File>,
    /// Where the other side's input begins; `None` when that is closed.
    to: Option<File>,
    waiting: VecDeque<u8>,
    /// Whether the end of the output is passed on, or kept back until [`Relay::end`].
    passes_end: bool,
    chunk: Vec<u8>,
}

impl Relay {
    /// A relay, and the ends for the two sides: of the one that reads, and of the one that writes.
    pub(super) fn new(passes_end: bool) -> io::Result<(Relay, OwnedFd, OwnedFd)> {
        let ((from, writes), (reads, to)) = (io::pipe()?, io::pipe()?);
        let relay = Relay::between(OwnedFd::from(from).into(), OwnedFd::from(to).into(), passes_end)?;
        Ok((relay, reads.into(), writes.into()))
    }

    /// A relay between two ends that are there.
    pub(super) fn between(from: File, to: File, passes_end: bool) -> io::Result<Relay> {
        ioctl_fionbio(&from, true)?;
        ioctl_fionbio(&to, true)?;
        Ok(Relay {
            from: Some(from),
            to: Some(to),
            waiting: VecDeque::new(),
            passes_end,
            chunk: vec![0; CHUNK],
        })
    }

    /// What to wait for before [`Relay::read`].
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().filter(|_| self.waiting.len() < MOST).map(AsFd::as_fd)
    }

    /// What to wait for before [`Relay::write`].
    pub(super) fn target(&self) -> Option<BorrowedFd<'_>> {
        self.to.as_ref().filter(|_| !self.waiting.is_empty()).map(AsFd::as_fd)
    }

    /// Takes what one read gives; `said` sees it.
    pub(super) fn read(&mut self, mut said: impl FnMut(&[u8])) {
        let Some(from) = &mut self.from else { return };
        match from.read(&mut self.chunk) {
            Ok(0) => self.from = None,
            Ok(len) => {
                let bytes = &self.chunk[..len];
                said(bytes);
                if self.to.is_some() {
                    self.waiting.extend(bytes);
                }
            }
            Err(error) if is_for_later(&error) => {}
            Err(_) => self.from = None,
        }
        self.write();
    }

    /// Passes on what can be passed on now.
    pub(super) fn write(&mut self) {
        while let (Some(to), (bytes, _)) = (&mut self.to, self.waiting.as_slices())
            && !bytes.is_empty()
        {
            match to.write(bytes) {
                Ok(len) => drop(self.waiting.drain(..len)),
                Err(error) if is_for_later(&error) => return,
                // It has closed its input, or has ended: what comes now is not for it any more.
                Err(_) => self.end(),
            }
        }
        if self.from.is_none() && self.passes_end && self.waiting.is_empty() {
            self.end();
        }
    }

    /// Whether the side that reads has taken all that there will be.
    pub(super) fn is_drained(&self) -> bool {
        let taken = |to: &File| rustix::io::ioctl_fionread(to).unwrap_or(0) == 0;
        self.from.is_none() && self.waiting.is_empty() && self.to.as_ref().is_none_or(taken)
    }

    /// Closes the reader's input. The relay drops what the writer writes from now on.
    pub(super) fn end(&mut self) {
        self.to = None;
        self.waiting = VecDeque::new();
    }

    /// Closes both ends: the side that writes gets EPIPE.
    pub(super) fn cut(&mut self) {
        self.end();
        self.from = None;
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(passes_end: bool) -> (Relay, File, File) {
        let (relay, reads, writes) = Relay::new(passes_end).unwrap();
        (relay, reads.into(), writes.into())
    }

    fn all(relay: &mut Relay) {
        while relay.source().is_some() {
            relay.read(|_| {});
        }
    }

    #[test]
    fn a_writer_does_not_wait_for_a_reader() {
        let (mut relay, mut reads, mut writes) = pair(true);
        ioctl_fionbio(&writes, true).unwrap();
        let wanted = vec![b'x'; 1 << 20];
        let mut sent = 0;
        while sent < wanted.len() {
            sent += writes.write(&wanted[sent..]).unwrap();
            relay.read(|_| {});
        }
        drop(writes);
        all(&mut relay);
        assert!(!relay.is_drained());
        let mut got = Vec::new();
        let reader = std::thread::spawn(move || reads.read_to_end(&mut got).map(|_| got).unwrap());
        while relay.target().is_some() {
            relay.write();
        }
        assert_eq!(reader.join().unwrap().len(), wanted.len());
        assert!(relay.is_drained());
    }

    #[test]
    fn an_end_is_passed_on_or_kept_back() {
        for passes_end in [true, false] {
            let (mut relay, mut reads, writes) = pair(passes_end);
            ioctl_fionbio(&reads, true).unwrap();
            drop(writes);
            all(&mut relay);
            assert_eq!(reads.read(&mut [0]).is_ok(), passes_end);
            relay.end();
            assert_eq!(reads.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_writer_that_was_cut_off_gets_an_error_and_one_that_is_not_read_does_not() {
        let (mut relay, reads, mut writes) = pair(true);
        drop(reads);
        for _ in 0..3 {
            writes.write_all(b"x").unwrap();
            relay.read(|_| {});
        }
        relay.cut();
        assert_eq!(writes.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
