//! The socket pair between the supervisor and the sandbox's own processes: messages out, "go" in, and for each side the
//! proof that the other is alive.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketType, sockopt};
use rustix::process::Pid;

use crate::message::{LEN, Message, Record};
use crate::sys::fd::Fd;
use crate::sys::rights::{Descriptors, receive_all, send_all};
use crate::{clock, sys};

/// The one message to the sandbox.
const GO: &[u8] = b"go";

/// The supervisor's end.
pub(crate) struct Supervisor(Fd);

/// The end of PID 1, and of the submission's process until it execs.
pub(crate) struct Inside(Fd);

/// A message, and its sender as the kernel knows it.
pub(crate) struct Received {
    pub(crate) message: Message,
    /// The sender's pid, in the supervisor's pid namespace.
    pub(crate) sender: Option<Pid>,
    /// What came with it.
    pub(crate) descriptor: Option<Fd>,
}

/// Makes both ends.
pub(crate) fn pair() -> Result<(Supervisor, Inside), Errno> {
    // SEQPACKET: each record is sent and received whole, and the end of the other side is seen, as with a stream
    // (unix(7)).
    let [ours, theirs] = sys::fd::socket_pair(AddressFamily::UNIX, SocketType::SEQPACKET)?;
    // The kernel adds the sender's pid to each message, as it is in our pid namespace (unix(7), SO_PASSCRED): a process
    // inside knows itself by another one, and cannot lie about this.
    sockopt::set_socket_passcred(&ours, true)?;
    Ok((Supervisor(ours), Inside(theirs)))
}

impl Supervisor {
    /// Lets the sandbox go on.
    pub(crate) fn send_go(&self) -> Result<(), Errno> {
        // NOSIGNAL: the other end may be closed (SIGPIPE, send(2)). It is blocked, but would stay pending.
        rustix::net::send(&self.0, GO, SendFlags::NOSIGNAL).map(drop)
    }

    /// The same, with a descriptor.
    pub(crate) fn send_go_with(&self, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        sys::send_descriptor(self.0.as_fd(), GO, descriptor)
    }

    /// Lets a sandbox know the run that it is for.
    pub(crate) fn send_run<'f>(
        &self,
        parts: [&[u8]; 2],
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
    ) -> Result<(), Errno> {
        send_all(self.0.as_fd(), parts, descriptors, true)
    }

    /// Looks dead from inside; what comes from there still arrives.
    pub(crate) fn hang_up(&self) {
        let _ = rustix::net::shutdown(&self.0, Shutdown::Write); // a dead PID 1 need not know
    }

    /// The next message, if there is one now.
    pub(crate) fn receive(&self) -> Option<Received> {
        let mut record = Record::default();
        let received = sys::receive(self.0.as_fd(), record.as_flattened_mut(), false).ok()?;
        // The end of the other side is a record of length 0.
        let message = (received.len == LEN).then(|| Message::decode(record)).flatten()?;
        Some(Received { message, sender: received.sender, descriptor: received.descriptor })
    }
}

impl Inside {
    /// Sends a message to the supervisor, unless it is gone: then the sandbox ends by other means.
    pub(crate) fn send(&self, message: Message) {
        // A dead supervisor is noticed by `supervisor_lives`.
        let _ = rustix::io::write(&self.0, message.encode().as_flattened());
    }

    /// Sends a message with a descriptor to the supervisor.
    pub(crate) fn send_with(&self, message: Message, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        sys::send_descriptor(self.0.as_fd(), message.encode().as_flattened(), descriptor)
    }

    /// Waits until the supervisor lets us go on, and returns the descriptor that came along; `None` when it died
    /// instead.
    pub(crate) fn wait_for_go(&self) -> Option<Option<Fd>> {
        let mut go = [0; GO.len()];
        let received = sys::receive(self.0.as_fd(), &mut go, true).ok()?;
        (received.len == GO.len()).then_some(received.descriptor)
    }

    /// Sleeps until the supervisor has sent something, or has died, or the other descriptor is ready. Returns false if only the
    /// other one is.
    pub(crate) fn is_ready_before(&self, other: BorrowedFd<'_>) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN), PollFd::from_borrowed_fd(other, PollFlags::IN)];
        let _ = poll(&mut fds, None); // all signals are blocked
        !fds[0].revents().is_empty()
    }

    /// Waits for the run that this sandbox is for; returns the message's length, or `None` when the supervisor died instead.
    pub(crate) fn wait_for_run(&self, bytes: &mut [u8], descriptors: &mut Descriptors) -> Option<usize> {
        receive_all(self.0.as_fd(), bytes, descriptors, true).ok().flatten().filter(|len| *len > 0)
    }

    /// Whether the supervisor is still there: its end of the socket is open.
    pub(crate) fn supervisor_lives(&self) -> bool {
        !self.hung_up(Some(&clock::timespec(0)))
    }

    /// Sleeps as long as the supervisor lives.
    pub(crate) fn outlive_supervisor(&self) {
        // In a loop, as a poll without time-out may be interrupted (EINTR).
        while !self.hung_up(None) {}
    }

    fn hung_up(&self, wait: Option<&Timespec>) -> bool {
        // RDHUP alone: a "go" that was not read yet must not look like an end (poll(2)).
        matches!(poll(&mut [PollFd::new(&self.0, PollFlags::RDHUP)], wait), Ok(1..))
    }
}

impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel then says ECONNRESET before it gives out what the dead one has sent.
    #[test]
    fn words_of_a_peer_that_died_with_others_unread_arrive() {
        let (ours, theirs) = pair().unwrap();
        theirs.send(Message::Terminal);
        ours.send_go().unwrap();
        drop(theirs);
        assert_eq!(ours.receive().map(|received| received.message), Some(Message::Terminal));
        let (ours, theirs) = pair().unwrap();
        theirs.send(Message::Terminal);
        ours.send_run([b"run", b""], core::iter::empty()).unwrap();
        drop(ours);
        assert_eq!(theirs.wait_for_run(&mut [0; 8], &mut Descriptors::new()), Some(3));
        assert_eq!(theirs.wait_for_run(&mut [0; 8], &mut Descriptors::new()), None);
    }
}
