//! What a policy says: for each system call the lines to try, in the order they were written.

use std::collections::BTreeMap;

use super::arch::Arch;
use super::error::{Cause, Error};

/// How many modes there are.
pub const MODES: usize = 12;

/// What init does between the filter and the program: it reports that the clocks start, and executes, or
/// reports why not. A policy that forbids one of these could start nothing.
pub const MADE_BY_INIT: [&str; 4] = ["clock_gettime", "write", "execve", "exit_group"];

/// What PID 1 and the submission's process call under the filter that reports forbidden calls. There a forbidden one
/// of these is let through, and the submission's own filter ends the process that made it, without a report.
pub const MADE_UNDER_THE_LISTENER: [&str; 48] = [
    "capget",
    "capset",
    "chdir",
    "clock_gettime",
    "clock_nanosleep",
    "clone3",
    "close",
    "close_range",
    "dup2",
    "dup3",
    "execve",
    "exit_group",
    "fcntl",
    "fstat",
    "getdents64",
    "getpid",
    "getrusage",
    "ioctl",
    "ioprio_set",
    "kill",
    "mmap",
    "munmap",
    "openat",
    "personality",
    "ppoll",
    "prctl",
    "prlimit64",
    "read",
    "recvmsg",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getattr",
    "sched_setaffinity",
    "sched_setattr",
    "seccomp",
    "sendmsg",
    "setgroups",
    "setitimer",
    "setpriority",
    "setresgid",
    "setresuid",
    "setsid",
    "unlinkat",
    "unshare",
    "wait4",
    "write",
];

/// What to do with every system call, in the order the lines were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The processor whose calls the numbers are.
    pub arch: &'static Arch,
    /// For numbers that no line names.
    pub default: Action,
    /// For each number the lines to try from the front; the last one always applies.
    pub calls: BTreeMap<u32, Vec<Rule>>,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is made.
    Allow,
    /// It is not made and returns this errno; 0 pretends success.
    Errno(u16),
    /// It is not made and ends the run.
    Kill,
    /// It is not made and ends the process that made it; only the compiler makes this, of [`Action::Kill`].
    KillProcess,
}

/// One line, for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// All of them have to hold.
    pub tests: Vec<Test>,
    /// The modes that it is for.
    pub modes: [bool; MODES],
    /// What happens then.
    pub action: Action,
}

/// One comparison of an argument with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// 0 to 5.
    pub argument: u8,
    /// All 64 bits instead of the low 32.
    pub wide: bool,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: u64,
}

/// A comparison; numbers are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `& MASK ==`
    Masked(u64),
}

impl Policy {
    /// Whether init can start a program under this policy.
    ///
    /// # Errors
    /// The first call of [`MADE_BY_INIT`] that is killed by some line, or not allowed by its last one.
    pub fn can_start(&self) -> Result<(), Error> {
        let refused = |name: &&'static str| {
            let number = self.arch.call(name);
            let last = number.and_then(|number| self.calls.get(&number)).and_then(|rules| rules.last());
            let answer = last.map_or(self.default, |rule| rule.action);
            answer != Action::Allow || number.is_some_and(|number| self.kills(number))
        };
        match MADE_BY_INIT.iter().find(|name| refused(name)) {
            None => Ok(()),
            Some(call) => {
                let rules = self.arch.call(call).and_then(|number| self.calls.get(&number));
                let line = rules.and_then(|rules| rules.last()).map_or(1, |rule| rule.line);
                Err(Error { line, column: 1, cause: Cause::NeededByInit { call } })
            }
        }
    }

    /// Whether some line kills the call, or every unnamed number is killed and it is one of them.
    pub fn kills(&self, number: u32) -> bool {
        match self.calls.get(&number) {
            Some(rules) => rules.iter().any(|rule| rule.action == Action::Kill),
            None => self.default == Action::Kill,
        }
    }
}

impl Rule {
    /// Whether no line can be reached after it.
    pub(super) fn is_last(&self) -> bool {
        self.tests.is_empty() && self.modes == [true; MODES]
    }
}
