//! What the supervisor of a slot tells its PID 1 of the run, when that is known.
//!
//! PID 1 parses the request again: pure, with the same parser. What the supervisor has found out comes before it, and the
//! descriptors with it: stdin, stdout and stderr, the caller's file for stdin, the directories of the cgroup, the binds, and
//! the lock of the uid.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use crate::cgroup::{Place, handed};
use crate::streams::JobStreams;
use crate::sys::fd::Fd;
use crate::sys::rights::Descriptors;
use crate::user::{Ids, Owner};

/// Bytes before the request: ids, whether there is a file, and the place.
pub(super) const HEADER: usize = 4 * size_of::<u32>() + 1 + handed::LEN;

/// What goes to PID 1, besides the binds.
pub(super) struct Handover<'a> {
    pub(super) ids: Ids,
    pub(super) streams: &'a JobStreams,
    pub(super) input: Option<&'a Fd>,
    pub(super) place: Option<&'a Place>,
}

/// The same, as it arrives.
pub(super) struct Arrived {
    pub(super) ids: Ids,
    pub(super) streams: JobStreams,
    pub(super) input: Option<Fd>,
    pub(super) place: Option<Place>,
}

impl Handover<'_> {
    pub(super) fn header(&self) -> [u8; HEADER] {
        let Ids { inside, outside } = self.ids;
        let ids = [inside.uid, inside.gid, outside.uid, outside.gid].map(u32::to_ne_bytes);
        let place = self.place.map_or([0; handed::LEN], Place::encode);
        let bytes = ids.as_flattened().iter().copied().chain([u8::from(self.input.is_some())]).chain(place);
        let mut header = [0; HEADER];
        for (room, byte) in header.iter_mut().zip(bytes) {
            *room = byte;
        }
        header
    }

    /// Those that the header speaks of, in their order.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let streams = self.streams.ends.iter().chain(self.input).map(AsFd::as_fd);
        streams.chain(self.place.into_iter().flat_map(Place::parents))
    }
}

impl Arrived {
    /// Takes its own from what has come; the rest of the descriptors stay.
    ///
    /// # Errors
    /// EBADMSG: not all is there.
    pub(super) fn new(header: &[u8; HEADER], descriptors: &mut Descriptors) -> Result<Arrived, Errno> {
        let (ids, rest) = header.as_chunks::<4>().0.split_at_checked(4).ok_or(Errno::BADMSG)?;
        let _ = rest; // the others are not whole numbers
        let number = |at: usize| ids.get(at).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
        let owner = |at: usize| Owner { uid: number(at), gid: number(at + 1) };
        let (has_input, place) = header.get(16..).and_then(<[u8]>::split_first).ok_or(Errno::BADMSG)?;
        let place: &[u8; handed::LEN] = place.try_into().map_err(|_| Errno::BADMSG)?;
        let mut next = || descriptors.take();
        let (Some(stdin), Some(stdout), Some(stderr)) = (next(), next(), next()) else {
            return Err(Errno::BADMSG);
        };
        let input = if *has_input == 1 { next() } else { None };
        Ok(Arrived {
            ids: Ids { inside: owner(0), outside: owner(2) },
            streams: JobStreams { ends: [stdin, stdout, stderr] },
            input,
            place: Place::decode(place, next),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fd;

    #[test]
    fn a_handover_arrives_as_it_was_sent() {
        let [one, two] = fd::pipe().unwrap();
        let [three, input] = fd::pipe().unwrap();
        let ids = Ids { inside: Owner { uid: 1, gid: 2 }, outside: Owner { uid: 3, gid: 4 } };
        let streams = JobStreams { ends: [one, two, three] };
        let handover = Handover { ids, streams: &streams, input: Some(&input), place: None };
        let mut descriptors = Descriptors::new();
        for sent in handover.descriptors() {
            descriptors.push(fd::inherited(rustix::fd::AsRawFd::as_raw_fd(&sent)).unwrap());
        }
        let arrived = Arrived::new(&handover.header(), &mut descriptors).unwrap();
        assert_eq!(arrived.ids, ids);
        assert!(arrived.input.is_some() && arrived.place.is_none());
        assert!(Arrived::new(&[0; HEADER], &mut Descriptors::new()).is_err());
    }
}
