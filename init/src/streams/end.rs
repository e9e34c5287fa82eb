//! The world's end of a stream: read and written without ever sleeping in the kernel.
//!
//! What the caller hands to us it may share with other processes. Then poll(2) promises nothing: another writer may
//! take the room before our write(2), which sleeps, and no limit is looked at. O_NONBLOCK must not be set either: it
//! belongs to the open file description, which those processes share too (open(2), fcntl(2)).

use core::ffi::CStr;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{FileType, Mode, OFlags, major, minor};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use super::access::{Access, open_again};
use super::relay::Relay;
use crate::error::Call;
use crate::sys;
use crate::sys::fd::Fd;

/// The most that one write to a socket carries: it may be a message, and all sorts of sockets take one of this size.
const MESSAGE: usize = 16 << 10;

/// One side of a stream, as the supervisor has it. Dropped, it is closed.
pub(crate) struct End {
    /// What poll(2) is asked about. Not the reopened one: a FIFO that lost its last writer before that was opened would
    /// never report it (`fs/pipe.c`, fifo_open).
    polled: Fd,
    method: Method,
}

/// How bytes get through without sleeping.
enum Method {
    /// With read(2) and write(2): it is a file, which is always ready (poll(2)), or its open file description is ours
    /// alone and has O_NONBLOCK.
    Plain,
    /// The same, on another one than the caller's.
    Reopened(Fd),
    /// With MSG_DONTWAIT, which is a flag of one call (send(2)).
    Socket,
    /// Another process sleeps for us.
    Relayed(Relay),
}

/// Why an end cannot be had: the call that failed, and its error.
pub(crate) struct Unopened(pub(crate) Call, pub(crate) Errno);

/// Most calls here open something, or look at what is open.
impl From<Errno> for Unopened {
    fn from(errno: Errno) -> Unopened {
        Unopened(Call::Open, errno)
    }
}

impl End {
    /// An end of what was made for this run and has O_NONBLOCK.
    pub(crate) fn own(fd: Fd) -> End {
        End { polled: fd, method: Method::Plain }
    }

