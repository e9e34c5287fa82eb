//! What to do about an error, where its call and errno tell the cause.

use rustix::io::Errno;

use crate::error::{Call, Error, Subject};
use crate::packed::{Packed, packed};

/// Declares the errors whose cause is known, and the hints as lines in the same order.
macro_rules! hints {
    ($($call:ident $errno:ident = $text:literal,)*) => {
        const CAUSES: &[(Call, Errno)] = &[$((Call::$call, Errno::$errno)),*];
        pub(crate) const HINTS: &str = concat!($($text, "\n"),*);
    };
}

hints! {
    // clone(2), namespaces(7): ENOSPC is a limit of /proc/sys/user, or 32 levels of nesting.
    Clone3 NOSPC = "raise user.max_*_namespaces (sysctl)",
    Unshare NOSPC = "raise user.max_*_namespaces (sysctl)",
    Clone3 AGAIN = "no more processes: RLIMIT_NPROC, or pids.max of a cgroup above",
    Clone3 PERM = "it needs CAP_SYS_ADMIN, or user namespaces that the host allows",
    // execve(2): a change of user that went over the limit fails here.
    Exec AGAIN = "the user has too many processes (RLIMIT_NPROC)",
    // Where a submission had to be slower than its caller's other programs, times would mean nothing (setpriority(2)).
    SchedSetattr PERM = "the nice value is above 0: start it with 0, or with CAP_SYS_NICE",
    Setrlimit PERM = "raise the caller's limit, or ask for less",
    // pivot_root(2): the root is rootfs; mount_setattr(2): it is a directory of a mount.
    PivotRoot INVAL = "the root is the initramfs: start from another file system (switch_root)",
    MountSetattr INVAL = "the root is a directory (chroot): bind-mount it onto itself first",
    // mount_too_revealing() in fs/namespace.c: a user namespace gets no proc that shows more than the one around it.
    Fsmount PERM = "parts of /proc are covered: unmask them (podman: --security-opt unmask=ALL)",
    Open ROFS = "no such path in the image: make it there, or bind below /tmp",
    // chown(2): the user namespace does not map the id.
    Chown INVAL = "this user namespace does not map the uid: see --uid-range",
    Sethostname PERM = "the container needs CAP_SYS_ADMIN",
    Ioctl PERM = "the container needs CAP_NET_ADMIN, or --net none",
}

/// The hint for an error.
pub(crate) fn hint(error: Error) -> Option<Packed> {
    if error.errno() == Errno::ROFS && !matches!(error.subject(), Subject::BindTarget(_)) {
        return None; // what the caller named is on such a file system
    }
    let is_cause = |(call, errno): &(Call, Errno)| error.call() == *call && error.errno() == *errno;
    CAUSES.iter().position(is_cause).map(|at| packed!(HINTS).line(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Step, at};
    use crate::text::Text;

    fn text(error: Error) -> Option<String> {
        let mut buffer = [0; 128];
        let mut text = Text::new(&mut buffer);
        let hint = hint(error)?;
        Some(String::from_utf8(text.push_packed(hint).as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_known_cause_has_a_hint_that_fits_into_a_line() {
        for (at_index, (call, errno)) in CAUSES.iter().enumerate() {
            let error = at(Step::Mounts, *call, Subject::BindTarget(0))(*errno);
            assert_eq!(text(error).as_deref(), HINTS.lines().nth(at_index));
        }
        assert!(HINTS.lines().all(|hint| hint.len() < 80));
    }

    #[test]
    fn an_error_of_which_nothing_more_is_known_has_none() {
        assert_eq!(text(at(Step::Mounts, Call::Open, Subject::Root)(Errno::NOENT)), None);
        // A report on a read-only file system is not about the image.
        assert_eq!(text(at(Step::Streams, Call::Open, Subject::Report)(Errno::ROFS)), None);
    }
}
