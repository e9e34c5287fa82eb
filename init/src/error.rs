//! Why the sandbox itself failed: which step, on what, by which call, with which errno.
//!
//! Never a verdict: every [`Error`] ends as status `sandbox-error` and exit code 125.

use core::num::NonZeroU64;

use rustix::io::Errno;

use crate::guard::Guard;
use crate::options::Options;
use crate::text::{self, Text};
use crate::{cgroup, ids, mounts, sys};

/// What failed: step, call, subject and errno in one word, as each function of the set-up returns one, and as it crosses
/// from the sandbox's processes to the supervisor.
///
/// Its bytes, from the lowest: 1 (so that no error is the word 0), errno (2), subject (2), call, step, 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error(NonZeroU64);

/// Declares an enum whose variants have a name for people, and can be told by number.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs)] // each variant is documented by its name
        pub enum $name { $($variant),* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name for people.
            pub fn name(self) -> &'static [u8] {
                $crate::text::line(concat!($($text, "\n"),*), self as usize)
            }
        }
    };
}
pub(crate) use named;

named! {
    /// The parts of a run, in the order in which they happen.
    Step {
        Start = "start",
        Streams = "streams",
        Cgroup = "cgroup",
        Clone = "clone",
        Namespaces = "namespaces",
        Mounts = "mounts",
        Devices = "devices",
        Terminal = "terminal",
        Root = "root",
        Limits = "limits",
        Credentials = "credentials",
        Seccomp = "seccomp",
        Exec = "exec",
        Supervise = "supervise",
        Boot = "boot",
    }
}

named! {
    /// The system calls that can fail a run.
    Call {
        Chdir = "chdir",
        Chown = "fchownat",
        Chroot = "chroot",
        Clone3 = "clone3",
        CloseRange = "close_range",
        Dup = "dup3",
        Exec = "execve",
        Fsconfig = "fsconfig",
        Fsmount = "fsmount",
        Fsopen = "fsopen",
        Fstat = "fstat",
        Getcwd = "getcwd",
        Interrupted = "signal",
        Ioctl = "ioctl",
        Kill = "pidfd_send_signal",
        Lock = "fcntl",
        Mkdir = "mkdirat",
        Mount = "mount",
        MountSetattr = "mount_setattr",
        MoveMount = "move_mount",
        Open = "openat2",
        OpenTree = "open_tree",
        Pipe = "pipe2",
        PivotRoot = "pivot_root",
        Poll = "ppoll",
        Prctl = "prctl",
        Read = "read",
        Require = "--require",
        SetAffinity = "sched_setaffinity",
        Seccomp = "seccomp",
        Setgroups = "setgroups",
        Sethostname = "sethostname",
        Setns = "setns",
        Setresgid = "setresgid",
        Setresuid = "setresuid",
        Setrlimit = "setrlimit",
        Setsid = "setsid",
        Signalfd = "signalfd4",
        Socket = "socket",
        Statx = "statx",
        Symlink = "symlinkat",
        Umount = "umount2",
        Unshare = "unshare",
        Capset = "capset",
        Died = "exit",
        Wait = "wait4",
        Write = "write",
    }
}

/// What a failed call was about. Indices point into the options or the tables of this crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The call says it all.
    None,
    /// `--root`.
    Root,
    /// `--cwd`.
    Cwd,
    /// The command to run.
    Command,
    /// A standard stream of the submission: 0, 1 or 2.
    Stream(u8),
    /// `--report`.
    Report,
    /// `--start-on`.
    StartOn,
    /// `--seccomp`.
    Policy,
    /// The source of the `--bind` with this index.
    BindSource(u8),
    /// The target of the `--bind` with this index.
    BindTarget(u8),
    /// Entry of [`mounts::TARGETS`].
    Target(u8),
    /// Entry of [`cgroup::FILES`].
    CgroupFile(u8),
    /// Entry of [`Guard::ALL`].
    Guard(u8),
    /// `--uid` or `--uid-range`.
    Uid,
    /// [`ids::FILE`].
    Uids,
}

