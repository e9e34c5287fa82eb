//! One direction of one stream: bytes on their way from one end to the other, counted and cut.

use rustix::event::PollFd;
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

use super::access::Access;
use super::end::End;
use crate::sys::StreamBuffer;

/// More than any pipe of an ordinary user's holds at one time (proc_sys_fs(5), pipe-max-size).
const LARGEST_PIPE: u64 = 1 << 20;

/// Reads from `from`, counts, cuts at the cap, writes to `to`.
pub(crate) struct Pump<'a> {
    from: Option<End>,
    to: Option<End>,
    /// Whether bytes go from end to end within the kernel, as far as is known yet.
    spliced: bool,
    /// Whether the near end had bytes, and the far end no room; or the near end had none when the far end had room.
    blocked: bool,
    /// A byte that ends the input for the far end, where closing it does not (a terminal's Ctrl-D).
    end_mark: Option<u8>,
    /// Whether the input so far is whole lines.
    at_line_start: bool,
    /// What one read takes at the most is what a pipe holds (pipe(7)).
    buffer: &'a mut StreamBuffer,
    filled: core::ops::Range<usize>,
    /// Bytes that may still pass.
    left: u64,
    /// Bytes that were passed on.
    passed: u64,
    /// Whether there were more than the cap.
    pub(crate) truncated: bool,
    /// Why bytes were lost, or are not known to be all.
    pub(crate) failed: Option<Errno>,
}

/// What to wait for: progress, and the end of the reader. That is waited for at any time, so that the writer learns of
/// it at its next write, as with one pipe (pipe(7), EPIPE).
pub(crate) type Wanted<'p> = [Option<PollFd<'p>>; 2];

/// What to wait for, for each pump that there is.
pub(crate) fn wanted<'p>(pumps: &'p [Option<Pump<'_>>; 3]) -> [Wanted<'p>; 3] {
    pumps.each_ref().map(|pump| pump.as_ref().map_or([None, None], Pump::wants))
}

