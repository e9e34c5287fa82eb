//! A process that sleeps in place of the supervisor, where one of the caller's ends can be used in no other way: a pipe
//! of another user, a device that does not know O_NONBLOCK, a FIFO whose reader is still to come.
//!
//! The supervisor has a socket to it, and never waits. It ends with the supervisor, whatever that dies of.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketType};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, getppid, pidfd_send_signal, set_parent_process_death_signal,
    waitid,
};

use super::access::{Access, open_again};
use crate::clock;
use crate::sys::fd::Fd;
use crate::sys::{self, Forked, stdio};

/// What a relay takes from its source at a time: so much is written to a pipe whole or not at all (pipe(7), PIPE_BUF),
/// and is counted as what it is when the relay is killed meanwhile.
const CHUNK: usize = 4096;

/// How long the kernel may take to end a relay, in nanoseconds.
const DEATH_LIMIT: u64 = 1_000_000_000;

/// A relay, as the supervisor has it. One that reads waits for a byte from the supervisor. Dropped, it is ended.
pub(super) struct Relay {
    /// Readable when it has ended: all has arrived, or the far end is gone.
    process: Fd,
    /// Its own end of the socket, to see what it has not taken yet. None of one that reads: its end of the socket must
    /// close with it.
    taken_from: Option<Fd>,
    /// The supervisor. A copy of this in a process that it makes must not end the relay.
    owner: Pid,
}

impl Relay {
    /// Starts one between the caller's `far` end and a socket, which it returns.
    pub(super) fn start(far: Fd, access: Access) -> Result<(Fd, Relay), Errno> {
        let [ours, near] = sys::fd::socket_pair(AddressFamily::UNIX, SocketType::STREAM)?;
        let owner = getpid();
        match sys::clone3(0, None)? {
            Forked::Parent { pidfd: process, .. } => {
                let taken_from = (access == Access::Write).then_some(near);
                Ok((ours, Relay { process, taken_from, owner }))
            }
            Forked::Child => {
                let _ = run(near, far, access, owner); // that it has ended is all that the supervisor sees
                sys::exit(0)
            }
        }
    }

    /// For poll(2): ready when the relay has ended.
    pub(super) fn ended(&self) -> PollFd<'_> {
        PollFd::new(&self.process, PollFlags::IN)
    }

    /// Bytes that it has not passed on.
    pub(super) fn waiting(&self) -> u64 {
        self.taken_from.as_ref().map_or(0, |end| rustix::io::ioctl_fionread(end).unwrap_or(0))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if getpid() == self.owner && pidfd_send_signal(&self.process, Signal::KILL).is_ok() {
            // Not for ever: a device may sleep where no signal wakes it.
            let _ = poll(&mut [self.ended()], Some(&clock::timespec(DEATH_LIMIT))); // looked at by the next call
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            let _ = waitid(WaitId::PidFd(self.process.as_fd()), options); // what is not reaped now ends with us
        }
    }
}

/// The life of a relay. All signals are blocked, but SIGKILL cannot be.
fn run(near: Fd, far: Fd, access: Access, supervisor: Pid) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that (prctl(2), PR_SET_PDEATHSIG).
    if getppid() != Some(supervisor) {
        return Ok(());
    }
    let (source, target) = match access {
        Access::Read => (&far, &near),
        Access::Write => (&near, &far),
    };
    rustix::stdio::dup2_stdin(source)?;
    rustix::stdio::dup2_stdout(target)?;
    rustix::stdio::dup2_stderr(&near)?;
    // The caller's other ends must not stay open in here. These two are among what is closed now.
    core::mem::forget((near, far));
    sys::close_range(3)?;
    if access == Access::Write && rustix::fs::fcntl_getfl(stdio(1))?.contains(OFlags::PATH) {
        // Sleeps until a reader has come (fifo(7)).
        let fifo = open_again(stdio(1), access, OFlags::empty())?;
        rustix::stdio::dup2_stdout(&fifo)?;
    }
    match access {
        Access::Read => copy_in(),
        Access::Write => copy_out(),
    }
}

/// From the caller to the supervisor, once that has said so.
fn copy_in() -> Result<(), Errno> {
    let mut buffer = [0; CHUNK];
    // Nothing comes when the supervisor has closed the socket.
    if rustix::net::recv(stdio(1), &mut buffer[..1], RecvFlags::empty())?.0 == 0 {
        return Ok(());
    }
    loop {
        let len = patiently(PollFlags::IN, || rustix::io::read(stdio(0), &mut buffer[..]))?;
        if len == 0 {
            return Ok(());
        }
        write_all(buffer.get(..len).unwrap_or_default(), |_| Ok(()))?;
    }
}

/// From the supervisor to the caller. What has not arrived stays in the socket, where the supervisor can count it.
fn copy_out() -> Result<(), Errno> {
    let mut buffer = [0; CHUNK];
    loop {
        let (len, _) = rustix::net::recv(stdio(0), &mut buffer[..], RecvFlags::PEEK)?;
        if len == 0 {
            return Ok(());
        }
        write_all(buffer.get(..len).unwrap_or_default(), |arrived| {
            let mut taken = [0; CHUNK];
            let taken = taken.get_mut(..arrived).unwrap_or_default();
            rustix::net::recv(stdio(0), taken, RecvFlags::empty()).map(drop)
        })?;
    }
}

fn write_all(mut bytes: &[u8], arrived: impl Fn(usize) -> Result<(), Errno>) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let len = patiently(PollFlags::OUT, || rustix::io::write(stdio(1), bytes))?;
        arrived(len)?;
        bytes = bytes.get(len..).unwrap_or_default();
    }
    Ok(())
}

/// Repeats a call until it is done. The caller may have set O_NONBLOCK itself.
fn patiently(flags: PollFlags, mut call: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    let number = if flags == PollFlags::IN { 0 } else { 1 };
    loop {
        match call() {
            Err(Errno::AGAIN) => {
                let end = stdio(number);
                let _ = poll(&mut [PollFd::from_borrowed_fd(end.as_fd(), flags)], None); // the call is repeated anyway
            }
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
