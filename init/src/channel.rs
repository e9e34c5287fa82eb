//! The socket pair between the supervisor and the sandbox's own processes: messages out, one "go" in, and for each
//! side the proof that the other is alive.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketType, sockopt};
use rustix::process::Pid;

use crate::message::{LEN, Message, Record};
use crate::sys::fd::Fd;
use crate::{clock, sys};

/// The one thing that the sandbox is told.
const GO: &[u8] = b"go";

/// The supervisor's end.
pub struct Supervisor(Fd);

/// The end of PID 1, and of the submission's process until it execs.
pub struct Inside(Fd);

/// A message with what the kernel says of its sender.
pub struct Received {
    /// The message.
    pub message: Message,
    /// The sender's pid, in the supervisor's pid namespace.
    pub sender: Option<Pid>,
    /// What came with it.
    pub descriptor: Option<Fd>,
}

/// Makes both ends.
pub fn pair() -> Result<(Supervisor, Inside), Errno> {
    let [ours, theirs] = sys::fd::socket_pair(AddressFamily::UNIX, SocketType::SEQPACKET)?;
    // The pid of a message's sender, translated into our pid namespace (unix(7), SO_PASSCRED).
    sockopt::set_socket_passcred(&ours, true)?;
    Ok((Supervisor(ours), Inside(theirs)))
}

impl Supervisor {
    /// Lets the sandbox go on.
    pub fn send_go(&self) -> Result<(), Errno> {
        rustix::net::send(&self.0, GO, SendFlags::NOSIGNAL).map(drop)
    }

    /// The same, with a descriptor.
    pub fn send_go_with(&self, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        sys::send_descriptor(self.0.as_fd(), GO, descriptor)
    }

    /// The next message, if there is one now.
    pub fn receive(&self) -> Option<Received> {
        self.next(false)
    }

    /// Waits for the next message; `None` when the sandbox dies instead.
    pub fn wait(&self) -> Option<Received> {
        self.next(true)
    }

    fn next(&self, wait: bool) -> Option<Received> {
        let mut record = Record::default();
        let received = sys::receive(self.0.as_fd(), record.as_flattened_mut(), wait).ok()?;
        let message = (received.len == LEN).then(|| Message::decode(record)).flatten()?;
        Some(Received { message, sender: received.sender, descriptor: received.descriptor })
    }
}

impl Inside {
    /// Tells the supervisor. When it is gone there is nobody to tell, and the sandbox ends by other means.
    pub fn send(&self, message: Message) {
        // A dead supervisor is noticed by `supervisor_lives`.
        let _ = rustix::io::write(&self.0, message.encode().as_flattened());
    }

    /// Tells the supervisor, with a descriptor.
    pub fn send_with(&self, message: Message, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        sys::send_descriptor(self.0.as_fd(), message.encode().as_flattened(), descriptor)
    }

    /// Waits until the supervisor lets us go on, and returns what came with the word; `None` when it died instead.
    pub fn wait_for_go(&self) -> Option<Option<Fd>> {
        let mut word = [0; GO.len()];
        let received = sys::receive(self.0.as_fd(), &mut word, true).ok()?;
        (received.len == GO.len()).then_some(received.descriptor)
    }

    /// Whether the supervisor is still there: its end of the socket is open.
    pub fn supervisor_lives(&self) -> bool {
        !self.hung_up(Some(&clock::timespec(0)))
    }

    /// Sleeps as long as the supervisor lives.
    pub fn outlive_supervisor(&self) {
        while !self.hung_up(None) {}
    }

    fn hung_up(&self, wait: Option<&Timespec>) -> bool {
        matches!(poll(&mut [PollFd::new(&self.0, PollFlags::RDHUP)], wait), Ok(1..))
    }
}

impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
