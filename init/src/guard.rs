//! The guards: every protection that a run has, by name, and whether this run has it.

use rustix::io::Errno;

use crate::error::{Call, Error, Step, Subject, at};
use crate::named::named;

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
        FirstInLine = "first-in-line",
    }
}

impl Guard {
    /// The guard with this name.
    pub fn from_name(name: &[u8]) -> Option<Guard> {
        Guard::ALL.iter().copied().find(|guard| guard.name() == name)
    }
}

/// Whether a guard is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It is.
    On,
    /// The command line took it away.
    Off,
    /// It is not available to this user on this kernel; the text has the reason.
    Unavailable(&'static str),
}

/// The state of every guard.
#[derive(Clone, Copy)]
pub(crate) struct Guards {
    states: [State; Guard::ALL.len()],
    /// Bit n: the run must not start without guard n.
    required: u32,
}

const _: () = assert!(Guard::ALL.len() <= u32::BITS as usize, "one bit for each guard");

impl Guards {
    /// All of them up, as a run starts.
    pub(crate) const ALL_ON: Guards = Guards { states: [State::On; Guard::ALL.len()], required: 0 };

    /// The state of one guard.
    pub(crate) fn state(&self, guard: Guard) -> State {
        self.states[guard as usize]
    }

    /// Whether a guard is up.
    pub(crate) fn has(&self, guard: Guard) -> bool {
        matches!(self.state(guard), State::On)
    }

    /// Takes a guard away, because the command line asks for it.
    pub(crate) fn remove(&mut self, guard: Guard) {
        self.states[guard as usize] = State::Off;
    }

    /// Makes a guard a condition of the run, because the command line asks for it.
    pub(crate) fn require(&mut self, guard: Guard) {
        self.required |= 1 << guard as u32;
    }

    /// Whether every required guard is up.
    ///
    /// # Errors
    /// The first guard that is not.
    pub(crate) fn check_required(&self) -> Result<(), Error> {
        let missing = |guard: &&Guard| self.required >> **guard as u32 & 1 == 1 && !self.has(**guard);
        match Guard::ALL.iter().find(missing) {
            None => Ok(()),
            Some(guard) => {
                Err(at(Step::Start, Call::Require, Subject::Guard(*guard as u8))(Errno::OPNOTSUPP))
            }
        }
    }

    /// Notes that a guard is not available here. A guard that was taken away stays off.
    pub(crate) fn mark_unavailable(&mut self, guard: Guard, why: &'static str) {
        if self.has(guard) {
            self.states[guard as usize] = State::Unavailable(why);
        }
    }
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
        guards.mark_unavailable(Guard::Memory, "it is not required");
        assert_eq!(guards.check_required(), Ok(()));
        guards.mark_unavailable(Guard::Swap, "no swap accounting");
        let error = guards.check_required().unwrap_err();
        let expected = at(Step::Start, Call::Require, Subject::Guard(Guard::Swap as u8))(Errno::OPNOTSUPP);
        assert_eq!(error, expected);
    }

    #[test]
    fn a_removed_guard_is_off_whatever_the_kernel_says() {
        let mut guards = Guards::ALL_ON;
        guards.remove(Guard::Swap);
        guards.mark_unavailable(Guard::Swap, "no swap accounting");
        guards.mark_unavailable(Guard::Pids, "no pids controller");
        assert_eq!(guards.state(Guard::Swap), State::Off);
        assert_eq!(guards.state(Guard::Pids), State::Unavailable("no pids controller"));
        assert!(guards.has(Guard::Seccomp));
    }
}