impl Subject {
    /// As two bytes, for the way to the supervisor.
    pub fn encode(self) -> [u8; 2] {
        match self {
            Subject::None => [0, 0],
            Subject::Root => [1, 0],
            Subject::Cwd => [2, 0],
            Subject::Command => [3, 0],
            Subject::Report => [4, 0],
            Subject::Policy => [5, 0],
            Subject::Stream(index) => [6, index],
            Subject::BindSource(index) => [7, index],
            Subject::BindTarget(index) => [8, index],
            Subject::Target(index) => [9, index],
            Subject::CgroupFile(index) => [10, index],
            Subject::Guard(index) => [11, index],
            Subject::Uid => [12, 0],
            Subject::Uids => [13, 0],
            Subject::StartOn => [14, 0],
        }
    }

    /// The reverse of [`Subject::encode`].
    pub fn decode([kind, index]: [u8; 2]) -> Subject {
        match kind {
            1 => Subject::Root,
            2 => Subject::Cwd,
            3 => Subject::Command,
            4 => Subject::Report,
            5 => Subject::Policy,
            6 => Subject::Stream(index),
            7 => Subject::BindSource(index),
            8 => Subject::BindTarget(index),
            9 => Subject::Target(index),
            10 => Subject::CgroupFile(index),
            11 => Subject::Guard(index),
            12 => Subject::Uid,
            13 => Subject::Uids,
            14 => Subject::StartOn,
            _ => Subject::None,
        }
    }

    /// The name of the thing for people: the path that they gave, or the one that we use.
    pub fn name<'a>(self, options: &Options<'a>) -> Option<&'a [u8]> {
        let bind = |index: u8| options.binds.as_slice().get(usize::from(index));
        match self {
            Subject::None => None,
            Subject::Root => Some(options.root.to_bytes()),
            Subject::Cwd => options.cwd.map(core::ffi::CStr::to_bytes),
            Subject::Command => options.command.get(0).map(core::ffi::CStr::to_bytes),
            Subject::Report => Some(b"--report"),
            Subject::StartOn => Some(b"--start-on"),
            Subject::Policy => Some(b"--seccomp"),
            Subject::Uid if options.uid_range.is_some() => Some(b"--uid-range"),
            Subject::Uid => Some(b"--uid"),
            Subject::Uids => Some(ids::FILE.to_bytes()),
            Subject::Stream(0) => Some(b"stdin"),
            Subject::Stream(1) => Some(b"stdout"),
            Subject::Stream(_) => Some(b"stderr"),
            Subject::BindSource(index) => bind(index).map(|bind| bind.source),
            Subject::BindTarget(index) => bind(index).map(|bind| bind.target),
            Subject::Target(index) => mounts::TARGETS.get(usize::from(index)).map(|target| target.to_bytes()),
            Subject::CgroupFile(index) => cgroup::FILES.get(usize::from(index)).map(|file| file.to_bytes()),
            Subject::Guard(index) => Guard::ALL.get(usize::from(index)).map(|guard| guard.name()),
        }
    }
}

/// Attaches step, call and subject to an errno: `open(…).map_err(at(Step::Streams, Call::Open, Subject::Report))?`.
pub fn at(step: Step, call: Call, subject: Subject) -> impl Fn(Errno) -> Error {
    let [kind, index] = subject.encode();
    let place = u32::from_le_bytes([kind, index, call as u8, step as u8]);
    move |errno| Error::new(place, errno)
}

impl Error {
    /// Out of line: a hundred places can fail, and hardly ever does one.
    #[cold]
    #[inline(never)]
    fn new(place: u32, errno: Errno) -> Error {
        Error(NonZeroU64::MIN | u64::from(place) << 24 | (errno.raw_os_error() as u64) << 8)
    }

    /// As a number, for the way to the supervisor.
    pub fn encode(self) -> u64 {
        self.0.get()
    }

