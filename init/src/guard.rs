//! The guards: every protection that a run has, by name, and whether this run has it.

use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::named::named;
use crate::packed::{Packed, packed};

named! {
    /// One protection. `--without NAME` takes it away, for tests and for operators who know why.
    pub Guard {
        PidNamespace = "pid-namespace",
        NetworkNamespace = "network-namespace",
        IpcNamespace = "ipc-namespace",
        UtsNamespace = "uts-namespace",
        CgroupNamespace = "cgroup-namespace",
        PrivateMounts = "private-mounts",
        ReadOnlyRoot = "read-only-root",
        NoSuid = "nosuid",
        NoDev = "nodev",
        ProcReadOnly = "proc-read-only",
        ProcMasks = "proc-masks",
        InitUndumpable = "init-undumpable",
        CloseFds = "close-fds",
        Session = "session",
        Streams = "streams",
        UserNamespace = "user-namespace",
        Uid = "uid",
        UniqueUid = "unique-uid",
        Groups = "groups",
        Capabilities = "capabilities",
        Securebits = "securebits",
        NoNewPrivs = "no-new-privs",
        Seccomp = "seccomp",
        Rlimits = "rlimits",
        OutputCap = "output-cap",
        Memory = "memory",
        Swap = "swap",
        OomGroup = "oom-group",
        Pids = "pids",
        CpuAccounting = "cpu-accounting",
        Cpuset = "cpuset",
        CpuQuota = "cpu-quota",
        FirstInLine = "first-in-line",
    }
}

impl Guard {
    /// The guard with this name.
    pub fn from_name(name: &[u8]) -> Option<Guard> {
        Guard::ALL.iter().copied().find(|guard| guard.name() == name)
    }
}

/// Declares why a guard may not be available to this user on this kernel.
macro_rules! reasons {
    ($($reason:ident = $text:literal,)*) => {
        /// Why a guard is not available.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs)] // each variant is documented by its text
        pub(crate) enum Reason { $($reason),* }

        pub(crate) const REASONS: &str = concat!($($text, "\n"),*);
    };
}

reasons! {
    NotRoot = "not root: one user is mapped, for PID 1 and the submission alike",
    CallersGroups = "not root: a user namespace keeps the caller's groups",
    NoController = "controller missing",
    NoCgroup = "no cgroup that can be written",
    CgroupNone = "--cgroup none",
    KillsOne = "version 1 kills one process, the supervisor then the rest",
    SwapAlone = "version 1 limits no swap without memory",
    NoSwapAccount = "kernel without swap accounting",
    NoLock = "no lock in /run",
    NeedsNoNewPrivs = "a filter needs no_new_privs",
    NoRealTime = "no real-time class",
}

impl Reason {
    /// As the report has it.
    pub(crate) fn text(self) -> Packed {
        packed!(REASONS).line(self as usize)
    }
}

/// Whether a guard is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It is.
    On,
    /// The command line took it away.
    Off,
    /// It is not available to this user on this kernel.
    Unavailable(Reason),
}

/// The state of every guard.
#[derive(Clone, Copy)]
pub(crate) struct Guards {
    /// Bit n: guard n is up.
    up: u64,
    /// Bit n: the run must not start without guard n.
    required: u64,
    /// Why one is not up that was not taken away.
    reasons: [Option<Reason>; Guard::ALL.len()],
}

const _: () = assert!(Guard::ALL.len() <= u64::BITS as usize, "one bit for each guard");

impl Guards {
    /// All of them up, as a run starts.
    pub(crate) const ALL_ON: Guards = Guards { up: u64::MAX, required: 0, reasons: [None; Guard::ALL.len()] };

    /// The state of one guard.
    pub(crate) fn state(&self, guard: Guard) -> State {
        match self.reasons[guard as usize] {
            _ if self.has(guard) => State::On,
            None => State::Off,
            Some(reason) => State::Unavailable(reason),
        }
    }

    /// Whether a guard is up.
    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.up & bit(guard) != 0
    }

    /// Takes a guard away, because the command line asks for it.
    pub(crate) fn remove(&mut self, guard: Guard) {
        self.up &= !bit(guard);
        self.reasons[guard as usize] = None;
    }

    /// Makes a guard a condition of the run, because the command line asks for it.
    pub(crate) fn require(&mut self, guard: Guard) {
        self.required |= bit(guard);
    }

    /// Whether every required guard is up.
    ///
    /// # Errors
    /// The first guard that is not.
    pub(crate) fn check_required(&self) -> Result<(), Error> {
        let missing = self.required & !self.up;
        if missing == 0 {
            return Ok(());
        }
        Err(at(Step::Start, Call::Require, Subject::Guard(missing.trailing_zeros() as u8))(Errno::OPNOTSUPP))
    }

    /// Notes that a guard is not available here. A guard that was taken away stays off.
    pub(crate) fn mark_unavailable(&mut self, guard: Guard, reason: Reason) {
        if self.has(guard) {
            self.up &= !bit(guard);
            self.reasons[guard as usize] = Some(reason);
        }
    }
}

fn bit(guard: Guard) -> u64 {
    1 << guard as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guard_is_found_by_its_name() {
        for guard in Guard::ALL {
            assert_eq!(Guard::from_name(guard.name()), Some(*guard));
        }
        assert_eq!(Guard::from_name(b"seccom"), None);
    }

    #[test]
    fn a_run_does_not_start_without_a_required_guard() {
        let mut guards = Guards::ALL_ON;
        guards.require(Guard::Swap);
        assert_eq!(guards.check_required(), Ok(()));
        guards.mark_unavailable(Guard::Memory, Reason::NoController);
        assert_eq!(guards.check_required(), Ok(()));
        guards.mark_unavailable(Guard::Swap, Reason::NoSwapAccount);
        let error = guards.check_required().unwrap_err();
        let expected = at(Step::Start, Call::Require, Subject::Guard(Guard::Swap as u8))(Errno::OPNOTSUPP);
        assert_eq!(error, expected);
    }

    #[test]
    fn a_removed_guard_is_off_whatever_the_kernel_says() {
        let mut guards = Guards::ALL_ON;
        guards.remove(Guard::Swap);
        guards.mark_unavailable(Guard::Swap, Reason::NoSwapAccount);
        guards.mark_unavailable(Guard::Pids, Reason::NoController);
        assert_eq!(guards.state(Guard::Swap), State::Off);
        assert_eq!(guards.state(Guard::Pids), State::Unavailable(Reason::NoController));
        assert!(guards.has(Guard::Seccomp));
    }
}
