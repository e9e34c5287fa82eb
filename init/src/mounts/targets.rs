//! The places inside that are mounted on, for errors to name.

use crate::error::Subject;

/// The places inside that we mount on. All but those below /dev must be real directories of the root.
pub(crate) const TARGETS: &str = "/
/proc
/dev
/tmp
/home/judge
/dev/shm
/dev/pts
/proc (masked file)
/dev/null
/dev/zero
/dev/full
/dev/random
/dev/urandom
/dev/tty
";

pub(super) const ROOT: Subject = Subject::Target(0);
pub(super) const PROC: Subject = Subject::Target(1);
pub(super) const DEV: Subject = Subject::Target(2);
pub(super) const TMP: Subject = Subject::Target(3);
pub(super) const WORK: Subject = Subject::Target(4);
pub(super) const SHM: Subject = Subject::Target(5);
pub(super) const PTS: Subject = Subject::Target(6);
pub(super) const MASKED: Subject = Subject::Target(7);
pub(super) const FIRST_DEVICE: u8 = 8;
