//! Resets what a process has from its caller, keeps over execve(2), and must not pass on to a submission.
//!
//! Resource limits are in `rlimits.rs`, the signal mask and actions in `sys/signal.rs`, the umask in `mounts.rs`,
//! capabilities in `credentials.rs`; the environment and the descriptors are made from nothing.

use rustix::fs::CWD;

use crate::error::{Call, Error, Step, Subject, at};
use crate::sys::{Signals, Turns};
use crate::{kernel_file, sys, text};

/// HUP, INT, QUIT and TERM end a run, and the report says so, unless the caller ignores them.
pub(crate) const ENDING: Signals = Signals::of(&[1, 2, 3, 15]);

/// The name of each thing that can be the subject of an error.
const NAMES: &str = "oom_score_adj\nnice value\nI/O priority";
const OOM_SCORE: Subject = Subject::Inherited(0);
const NICE: Subject = Subject::Inherited(1);
const IO_PRIORITY: Subject = Subject::Inherited(2);

/// The name of the inherited thing with this index.
pub(crate) fn name(index: u8) -> Option<&'static [u8]> {
    Some(text::line(NAMES.as_bytes(), usize::from(index)))
}

/// For PID 1 and all its children, while /proc is the host's: makes the OOM killer take them before anything else.
///
/// With a value of -1000, which a service manager gives to what must not die, the kernel would find no process to kill
/// at the run's memory limit (proc_pid_oom_score_adj(5)). Every process may raise it, so one value is right for all
/// callers; the submission may not lower it again.
pub(crate) fn be_first_for_the_oom_killer() -> Result<(), Error> {
    kernel_file::write(CWD, c"/proc/self/oom_score_adj", b"1000").map_err(at(
        Step::Limits,
        Call::Write,
        OOM_SCORE,
    ))
}

/// For this process and all that it starts, as long as it has the privilege of its caller: a user namespace takes it.
///
/// # Errors
/// EPERM: the nice value is above 0 and may not be lowered (CAP_SYS_NICE, RLIMIT_NICE).
pub(crate) fn reset() -> Result<(), Error> {
    // A real-time class would take the CPU from the supervisor, too (sched(7)).
    sys::take_turns(Turns::Ordinary).map_err(at(Step::Limits, Call::SchedSetattr, NICE))?;
    // After the class: the kernel ignores it for real-time classes (PR_SET_TIMERSLACK(2const)).
    sys::reset_attributes().map_err(at(Step::Limits, Call::Prctl, Subject::None))?;
    sys::reset_io_priority().map_err(at(Step::Limits, Call::IoprioSet, IO_PRIORITY))?;
    // No address space randomisation, or all readable memory executable, or a limit of 3 GB (personality(2)).
    sys::reset_personality().map_err(at(Step::Limits, Call::Personality, Subject::None))
}
