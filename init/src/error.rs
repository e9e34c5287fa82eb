//! Why the sandbox itself failed: which step, on what, by which call, with which errno.
//!
//! Never a verdict: every [`Error`] ends as status `sandbox-error` and exit code 125.
//!
//! This file stands below all that can fail. It has the words for steps and calls; `describe.rs` finds the names of
//! subjects and errnos, which depend on the run.

use core::num::NonZeroU64;

use rustix::io::Errno;

use crate::named::named;
use crate::packed::Packed;
use crate::sys;

/// What failed: step, call, subject and errno in one number of 64 bits. Each function of the set-up returns one, in a
/// register, and a message carries one from the sandbox's processes to the supervisor.
///
/// Its bytes, from the lowest: 1 (so that no error is 0), errno (2), subject (2), call, step, 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Error(NonZeroU64);

named! {
    /// The parts of a run, in the order in which they happen.
    pub(crate) Step {
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
    pub(crate) Call {
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
        IoprioSet = "ioprio_set",
        Kill = "pidfd_send_signal",
        Lock = "fcntl",
        Mkdir = "mkdirat",
        Mount = "mount",
        MountSetattr = "mount_setattr",
        MoveMount = "move_mount",
        OomKill = "oom-kill",
        Open = "openat2",
        OpenTree = "open_tree",
        Personality = "personality",
        Pipe = "pipe2",
        PivotRoot = "pivot_root",
        Poll = "ppoll",
        Prctl = "prctl",
        Read = "read",
        Require = "--require",
        SchedSetattr = "sched_setattr",
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
pub(crate) enum Subject {
    /// The call needs no subject.
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
    /// Line of `mounts::TARGETS`.
    Target(u8),
    /// Entry of `cgroup::FILES`, see [`crate::cgroup::file`].
    CgroupFile(u8),
    /// Entry of `Guard::ALL`.
    Guard(u8),
    /// `--uid` or `--uid-range`.
    Uid,
    /// `uids::FILE`.
    Uids,
    /// Entry of `rlimits::SETTINGS`.
    Resource(u8),
    /// Entry of `inherited::NAMES`.
    Inherited(u8),
    /// Memory that `--memory` does not count: the machine's, or that of a cgroup above the run's.
    OuterMemory,
}

impl Subject {
    /// As two bytes, for the way to the supervisor. Numbered in the order of the variants, so that the compiler finds
    /// nothing to translate.
    pub(crate) fn encode(self) -> [u8; 2] {
        match self {
            Subject::None => [0, 0],
            Subject::Root => [1, 0],
            Subject::Cwd => [2, 0],
            Subject::Command => [3, 0],
            Subject::Stream(index) => [4, index],
            Subject::Report => [5, 0],
            Subject::StartOn => [6, 0],
            Subject::Policy => [7, 0],
            Subject::BindSource(index) => [8, index],
            Subject::BindTarget(index) => [9, index],
            Subject::Target(index) => [10, index],
            Subject::CgroupFile(index) => [11, index],
            Subject::Guard(index) => [12, index],
            Subject::Uid => [13, 0],
            Subject::Uids => [14, 0],
            Subject::Resource(index) => [15, index],
            Subject::Inherited(index) => [16, index],
            Subject::OuterMemory => [17, 0],
        }
    }

    /// The reverse of [`Subject::encode`].
    pub(crate) fn decode([kind, index]: [u8; 2]) -> Subject {
        match kind {
            1 => Subject::Root,
            2 => Subject::Cwd,
            3 => Subject::Command,
            4 => Subject::Stream(index),
            5 => Subject::Report,
            6 => Subject::StartOn,
            7 => Subject::Policy,
            8 => Subject::BindSource(index),
            9 => Subject::BindTarget(index),
            10 => Subject::Target(index),
            11 => Subject::CgroupFile(index),
            12 => Subject::Guard(index),
            13 => Subject::Uid,
            14 => Subject::Uids,
            15 => Subject::Resource(index),
            16 => Subject::Inherited(index),
            17 => Subject::OuterMemory,
            _ => Subject::None,
        }
    }
}

/// Attaches step, call and subject to an errno: `open(…).map_err(at(Step::Streams, Call::Open, Subject::Report))?`.
pub(crate) fn at(step: Step, call: Call, subject: Subject) -> impl Fn(Errno) -> Error {
    let [kind, index] = subject.encode();
    // Put together outside of the closure, where all four are constants.
    let place = u32::from_le_bytes([kind, index, call as u8, step as u8]);
    move |errno| Error::new(place, errno)
}

impl Error {
    /// Out of line: a hundred places can fail, and hardly ever does one. Inlined, each would have the code.
    #[cold]
    #[inline(never)]
    fn new(place: u32, errno: Errno) -> Error {
        Error(NonZeroU64::MIN | u64::from(place) << 24 | (errno.raw_os_error() as u64) << 8)
    }

    /// As a number, for the way to the supervisor.
    pub(crate) fn encode(self) -> u64 {
        self.0.get()
    }

    /// The reverse of [`Error::encode`]; `None` if the number is not an error.
    pub(crate) fn decode(number: u64) -> Option<Error> {
        let error = Error(NonZeroU64::new(number)?);
        // Checked, as names are looked up by these numbers.
        let [.., call, step, _] = error.bytes();
        (Step::ALL.len() > step.into() && Call::ALL.len() > call.into()).then_some(error)
    }

    fn bytes(self) -> [u8; 8] {
        self.0.get().to_le_bytes()
    }

    /// The part of the set-up that was at work.
    pub(crate) fn step(self) -> Packed {
        let [.., step, _] = self.bytes();
        Step::ALL.get(usize::from(step)).copied().unwrap_or(Step::Start).packed()
    }

    /// The system call that failed.
    pub(crate) fn call(self) -> Call {
        let [.., call, _, _] = self.bytes();
        Call::ALL.get(usize::from(call)).copied().unwrap_or(Call::Died)
    }

    /// What it was called on.
    pub(crate) fn subject(self) -> Subject {
        let [_, _, _, kind, index, ..] = self.bytes();
        Subject::decode([kind, index])
    }

    /// The error that it returned.
    pub(crate) fn errno(self) -> Errno {
        let [_, low, high, ..] = self.bytes();
        sys::errno(u16::from_le_bytes([low, high]).into())
    }
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
            Subject::Resource(15),
            Subject::Inherited(1),
            Subject::OuterMemory,
        ];
        for subject in subjects {
            assert_eq!(Subject::decode(subject.encode()), subject);
        }
    }
}
