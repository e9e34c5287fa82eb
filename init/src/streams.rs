//! Streams: fresh pipes between the submission and the world, through the supervisor, which counts and cuts.
//!
//! No descriptor of the caller's ever enters the sandbox: not its files (which could be reopened through
//! /proc/self/fd with other rights), not its terminal, not its pipes.

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::identity::Identity;
use crate::job::JobStreams;
use crate::options::Options;
use crate::sys::fd::Fd;
use crate::sys::{self, StreamBuffer};

/// What a pipe takes without blocking once it polls as writable (POSIX PIPE_BUF).
const PIPE_BUF: usize = 4096;

/// Makes sure that 0, 1 and 2 are open, so that no file of ours becomes a standard stream by accident.
pub fn fill_standard() {
    loop {
        match sys::fd::open(c"/dev/null", OFlags::RDWR, Mode::empty()) {
            Ok(fd) if fd.as_fd().as_raw_fd() <= 2 => core::mem::forget(fd),
            _ => return,
        }
    }
}

/// One side of a stream, as the supervisor has it.
pub enum End {
    /// Opened for this run: a pipe to the submission, or a file that `--stdin` and its like name.
    Opened(Fd),
    /// The supervisor's own standard stream.
    Standard(BorrowedFd<'static>),
}

impl End {
    /// The world's side of stream `number` (0 to 2), as the options say.
    pub fn open(options: &Options<'_>, number: u8) -> Result<End, Error> {
        let Some(path) = options.streams[usize::from(number)] else {
            return Ok(End::Standard(sys::stdio(number)));
        };
        let flags =
            if number == 0 { OFlags::RDONLY } else { OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC };
        sys::fd::open(path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::from_raw_mode(0o644))
            .map(End::Opened)
            .map_err(at(Step::Streams, Call::Open, Subject::Stream(number)))
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            End::Opened(fd) => fd.as_fd(),
            End::Standard(fd) => *fd,
        }
    }
}

/// Makes the three pipes.
///
/// The supervisor's ends (stdin's to write, the others to read) do not block; the submission's do. They belong to the
/// submission, where that has a user of its own: programs open `/dev/stdin` by its name, which asks for the owner.
pub fn pipes(options: &Options<'_>, identity: Identity) -> Result<([Fd; 3], JobStreams), Error> {
    let pipe = |number| sys::fd::pipe().map_err(at(Step::Streams, Call::Pipe, Subject::Stream(number)));
    let [stdin_read, stdin_write] = pipe(0)?;
    let [stdout_read, stdout_write] = pipe(1)?;
    let [stderr_read, stderr_write] = pipe(2)?;
    for ours in [&stdin_write, &stdout_read, &stderr_read] {
        rustix::io::ioctl_fionbio(ours, true).map_err(at(Step::Streams, Call::Ioctl, Subject::None))?;
    }
    let ends = [stdin_read, stdout_write, stderr_write];
    if identity.privileged {
        let owner = options.ids.outside;
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        for theirs in &ends {
            rustix::fs::chownat(theirs, c"", uid, gid, AtFlags::EMPTY_PATH).map_err(at(
                Step::Streams,
                Call::Chown,
                Subject::None,
            ))?;
        }
    }
    Ok(([stdin_write, stdout_read, stderr_read], JobStreams { ends }))
}

/// The supervisor's own streams for the submission: what it must not have, for the test that notices.
pub fn own() -> Result<JobStreams, Error> {
    let copy = |number: u8| {
        let copy = sys::fd::inherited(number.into());
        copy.map_err(at(Step::Streams, Call::Dup, Subject::Stream(number)))
    };
    Ok(JobStreams { ends: [copy(0)?, copy(1)?, copy(2)?] })
}

/// One direction of one stream: reads from `from`, counts, cuts at the cap, writes to `to`.
pub struct Pump<'a> {
    from: Option<End>,
    to: Option<End>,
    /// A byte that tells the far end that this is all, where closing it does not (a terminal's Ctrl-D).
    end_mark: Option<u8>,
    /// How much one write may carry without blocking.
    chunk: usize,
    /// What one read takes at the most is what a pipe holds (pipe(7)).
    buffer: &'a mut StreamBuffer,
    filled: core::ops::Range<usize>,
    /// Bytes that may still pass.
    left: u64,
    /// Bytes that were passed on.
    pub passed: u64,
    /// Whether there were more than the cap.
    pub truncated: bool,
}

