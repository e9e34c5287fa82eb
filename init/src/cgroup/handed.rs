//! A place on its way to a PID 1 that was made before the place was found.

use rustix::fd::{AsFd, BorrowedFd};

use super::{Place, SLOTS, Version, name};
use crate::sys::fd::Fd;

/// Bytes of a place: version, which of the parents there are, the slots of cpuset and quota, the name.
pub(crate) const LEN: usize = 4 + name::LEN;

/// What stands for a slot that there is not.
const NONE: u8 = u8::MAX;

impl Place {
    /// As bytes; [`Place::parents`] go with it.
    pub(crate) fn encode(&self) -> [u8; LEN] {
        let slot = |slot: Option<usize>| slot.map_or(NONE, |slot| slot as u8);
        let present = self.parents.iter().zip(0..).filter(|(parent, _)| parent.is_some());
        let mut bytes = [0; LEN];
        let head = [
            match self.version {
                Version::V2 => 2,
                Version::V1 => 1,
            },
            present.fold(0, |mask, (_, bit)| mask | 1 << bit),
            slot(self.cpuset),
            slot(self.quota),
        ];
        for (place, byte) in bytes.iter_mut().zip(head.iter().chain(&self.name)) {
            *place = *byte;
        }
        bytes
    }

    /// The directories, in their order.
    pub(crate) fn parents(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.parents.iter().flatten().map(AsFd::as_fd)
    }

    /// The reverse of [`Place::encode`]; `None` for zeros, which stand for no place.
    pub(crate) fn decode(bytes: &[u8; LEN], mut next_parent: impl FnMut() -> Option<Fd>) -> Option<Place> {
        let [version, mask, cpuset, quota, name @ ..] = *bytes;
        let version = match version {
            2 => Version::V2,
            1 => Version::V1,
            _ => return None,
        };
        let mut parents = [const { None }; SLOTS];
        for (parent, bit) in parents.iter_mut().zip(0..) {
            if mask >> bit & 1 == 1 {
                *parent = next_parent();
            }
        }
        let slot = |slot: u8| (slot != NONE).then_some(usize::from(slot));
        Some(Place { version, parents, cpuset: slot(cpuset), quota: slot(quota), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_arrives_as_it_was_sent() {
        let open = || {
            crate::sys::fd::open_at(
                rustix::fs::CWD,
                c"/",
                rustix::fs::OFlags::RDONLY,
                rustix::fs::Mode::empty(),
            )
        };
        let mut parents = [const { None }; SLOTS];
        (parents[0], parents[3]) = (open().ok(), open().ok());
        let place = Place::new(Version::V1, parents, Some(3), None);
        let bytes = place.encode();
        let found = Place::decode(&bytes, || open().ok()).unwrap();
        assert_eq!((found.encode(), found.parents().count()), (bytes, 2));
        assert!(Place::decode(&[0; LEN], || open().ok()).is_none());
    }
}
