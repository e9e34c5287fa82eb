//! Errors as text: puts the words of `error.rs` together with the names of subjects and errnos in this run.

use core::ffi::CStr;

use rustix::io::Errno;

use crate::error::{Error, Subject};
use crate::guard::Guard;
use crate::hint::hint;
use crate::options::Options;
use crate::packed::packed;
use crate::text::{self, Text};
use crate::{cgroup, inherited, mounts, rlimits, uids};

/// ``init: mounts: move_mount: `/proc`: ENOTDIR``, one line.
pub(crate) fn push_error(line: &mut Text<'_>, error: Error, options: &Options<'_>) {
    line.push(b"init: ").push_packed(error.step()).push(b": ").push_packed(error.call().packed()).push(b": ");
    if let Some(name) = subject_name(error.subject(), options) {
        line.push(b"`").push(name).push(b"`: ");
    }
    push_errno(line, error.errno());
    if let Subject::Resource(index) = error.subject()
        && let Some(limit) = rlimits::callers_hard_limit(index)
    {
        line.push(b", hard limit ").number(limit);
    }
    if let Some(hint) = hint(error) {
        line.push(b"; ").push_packed(hint);
    }
}

/// The path that the caller gave, or the one that we use.
pub(crate) fn subject_name<'a>(subject: Subject, options: &Options<'a>) -> Option<&'a [u8]> {
    let bind = |index: u8| options.binds.as_slice().get(usize::from(index));
    match subject {
        Subject::None => None,
        Subject::Root => Some(options.root.to_bytes()),
        Subject::Cwd => options.cwd.map(CStr::to_bytes),
        Subject::Command => options.command.get(0).map(CStr::to_bytes),
        Subject::Report => Some(b"--report"),
        Subject::StartOn => Some(b"--start-on"),
        Subject::Policy => Some(b"--seccomp"),
        Subject::Uid if options.uid_range.is_none() && options.uid.is_some() => Some(b"--uid"),
        Subject::Uid => Some(b"--uid-range"),
        Subject::Uids => Some(uids::FILE.to_bytes()),
        Subject::Stream(0) => Some(b"stdin"),
        Subject::Stream(1) => Some(b"stdout"),
        Subject::Stream(_) => Some(b"stderr"),
        Subject::BindSource(index) => bind(index).map(|bind| bind.source),
        Subject::BindTarget(index) => bind(index).map(|bind| bind.target),
        Subject::Target(index) => Some(text::line(mounts::TARGETS.as_bytes(), index.into())),
        Subject::CgroupFile(index) => Some(cgroup::file(index).to_bytes()),
        Subject::Resource(index) => rlimits::name(index),
        Subject::Inherited(index) => inherited::name(index),
        Subject::OuterMemory => Some(b"memory outside the run"),
        Subject::Guard(index) => Guard::ALL.get(usize::from(index)).map(|guard| guard.name()),
    }
}

/// Writes an errno's name, or its number when it has none here.
pub(crate) fn push_errno(line: &mut Text<'_>, errno: Errno) {
    match ERRNOS.iter().position(|known| *known == errno) {
        Some(at) => line.push_packed(packed!(ERRNO_NAMES).line(at)),
        None => line.push(b"errno-").number(errno.raw_os_error() as u64),
    };
}

/// Declares the errors that have a name here, and the names as lines in the same order.
macro_rules! errnos {
    ($($errno:ident = $text:literal),* $(,)?) => {
        const ERRNOS: &[Errno] = &[$(Errno::$errno),*];
        pub(crate) const ERRNO_NAMES: &str = concat!($($text, "\n"),*);
    };
}

// Those that the calls of [`Call`] can give, errno(3).
errnos! {
    PERM = "EPERM (operation not permitted)",
    NOENT = "ENOENT (no such file or directory)",
    SRCH = "ESRCH",
    INTR = "EINTR (a signal asked to end)",
    IO = "EIO",
    NXIO = "ENXIO (no such device, or a FIFO without a reader)",
    TOOBIG = "E2BIG (argument list too long)",
    NOEXEC = "ENOEXEC (not an executable format)",
    BADF = "EBADF (no such descriptor)",
    CHILD = "ECHILD (it died without a word)",
    AGAIN = "EAGAIN",
    NOMEM = "ENOMEM",
    ACCESS = "EACCES (permission denied)",
    FAULT = "EFAULT",
    BUSY = "EBUSY (in use)",
    EXIST = "EEXIST",
    XDEV = "EXDEV",
    NODEV = "ENODEV",
    NOTDIR = "ENOTDIR (not a directory)",
    ISDIR = "EISDIR (is a directory)",
    INVAL = "EINVAL",
    NFILE = "ENFILE",
    MFILE = "EMFILE",
    NOTTY = "ENOTTY (not a terminal)",
    TXTBSY = "ETXTBSY",
    FBIG = "EFBIG (a file is at its size limit)",
    NOSPC = "ENOSPC",
    SPIPE = "ESPIPE",
    ROFS = "EROFS (read-only file system)",
    PIPE = "EPIPE",
    RANGE = "ERANGE (not here)",
    NAMETOOLONG = "ENAMETOOLONG",
    NOLCK = "ENOLCK",
    NOSYS = "ENOSYS (not in this kernel)",
    LOOP = "ELOOP (a symbolic link where none may be)",
    OVERFLOW = "EOVERFLOW",
    USERS = "EUSERS (user namespaces too deep)",
    OPNOTSUPP = "EOPNOTSUPP",
    AFNOSUPPORT = "EAFNOSUPPORT",
    CONNRESET = "ECONNRESET",
    NOBUFS = "ENOBUFS",
    TOOMANYREFS = "ETOOMANYREFS (too many descriptors under way)",
    TIMEDOUT = "ETIMEDOUT",
    STALE = "ESTALE",
    DQUOT = "EDQUOT (disk quota)",
    CANCELED = "ECANCELED (closed before a byte came)",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_has_its_name_and_an_unknown_one_its_number() {
        let name = |errno| {
            let mut buffer = [0; 80];
            let mut text = Text::new(&mut buffer);
            push_errno(&mut text, errno);
            String::from_utf8(text.as_bytes().to_vec()).unwrap()
        };
        assert!(name(Errno::TOOMANYREFS).starts_with("ETOOMANYREFS ("));
        assert_eq!(name(Errno::CANCELED), "ECANCELED (closed before a byte came)");
        assert_eq!(name(Errno::from_raw_os_error(133)), "errno-133");
    }
}