impl<'a> Pump<'a> {
    /// A pump that passes at most `cap` bytes.
    pub fn new(from: End, to: End, cap: Option<u64>, buffer: &'a mut StreamBuffer) -> Self {
        let regular =
            rustix::fs::fstat(&to).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        Pump {
            from: Some(from),
            to: Some(to),
            end_mark: None,
            chunk: if regular { buffer.len() } else { PIPE_BUF },
            buffer,
            filled: 0..0,
            left: cap.unwrap_or(u64::MAX),
            passed: 0,
            truncated: false,
        }
    }

    /// The same, with a byte to send when the input ends.
    pub fn with_end_mark(mut self, mark: u8) -> Self {
        self.end_mark = Some(mark);
        self
    }

    /// What to wait for; `None` when there is nothing more to do.
    pub fn wants(&self) -> Option<PollFd<'_>> {
        match (&self.from, &self.to) {
            (_, Some(to)) if !self.filled.is_empty() => Some(PollFd::new(to, PollFlags::OUT)),
            (Some(from), _) => Some(PollFd::new(from, PollFlags::IN)),
            _ => None,
        }
    }

    /// Whether all has been passed on that ever will be.
    pub fn is_done(&self) -> bool {
        self.wants().is_none()
    }

    /// Moves what can be moved now; to be called when what [`Pump::wants`] has come.
    pub fn turn(&mut self) {
        if self.filled.is_empty() {
            self.fill();
        } else {
            self.drain();
        }
    }

    fn fill(&mut self) {
        let Some(from) = &self.from else { return };
        match rustix::io::read(from, &mut self.buffer[..]) {
            Ok(0) => self.end_of_input(),
            Ok(len) => {
                let allowed = (len as u64).min(self.left) as usize;
                self.truncated |= allowed < len;
                self.left -= allowed as u64;
                self.filled = 0..allowed;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A terminal whose last program is gone answers EIO (pty(7)).
            Err(_) => self.end_of_input(),
        }
    }

    fn drain(&mut self) {
        let Some(to) = &self.to else { return };
        let end = self.filled.end.min(self.filled.start + self.chunk);
        let bytes = self.buffer.get(self.filled.start..end).unwrap_or_default();
        match rustix::io::write(to, bytes) {
            Ok(len) => {
                self.passed += len as u64;
                self.filled.start += len;
                if self.filled.is_empty() && self.from.is_none() {
                    self.to = None;
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Nobody reads any more. So nobody reads what comes in either: its writer learns it by EPIPE.
            Err(_) => {
                self.from = None;
                self.to = None;
                self.filled = 0..0;
            }
        }
    }

    /// Closes the far end once all is passed on: the reader there sees the end of the stream.
    fn end_of_input(&mut self) {
        self.from = None;
        match self.end_mark.take() {
            Some(mark) => {
                self.buffer[0] = mark;
                self.filled = 0..1;
            }
            None => self.to = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pump_all(input: &[u8], cap: Option<u64>) -> (Vec<u8>, u64, bool) {
        let [from, feed] = sys::fd::pipe().ok().unwrap();
        let [result, to] = sys::fd::pipe().ok().unwrap();
        rustix::io::write(&feed, input).unwrap();
        drop(feed);
        let mut buffer = [0; size_of::<StreamBuffer>()];
        let mut pump = Pump::new(End::Opened(from), End::Opened(to), cap, &mut buffer);
        while !pump.is_done() {
            pump.turn();
        }
        let mut output = vec![0; input.len() + 1];
        let len = rustix::io::read(&result, &mut output[..]).unwrap();
        output.truncate(len);
        (output, pump.passed, pump.truncated)
    }

    #[test]
    fn all_bytes_pass_below_the_cap_and_at_it() {
        assert_eq!(pump_all(b"hello", None), (b"hello".to_vec(), 5, false));
        assert_eq!(pump_all(b"hello", Some(5)), (b"hello".to_vec(), 5, false));
    }

    #[test]
    fn a_stream_is_cut_exactly_at_its_cap() {
        assert_eq!(pump_all(b"hello", Some(4)), (b"hell".to_vec(), 4, true));
        assert_eq!(pump_all(b"hello", Some(0)), (b"".to_vec(), 0, true));
    }

    #[test]
    fn a_reader_that_went_away_stops_the_pump() {
        let [from, feed] = sys::fd::pipe().ok().unwrap();
        let [result, to] = sys::fd::pipe().ok().unwrap();
        drop(result);
        rustix::io::write(&feed, b"x").unwrap();
        let mut buffer = [0; size_of::<StreamBuffer>()];
        let mut pump = Pump::new(End::Opened(from), End::Opened(to), None, &mut buffer);
        pump.turn();
        pump.turn();
        assert!(pump.is_done());
        assert_eq!(rustix::io::write(&feed, b"y"), Err(Errno::PIPE));
    }
}