/// Moves what can be moved now, after what was [`wanted`] has come.
pub(crate) fn turn(pumps: &mut [Option<Pump<'_>>; 3], ready: [[bool; 2]; 3]) {
    for (pump, ready) in pumps.iter_mut().zip(ready) {
        if let Some(pump) = pump {
            pump.turn(ready);
        }
    }
}

impl<'a> Pump<'a> {
    /// A pump that passes at most `cap` bytes.
    pub(crate) fn new(from: End, to: End, cap: Option<u64>, buffer: &'a mut StreamBuffer) -> Self {
        Pump::between(Some(from), to, cap.unwrap_or(u64::MAX), buffer)
    }

    /// A pump with nothing to read: it passes on the first `len` bytes of its buffer.
    pub(crate) fn of_bytes(to: End, buffer: &'a mut StreamBuffer, len: usize) -> Self {
        let filled = 0..len.min(buffer.len());
        Pump { filled, ..Pump::between(None, to, 0, buffer) }
    }

    fn between(from: Option<End>, to: End, left: u64, buffer: &'a mut StreamBuffer) -> Self {
        Pump {
            from,
            to: Some(to),
            spliced: true,
            blocked: false,
            end_mark: None,
            at_line_start: true,
            buffer,
            filled: 0..0,
            left,
            passed: 0,
            truncated: false,
            failed: None,
        }
    }

    /// The same, with a byte to send when the input ends.
    pub(crate) fn with_end_mark(mut self, mark: u8) -> Self {
        self.end_mark = Some(mark);
        // Whether the input so far is whole lines shows in the bytes alone.
        self.spliced = false;
        self
    }

    /// The submission starts.
    pub(crate) fn begin(&self) {
        self.from.iter().for_each(End::begin);
    }

    /// What to wait for; nothing when there is nothing more to do.
    fn wants(&self) -> Wanted<'_> {
        let Some(to) = &self.to else { return [None, None] };
        let progress = match &self.from {
            // Nothing is read while bytes wait to be written: a slow reader slows the writer down, as one pipe would.
            _ if self.blocked || !self.filled.is_empty() => Some(to.ready(Access::Write)),
            Some(from) => Some(from.ready(Access::Read)),
            None => None,
        };
        [progress, Some(to.abandoned())]
    }

    /// Whether all that there will be has passed, or its reader is gone.
    pub(crate) fn is_done(&self) -> bool {
        self.to.is_none()
    }

    fn turn(&mut self, [progress, abandoned]: [bool; 2]) {
        if abandoned {
            self.abandon();
        } else if progress && !self.splice() {
            match self.filled.is_empty() {
                true => self.fill(),
                false => self.drain(),
            }
        }
    }

    /// Bytes that have not been passed on, as far as they would have been.
    pub(crate) fn undelivered(&self) -> u64 {
        let Some(to) = &self.to else { return 0 };
        let waiting = self.from.as_ref().map_or(0, End::waiting).min(self.left);
        self.filled.len() as u64 + waiting + to.under_way()
    }

    /// Bytes that were passed on.
    pub(crate) fn passed(&self) -> u64 {
        self.passed - self.to.as_ref().map_or(0, End::under_way).min(self.passed)
    }

    /// Moves bytes without looking at them. Returns false if that cannot be done.
    ///
    /// What a submission puts into a pipe may be pages that it can still change (splice(2)), or be cut by each read
    /// (pipe(2), O_DIRECT): so it may with a plain pipe. What counts is how many bytes they are.
    fn splice(&mut self) -> bool {
        // At the cap the next byte is read, so that it shows (`truncated`).
        let len = self.left.min(LARGEST_PIPE) as usize;
        let (true, Some(from), Some(to)) = (self.spliced && len > 0, &self.from, &self.to) else {
            return false;
        };
        let (Some(source), Some(target)) = (from.direct(), to.direct()) else { return false };
        // NONBLOCK is about the pipes, whoever else has them open; other ends do not block anyway.
        match rustix::pipe::splice(source, None, target, None, len, SpliceFlags::NONBLOCK) {
            Ok(0) => self.end_of_input(),
            Ok(len) => {
                self.blocked = false;
                self.left -= len as u64;
                self.passed += len as u64;
            }
            // One of the two was not ready after all: poll(2) was asked about the other one.
            Err(Errno::AGAIN) => self.blocked = !self.blocked,
            // EINVAL: there is no pipe among them, or this kind of file cannot do it. Whatever else is wrong, read(2) or
            // write(2) finds as well.
            Err(_) => (self.spliced, self.blocked) = (false, false),
        }
        self.spliced
    }

    fn fill(&mut self) {
        let Some(from) = &self.from else { return };
        match from.read(&mut self.buffer[..]) {
            Ok(0) => self.end_of_input(),
            // What is cut off was read all the same, so that one byte more than the cap shows (`truncated`).
            Ok(len) => {
                self.at_line_start = self.buffer.get(len - 1) == Some(&b'\n');
                let allowed = (len as u64).min(self.left) as usize;
                self.truncated |= allowed < len;
                self.left -= allowed as u64;
                self.filled = 0..allowed;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // nohup(1) opens /dev/null for writing only, so that there is no input.
            Err(Errno::BADF) => self.end_of_input(),
            Err(errno) => {
                self.failed = Some(errno).filter(|errno| !from.has_left(*errno));
                self.end_of_input();
            }
        }
    }

    fn drain(&mut self) {
        let Some(to) = &self.to else { return };
        match to.write(self.buffer.get(self.filled.clone()).unwrap_or_default()) {
            Ok(len) => {
                self.passed += len as u64;
                self.filled.start += len;
                // The input ended while bytes were on their way: the far end is closed after the last of them.
                if self.filled.is_empty() && self.from.is_none() {
                    self.finish();
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => {
                self.failed = Some(errno).filter(|errno| !to.has_left(*errno));
                self.abandon();
            }
        }
    }

    /// The input has ended: the far end is closed once all is passed on.
    fn end_of_input(&mut self) {
        self.from = None;
        match self.end_mark.take() {
            Some(mark) => {
                // Within a line the first one only hands that over, and the next one ends the input (termios(3), VEOF).
                self.buffer[..2].fill(mark);
                self.filled = 0..(if self.at_line_start { 1 } else { 2 });
            }
            None => self.finish(),
        }
    }

    /// Closes the far end, whose reader sees the end of the stream; or waits for it to be gone.
    fn finish(&mut self) {
        if self.to.as_ref().is_none_or(End::finish) {
            self.to = None;
        }
    }

    /// The reader is gone, or does not get all. Closing both ends passes that on: the writer gets EPIPE.
    fn abandon(&mut self) {
        self.from = None;
        self.to = None;
        self.filled = 0..0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;

    fn pump_all(input: &[u8], cap: Option<u64>) -> (Vec<u8>, u64, bool) {
        let [from, feed] = sys::fd::pipe().ok().unwrap();
        let [result, to] = sys::fd::pipe().ok().unwrap();
        rustix::io::write(&feed, input).unwrap();
        drop(feed);
        let mut buffer = [0; size_of::<StreamBuffer>()];
        let mut pump = Pump::new(End::own(from), End::own(to), cap, &mut buffer);
        while !pump.is_done() {
            pump.turn([true, false]);
        }
        let mut output = vec![0; input.len() + 1];
        let len = rustix::io::read(&result, &mut output[..]).unwrap();
        output.truncate(len);
        (output, pump.passed(), pump.truncated)
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
        let mut pump = Pump::new(End::own(from), End::own(to), None, &mut buffer);
        pump.turn([true, false]);
        pump.turn([true, false]);
        assert!(pump.is_done());
        assert_eq!(rustix::io::write(&feed, b"y"), Err(Errno::PIPE));
    }
}