    /// The reverse of [`Error::encode`]; `None` if the number is no error.
    pub fn decode(word: u64) -> Option<Error> {
        let error = Error(NonZeroU64::new(word)?);
        let [.., call, step, _] = error.bytes();
        (Step::ALL.len() > step.into() && Call::ALL.len() > call.into()).then_some(error)
    }

    fn bytes(self) -> [u8; 8] {
        self.0.get().to_le_bytes()
    }

    /// The part of the set-up that was at work.
    pub fn step(self) -> &'static [u8] {
        let [.., step, _] = self.bytes();
        Step::ALL.get(usize::from(step)).copied().map_or(b"", Step::name)
    }

    /// The system call that said no.
    pub fn call(self) -> &'static [u8] {
        let [.., call, _, _] = self.bytes();
        Call::ALL.get(usize::from(call)).copied().map_or(b"", Call::name)
    }

    /// What it was called on.
    pub fn subject(self) -> Subject {
        let [_, _, _, kind, index, ..] = self.bytes();
        Subject::decode([kind, index])
    }

    /// Its answer.
    pub fn errno(self) -> Errno {
        let [_, low, high, ..] = self.bytes();
        sys::errno(u16::from_le_bytes([low, high]).into())
    }

    /// ``init: mounts: move_mount: `/proc`: ENOTDIR``, one line.
    pub fn render(&self, options: &Options<'_>, line: &mut Text<'_>) {
        line.push(b"init: ").push(self.step());
        line.push(b": ").push(self.call()).push(b": ");
        if let Some(name) = self.subject().name(options) {
            line.push(b"`").push(name).push(b"`: ");
        }
        push_errno(line, self.errno());
    }
}

/// Writes an errno's name, or its number when it has none here.
pub fn push_errno(line: &mut Text<'_>, errno: Errno) {
    match ERRNOS.iter().position(|known| *known == errno) {
        Some(at) => line.push(text::line(ERRNO_NAMES, at)),
        None => line.push(b"errno-").number(errno.raw_os_error() as u64),
    };
}

/// Declares the errors that have a name for people, and the names as lines in the same order.
macro_rules! errnos {
    ($($errno:ident = $text:literal),* $(,)?) => {
        const ERRNOS: &[Errno] = &[$(Errno::$errno),*];
        const ERRNO_NAMES: &str = concat!($($text, "\n"),*);
    };
}

// Those that the calls of [`Call`] can give, errno(3).
errnos! {
    PERM = "EPERM (operation not permitted)",
    NOENT = "ENOENT (no such file or directory)",
    INTR = "EINTR (a signal asked to end)",
    IO = "EIO",
    TOOBIG = "E2BIG (argument list too long)",
    NOEXEC = "ENOEXEC (not an executable format)",
    BADF = "EBADF (no such descriptor)",
    CHILD = "ECHILD (it died without a word)",
    AGAIN = "EAGAIN",
    NOMEM = "ENOMEM",
    ACCESS = "EACCES (permission denied)",
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
    NOSPC = "ENOSPC",
    ROFS = "EROFS (read-only file system)",
    PIPE = "EPIPE",
    RANGE = "ERANGE (not here)",
    NAMETOOLONG = "ENAMETOOLONG",
    NOSYS = "ENOSYS (not in this kernel)",
    LOOP = "ELOOP (a symbolic link where none may be)",
    TIMEDOUT = "ETIMEDOUT",
    CANCELED = "ECANCELED (closed before a byte came)",
    OPNOTSUPP = "EOPNOTSUPP",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_survives_the_way_to_the_supervisor() {
        let subjects = [
            Subject::None,
            Subject::Root,
            Subject::Cwd,
            Subject::Command,
            Subject::Report,
            Subject::Policy,
            Subject::Stream(2),
            Subject::BindSource(7),
            Subject::BindTarget(31),
            Subject::Target(4),
            Subject::CgroupFile(3),
            Subject::Guard(5),
            Subject::Uid,
            Subject::Uids,
            Subject::StartOn,
        ];
        for subject in subjects {
            assert_eq!(Subject::decode(subject.encode()), subject);
        }
    }
}