    /// A descriptor that the caller has opened: a copy, which can be closed while the number stays taken.
    pub(crate) fn inherited(number: i32, access: Access) -> Result<End, Unopened> {
        let fd = sys::fd::inherited(number)?;
        let stat = rustix::fs::fstat(&fd)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Ok(End { polled: fd, method: Method::Socket }),
            FileType::Fifo => End::reopened(fd, access),
            FileType::CharacterDevice => match (major(stat.st_rdev), minor(stat.st_rdev)) {
                // null, zero, full, random and urandom never sleep (null(4), full(4), random(4)).
                (1, 3 | 5 | 7 | 8 | 9) => Ok(End { polled: fd, method: Method::Plain }),
                // Opened again, the master of a terminal would be that of another one (pts(4)).
                (5, 2) => End::relayed(fd, access),
                _ if sys::terminal_mode(fd.as_fd()).is_ok() => End::reopened(fd, access),
                _ => End::relayed(fd, access),
            },
            _ => Ok(End { polled: fd, method: Method::Plain }),
        }
    }

    /// The file of `--stdin`, `--stdout`, `--stderr` or `--report`.
    pub(crate) fn open(path: &CStr, access: Access) -> Result<End, Unopened> {
        let flags = match access {
            // poll(2) reports nothing about a FIFO without a writer until one has come (`fs/pipe.c`, fifo_open).
            Access::Read => OFlags::RDONLY,
            // Truncated at once: a reader that comes too early finds nothing, and not what an earlier run has left.
            Access::Write => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC,
        };
        // NONBLOCK: opening a FIFO would sleep until the other side is there (fifo(7)). NOCTTY: a terminal that is
        // opened by a session leader without one would become its own (open(2)).
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        match sys::fd::open(path, flags, Mode::from_raw_mode(0o644)) {
            Ok(fd) => Ok(End::own(fd)),
            Err(Errno::NXIO) => End::without_reader(path),
            Err(errno) => Err(errno.into()),
        }
    }

    /// A FIFO without a reader (fifo(7)). It is found now, while its path means what the caller means, and a relay opens
    /// it when there is one.
    fn without_reader(path: &CStr) -> Result<End, Unopened> {
        let fifo = sys::fd::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        match open_again(fifo.as_fd(), Access::Write, OFlags::NONBLOCK) {
            // It has just come.
            Ok(fd) => Ok(End::own(fd)),
            // A socket and a device that is not there give the same error.
            Err(Errno::NXIO) if file_type(&fifo)? == FileType::Fifo => End::relayed(fifo, Access::Write),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What is another user's cannot be opened again, and nothing can where /proc is not mounted.
    fn reopened(fd: Fd, access: Access) -> Result<End, Unopened> {
        match open_again(fd.as_fd(), access, OFlags::NONBLOCK) {
            Ok(own) => Ok(End { polled: fd, method: Method::Reopened(own) }),
            Err(_) => End::relayed(fd, access),
        }
    }

    fn relayed(fd: Fd, access: Access) -> Result<End, Unopened> {
        let (polled, relay) = Relay::start(fd, access).map_err(|errno| Unopened(Call::Clone3, errno))?;
        Ok(End { polled, method: Method::Relayed(relay) })
    }

    /// The submission starts: what comes from the caller is the submission's from here on. A relay must not take it
    /// before, as the first byte may be the one that `--start-on` waits for.
    pub(super) fn begin(&self) {
        if matches!(self.method, Method::Relayed(_)) {
            // A relay that is gone has ended the stream.
            let _ = rustix::net::send(&self.polled, &[0], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
    }

    /// A copy of what is a regular file and can be read: the submission may have the file itself.
    pub(crate) fn regular(&self) -> Option<Fd> {
        // nohup(1) opens /dev/null for writing only, and so may a caller open a file.
        let flags = rustix::fs::fcntl_getfl(&self.polled).ok()?;
        let is_file = file_type(&self.polled) == Ok(FileType::RegularFile);
        if is_file && !flags.intersects(OFlags::WRONLY | OFlags::PATH) {
            self.polled.duplicate().ok()
        } else {
            None
        }
    }

    /// For poll(2): whether there is something to read, or room to write.
    pub(super) fn ready(&self, access: Access) -> PollFd<'_> {
        let flags = if access == Access::Read { PollFlags::IN } else { PollFlags::OUT };
        PollFd::new(&self.polled, flags)
    }

    /// For poll(2): whether the reader of what is written here is gone.
    pub(super) fn abandoned(&self) -> PollFd<'_> {
        match &self.method {
            Method::Relayed(relay) => relay.ended(),
            // ERR and HUP are reported unasked (poll(2)).
            _ => PollFd::new(&self.polled, PollFlags::empty()),
        }
    }

    /// What neither read(2) nor write(2) nor splice(2) can sleep on.
    pub(super) fn direct(&self) -> Option<BorrowedFd<'_>> {
        match &self.method {
            Method::Plain => Some(self.polled.as_fd()),
            Method::Reopened(own) => Some(own.as_fd()),
            Method::Socket | Method::Relayed(_) => None,
        }
    }

    /// read(2); EAGAIN where that would sleep.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self.direct() {
            Some(file) => rustix::io::read(file, buffer),
            None => rustix::net::recv(&self.polled, buffer, RecvFlags::DONTWAIT).map(|(len, _)| len),
        }
    }

    /// write(2); EAGAIN where that would sleep.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.direct() {
            Some(file) => rustix::io::write(file, bytes),
            None => {
                let chunk = bytes.get(..MESSAGE).unwrap_or(bytes);
                // NOSIGNAL: SIGPIPE is blocked, but would stay pending (send(2)).
                rustix::net::send(&self.polled, chunk, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            }
        }
    }

    /// Whether an error says that the other side is gone, which every program has to expect, and not that bytes were
    /// lost.
    pub(super) fn has_left(&self, errno: Errno) -> bool {
        match errno {
            Errno::PIPE | Errno::CONNRESET => true,
            // A terminal whose last program is gone (pty(7)), or whose input is for another process group (termios(3)).
            Errno::IO => sys::terminal_mode(self.polled.as_fd()).is_ok(),
            _ => false,
        }
    }

    /// Nothing more will be written. Returns whether all has arrived; if not, [`End::abandoned`] shows when.
    pub(super) fn finish(&self) -> bool {
        let relayed = matches!(self.method, Method::Relayed(_));
        if relayed {
            let _ = rustix::net::shutdown(&self.polled, Shutdown::Write); // a relay that is gone needs no end
        }
        !relayed
    }

    /// Bytes that were written, and have not arrived.
    pub(super) fn under_way(&self) -> u64 {
        match &self.method {
            Method::Relayed(relay) => relay.waiting(),
            _ => 0,
        }
    }

    /// Bytes that can be read now.
    pub(super) fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.polled).unwrap_or(0)
    }
}

fn file_type(fd: &Fd) -> Result<FileType, Errno> {
    rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode))
}
