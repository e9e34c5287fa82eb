//! Messages with several descriptors (unix(7), SCM_RIGHTS), and descriptors with the number that a message gives them.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::io::Errno;

use super::fd::Fd;
use super::socket::{SocketMessage, control, receive_message};
use super::{nr, syscall};

/// The most descriptors of one message: streams, a file, the directories of a cgroup, every bind, and a lock.
pub(crate) const MOST: usize = 80;

/// Descriptors in the order of their message. Those that are not taken are closed.
pub(crate) struct Descriptors {
    items: [Option<Fd>; MOST],
    len: usize,
    next: usize,
}

impl Descriptors {
    pub(crate) const fn new() -> Self {
        Descriptors { items: [const { None }; MOST], len: 0, next: 0 }
    }

    /// Adds one; a list that is full closes it.
    pub(crate) fn push(&mut self, fd: Fd) {
        if let Some(place) = self.items.get_mut(self.len) {
            *place = Some(fd);
            self.len += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The first that was not taken yet.
    pub(crate) fn take(&mut self) -> Option<Fd> {
        let taken = self.items.get_mut(self.next)?.take();
        self.next += 1;
        taken
    }

    /// Those that were not taken.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.items.iter().flatten().map(AsFd::as_fd)
    }
}

/// Sends the parts as one message, with copies of the descriptors.
///
/// # Errors
/// EAGAIN where there is no room now and `wait` is false; EPIPE where the other end is closed.
pub(crate) fn send_all<'f>(
    socket: BorrowedFd<'_>,
    parts: [&[u8]; 2],
    descriptors: impl Iterator<Item = BorrowedFd<'f>>,
    wait: bool,
) -> Result<(), Errno> {
    const NOSIGNAL: usize = 0x4000;
    const DONTWAIT: usize = 0x40;
    /// `struct cmsghdr` and its descriptors.
    #[repr(C)]
    struct Control {
        len: usize,
        kind: u64,
        numbers: [RawFd; MOST],
    }
    let mut control = Control { len: 0, kind: control::RIGHTS, numbers: [0; MOST] };
    let mut count = 0;
    for (place, descriptor) in control.numbers.iter_mut().zip(descriptors) {
        *place = descriptor.as_raw_fd();
        count += 1;
    }
    control.len = HEADER + count * size_of::<RawFd>();
    let data = parts.map(|part| [part.as_ptr() as usize, part.len()]);
    // Without a descriptor there is no control message: an empty one is refused.
    let control_len = if count == 0 { 0 } else { control.len };
    let mut message = SocketMessage::new(&data[0], (&raw const control) as usize, control_len);
    message.data_count = data.len();
    let flags = NOSIGNAL | if wait { 0 } else { DONTWAIT };
    // SAFETY: the message describes both parts, in an array of two, and `control`; all outlive the call and are only read.
    unsafe { syscall(nr::SENDMSG, [socket.as_raw_fd() as usize, (&raw const message) as usize, flags, 0, 0]) }
        .map(drop)
}

/// Bytes of a `struct cmsghdr`.
const HEADER: usize = 16;
/// Words for the control messages that are received: the descriptors', and credentials (a header of two words, pid, uid,
/// gid), for which whoever made the socket may have asked.
const CONTROL_WORDS: usize = 4 + HEADER / 8 + MOST / 2;
/// The longest control message: one may fill the buffer, with more descriptors than are wanted.
const CONTROL_LEN: u64 = (CONTROL_WORDS * size_of::<u64>()) as u64;

/// Receives one message, with the descriptors that came with it (close-on-exec), and returns its length. `None` if bytes or
/// descriptors were cut off.
pub(crate) fn receive_all(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut Descriptors,
    wait: bool,
) -> Result<Option<usize>, Errno> {
    const DONTWAIT: usize = 0x40;
    const CMSG_CLOEXEC: usize = 0x4000_0000;
    /// MSG_TRUNC and MSG_CTRUNC.
    const CUT_OFF: usize = 0x28;
    let mut control = [0u64; CONTROL_WORDS];
    let data = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut message = SocketMessage::new(&data, control.as_mut_ptr() as usize, size_of_val(&control));
    let flags = CMSG_CLOEXEC | if wait { 0 } else { DONTWAIT };
    // SAFETY: the message describes `bytes` and `control`, which outlive the call and which have no other user.
    let len = unsafe { receive_message(socket, &mut message, flags)? };
    let mut rest = &control[..];
    // A length of 0 ends the list: what follows was not written by the kernel.
    while let [len @ 1..=CONTROL_LEN, kind, numbers @ ..] = rest {
        let len = *len as usize;
        if *kind == control::RIGHTS {
            let count = len.saturating_sub(HEADER) / size_of::<RawFd>();
            let halves = numbers.iter().flat_map(|two| [*two as u32, (*two >> 32) as u32]);
            for number in halves.take(count) {
                // SAFETY: the kernel has just made this descriptor for us (SCM_RIGHTS).
                descriptors.push(unsafe { Fd::new(number as usize)? });
            }
        }
        rest = rest.get(len.div_ceil(size_of::<u64>())..).unwrap_or_default();
    }
    Ok((message.flags & CUT_OFF == 0).then_some(len))
}

/// A copy with this number, close-on-exec; what had the number is closed. The number must belong to nothing that this
/// process uses under another name.
///
/// # Errors
/// EINVAL: it is the very same number.
pub(crate) fn duplicate_onto(fd: BorrowedFd<'_>, number: RawFd) -> Result<Fd, Errno> {
    const CLOEXEC: usize = 0o2000000;
    // SAFETY: numbers only; the caller's promise about what had the number. The call returns a new descriptor.
    unsafe { Fd::new(syscall(nr::DUP3, [fd.as_raw_fd() as usize, number as usize, CLOEXEC, 0, 0])?) }
}

/// Closes a number that belongs to nothing that this process uses under another name.
pub(crate) fn close_number(number: RawFd) {
    // SAFETY: the caller's promise.
    let _ = unsafe { syscall(nr::CLOSE, [number as usize, 0, 0, 0, 0]) }; // EBADF: there was none
}
