//! Sockets: messages with descriptors, and the switch of a network interface.

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use rustix::process::Pid;

use super::fd::Fd;
use super::{ioctl, nr, syscall};

/// Switches a network interface on, netdevice(7) SIOCSIFFLAGS.
pub(crate) fn interface_up(socket: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    const SIOCSIFFLAGS: usize = 0x8914;
    const IFF_UP: u16 = 1;
    /// `struct ifreq`: the name, and a union of which the flags are the first two bytes.
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        flags: u16,
        rest: [u8; 22],
    }
    let mut request = Request { name: [0; 16], flags: IFF_UP, rest: [0; 22] };
    request.name.get_mut(..name.len()).ok_or(Errno::INVAL)?.copy_from_slice(name);
    // SAFETY: the kernel reads a whole `struct ifreq` (40 bytes), which `request` is.
    unsafe { ioctl(socket, SIOCSIFFLAGS, (&raw const request) as usize) }.map(|_| ())
}

/// Control messages: those that carry a descriptor, and those that name a message's sender (unix(7); `linux/socket.h`).
pub(super) mod control {
    /// The first words of a `struct cmsghdr`, 64-bit: its length, then level (low half) and type (high half).
    pub(crate) const RIGHTS: u64 = SOL_SOCKET | 1 << 32;
    pub(crate) const CREDENTIALS: u64 = SOL_SOCKET | 2 << 32;
    const SOL_SOCKET: u64 = 1;
}

/// `struct msghdr` with one `struct iovec`, and no address: the socket is connected.
#[repr(C)]
pub(super) struct SocketMessage {
    address: [usize; 2],
    data: *const [usize; 2],
    pub(super) data_count: usize,
    control: usize,
    control_len: usize,
    pub(super) flags: usize,
}

impl SocketMessage {
    pub(super) fn new(data: &[usize; 2], control: usize, control_len: usize) -> Self {
        SocketMessage { address: [0; 2], data, data_count: 1, control, control_len, flags: 0 }
    }
}

/// Sends `bytes` as one message, with a copy of `descriptor`.
pub(crate) fn send_descriptor(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<(), Errno> {
    const NOSIGNAL: usize = 0x4000;
    // Header and descriptor, 20 bytes; what fills the last word is not read.
    let control = [20, control::RIGHTS, descriptor.as_raw_fd() as u64];
    let data = [bytes.as_ptr() as usize, bytes.len()];
    let message = SocketMessage::new(&data, control.as_ptr() as usize, size_of_val(&control));
    // SAFETY: the message describes `bytes` and `control`, which outlive the call and are only read.
    unsafe {
        syscall(nr::SENDMSG, [socket.as_raw_fd() as usize, (&raw const message) as usize, NOSIGNAL, 0, 0])
    }
    .map(|_| ())
}

/// recvmsg(2). A peer that ended with messages unread leaves an ECONNRESET, which comes once, before what the peer has sent
/// (`unix_release_sock` in net/unix/af_unix.c, `__skb_try_recv_datagram` in net/core/datagram.c).
///
/// # Safety
/// The message describes memory that has no other user until this returns.
pub(super) unsafe fn receive_message(
    socket: BorrowedFd<'_>,
    message: &mut SocketMessage,
    flags: usize,
) -> Result<usize, Errno> {
    loop {
        let arguments = [socket.as_raw_fd() as usize, (&raw mut *message) as usize, flags, 0, 0];
        // SAFETY: the caller's promise.
        match unsafe { syscall(nr::RECVMSG, arguments) } {
            Err(Errno::CONNRESET) => {}
            result => return result,
        }
    }
}

/// What came with a message.
pub(crate) struct Received {
    /// Bytes of the message.
    pub(crate) len: usize,
    /// Its sender, in our pid namespace, if the socket asks for it (SO_PASSCRED).
    pub(crate) sender: Option<Pid>,
    /// A descriptor that was sent along; close-on-exec.
    pub(crate) descriptor: Option<Fd>,
}

/// Receives one message into `bytes`; EAGAIN when there is none and `wait` is false.
pub(crate) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8], wait: bool) -> Result<Received, Errno> {
    const DONTWAIT: usize = 0x40;
    const CMSG_CLOEXEC: usize = 0x4000_0000;
    // Room for credentials (a header of two words, pid, uid, gid) and for one descriptor (a header, an int).
    let mut control = [0u64; 4 + 3];
    let data = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut message = SocketMessage::new(&data, control.as_mut_ptr() as usize, size_of_val(&control));
    let flags = CMSG_CLOEXEC | if wait { 0 } else { DONTWAIT };
    // SAFETY: the message describes `bytes` and `control`, which outlive the call and which have no other user.
    let len = unsafe { receive_message(socket, &mut message, flags)? };
    let mut received = Received { len, sender: None, descriptor: None };
    let mut rest = &control[..];
    // A length of 0 ends the list: what follows was not written by the kernel.
    while let [len @ 1..=64, kind, value, ..] = *rest {
        match kind {
            control::CREDENTIALS => received.sender = Pid::from_raw(value as i32),
            // SAFETY: the kernel has just made this descriptor for us (SCM_RIGHTS).
            control::RIGHTS => received.descriptor = Some(unsafe { Fd::new(value as usize)? }),
            _ => {}
        }
        rest = rest.get((len as usize).div_ceil(size_of::<u64>())..).unwrap_or_default();
    }
    Ok(received)
}
