//! What every process of a slot begins with, and which descriptors it has.
//!
//! A request's descriptors get the numbers from 0 on, as a started init would have them. So the server and its slots keep
//! their own above those.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::network::Network;
use crate::sys::Args;
use crate::sys::fd::{self, Fd};
use crate::sys::rights::{Descriptors, close_number, duplicate_onto};
use crate::sys::{PointerBuffer, RequestBuffer, close_range};

/// The most descriptors of a request.
pub(super) const MOST_GIVEN: usize = 16;
/// The number of the caller's socket, in the server and in its slots.
const CALLER: i32 = MOST_GIVEN as i32;
/// The number of a slot's socket to the server, in the slot.
const OWN: i32 = CALLER + 1;
/// The number of a network namespace that a slot is given.
const NETWORK: i32 = OWN + 1;

/// A slot's own things.
pub(super) struct Seat<'a> {
    /// To the server.
    pub(super) own: Option<Fd>,
    /// To the caller.
    pub(super) caller: Option<Fd>,
    /// The arguments of the server's process, to be wiped in PID 1.
    pub(super) argv: Args<'a>,
    pub(super) room: Room,
    /// One for its sandbox.
    pub(super) network: Option<Network>,
}

/// Where a process has its request.
pub(super) struct Room {
    /// As it came.
    pub(super) request: &'static mut RequestBuffer,
    /// The same, split into arguments.
    pub(super) copy: &'static mut RequestBuffer,
    pub(super) pointers: &'static mut PointerBuffer,
}

/// Gives the caller's socket its own number, and no other; then keeps the numbers of requests, and three more, from what
/// this process opens.
///
/// # Errors
/// EBADF: no such descriptor is open.
pub(super) fn reserve(socket: i32) -> Result<Fd, Errno> {
    let copy = fd::inherited(socket)?;
    // What it was inherited as would stay open in every PID 1.
    close_number(socket);
    let caller = match copy.as_fd().as_raw_fd() {
        CALLER => copy,
        _ => duplicate_onto(copy.as_fd(), CALLER).inspect(|_| drop(copy))?,
    };
    // open(2) takes the lowest free number.
    loop {
        let nothing = fd::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        if nothing.as_fd().as_raw_fd() > NETWORK {
            break;
        }
        core::mem::forget(nothing); // it stays, in its place
    }
    Ok(caller)
}

/// In a new slot: keeps its socket, its network and the caller's socket, and closes what else the server has open. The
/// owners of that are the server's, which this process never comes back to.
pub(super) fn take_over(
    own: BorrowedFd<'_>,
    network: Option<Network>,
) -> Result<(Fd, Fd, Option<Network>), Errno> {
    let own = duplicate_onto(own, OWN)?;
    let network = network.map(|network| network.renumbered(NETWORK)).transpose()?;
    if network.is_none() {
        close_number(NETWORK);
    }
    close_range(NETWORK as u32 + 1)?;
    // The number is the server's value, which is not used any more; a copy of it would be above.
    let caller = fd::inherited(CALLER)?;
    Ok((own, caller, network))
}

/// Gives a request's descriptors their numbers; numbers that it has none for are closed, so that `fd:N` says so.
pub(super) fn install(descriptors: &mut Descriptors) -> Result<(), Errno> {
    for number in 0..MOST_GIVEN as i32 {
        match descriptors.take() {
            Some(given) => core::mem::forget(duplicate_onto(given.as_fd(), number)?),
            None => close_number(number),
        }
    }
    Ok(())
}

/// The same as [`Seat::leave`] in a PID 1 that is made when the run has come; `caller` is the slot's, which PID 1 never comes
/// back to.
pub(super) fn close(caller: BorrowedFd<'_>) {
    [CALLER, OWN, caller.as_raw_fd()].into_iter().for_each(close_number);
}

impl Seat<'_> {
    /// In PID 1: the sockets are the slot's and the server's alone, whose ends others wait for.
    pub(super) fn leave(&mut self) {
        drop((self.own.take(), self.caller.take(), self.network.take()));
        close_number(CALLER);
    }
}
