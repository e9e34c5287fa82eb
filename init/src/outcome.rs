//! From what was seen of a run to its verdict. Pure: facts in, one status out.

use rustix::io::Errno;

use crate::cgroup::CpuTime;
use crate::error::{Call, Error, Step, Subject, at};
use crate::limits::Limits;
use crate::named::named;

named! {
    /// The verdict.
    pub Status {
        Ok = "ok",
        NonzeroExit = "nonzero-exit",
        Signaled = "signaled",
        CpuTimeLimit = "cpu-time-limit",
        WallTimeLimit = "wall-time-limit",
        IdleTimeLimit = "idle-time-limit",
        MemoryLimit = "memory-limit",
        OutputLimit = "output-limit",
        ForbiddenSyscall = "forbidden-syscall",
        NotFound = "not-found",
        SandboxError = "sandbox-error",
    }
}

impl Status {
    /// The status with this name.
    pub fn from_name(name: &[u8]) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| status.name() == name)
    }
}

/// Exit codes of init and of `capsule run` that do not come from the submission, as timeout(1), env(1), docker and
/// shells have them. A submission may end with the same code: only the report's status tells them apart.
pub mod exit_code {
    /// `cpu-time-limit`, `wall-time-limit` and `idle-time-limit`.
    pub const TIME_LIMIT: u8 = 124;
    /// `sandbox-error`, and a command line that is wrong.
    pub const SANDBOX_ERROR: u8 = 125;
    /// `not-found`: there is a program, but it cannot be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// `not-found`: there is no such program.
    pub const NOT_FOUND: u8 = 127;
    /// `signaled`: this and the number of the signal.
    pub const SIGNALED: u8 = 128;
    /// `memory-limit`: as if SIGKILL had ended it.
    pub const MEMORY_LIMIT: u8 = SIGNALED + super::SIGKILL;
    /// `output-limit`: as if SIGXFSZ had ended it.
    pub const OUTPUT_LIMIT: u8 = SIGNALED + super::SIGXFSZ;
    /// `forbidden-syscall`: as if SIGSYS had ended it.
    pub const FORBIDDEN_SYSCALL: u8 = SIGNALED + super::SIGSYS;
}

/// Why the supervisor ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KillReason {
    CpuTime,
    WallTime,
    /// Wall time without CPU.
    IdleTime,
    /// The OOM killer struck.
    Memory,
    /// A stream had more than its cap.
    Output,
    /// A call was made that the policy forbids.
    Forbidden,
}

/// A raw wait status, wait(2): low seven bits the signal, next byte the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WaitStatus(pub(crate) i32);

impl WaitStatus {
    /// The exit code, if the process exited by itself.
    pub(crate) fn exit_code(self) -> Option<u8> {
        (self.0 & 0x7f == 0).then_some((self.0 >> 8) as u8)
    }

    /// The signal that ended the process, if one did.
    pub(crate) fn signal(self) -> Option<u8> {
        Some((self.0 & 0x7f) as u8).filter(|signal| *signal != 0)
    }
}

/// What was seen of a run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    /// The sandbox failed.
    pub(crate) error: Option<Error>,
    /// execve(2) failed.
    pub(crate) not_executed: Option<Errno>,
    /// Why the supervisor ended the run, if it did.
    pub(crate) killed_for: Option<KillReason>,
    /// How the main process ended.
    pub(crate) end: Option<WaitStatus>,
    /// CPU time from exec to the end of the last process.
    pub(crate) cpu: Option<CpuTime>,
    /// Wall time from exec to the main process's exit, in nanoseconds.
    pub(crate) wall: Option<u64>,
    /// How much of it the run's threads waited for a CPU, in nanoseconds; `None` where that cannot be known.
    pub(crate) waited: Option<u64>,
    /// How many processes the OOM killer ended.
    pub(crate) oom_kills: Option<u64>,
    /// Whether the run's own memory limit was reached, so that the OOM killer came for it.
    pub(crate) oom_is_own: bool,
    /// Whether the filter had a listener, so that a SIGSYS is nothing but a signal.
    pub(crate) listened: bool,
    /// Whether a stream had more than its cap.
    pub(crate) truncated: bool,
    /// Bytes of stdout and stderr that the caller did not take in time.
    pub(crate) undelivered: [u64; 2],
}

impl Facts {
    /// Wall time in which the run neither had a CPU nor waited for one, in nanoseconds.
    pub(crate) fn idle(&self) -> Option<u64> {
        let busy = self.cpu.map_or(0, |cpu| cpu.total) + self.waited.unwrap_or(0);
        self.wall.map(|wall| wall.saturating_sub(busy))
    }
}

/// A verdict with the two numbers that go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// The verdict.
    pub(crate) status: Status,
    /// The main process's exit code, if it exited.
    pub(crate) exit_code: Option<u8>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<u8>,
    /// What failed, for `sandbox-error` and `not-found`.
    pub(crate) error: Option<Error>,
}

const SIGKILL: u8 = 9;
const SIGXFSZ: u8 = 25;
const SIGSYS: u8 = 31;

/// Judges. The first reason wins; a limit counts as exceeded only if the final account says so.
pub(crate) fn judge(facts: &Facts, limits: &Limits) -> Outcome {
    let exit_code = facts.end.and_then(WaitStatus::exit_code);
    let signal = facts.end.and_then(WaitStatus::signal);
    let outcome = |status| Outcome { status, exit_code, signal, error: None };
    let failed =
        |error| Outcome { status: Status::SandboxError, exit_code: None, signal: None, error: Some(error) };
    if let Some(error) = facts.error {
        return failed(error);
    }
    // Seen by the listener, so it happened, whatever the accounts say.
    if facts.killed_for == Some(KillReason::Forbidden) {
        return outcome(Status::ForbiddenSyscall);
    }
    // Before every limit: a run that lost a process to a lack of memory elsewhere may have reached the other limits for it.
    if facts.oom_kills.is_some_and(|kills| kills > 0) && !facts.oom_is_own {
        return failed(at(Step::Supervise, Call::OomKill, Subject::OuterMemory)(Errno::NOMEM));
    }
    // Before execve(2)'s error: a limit can be the reason for it (ENOMEM).
    if let Some(status) = exceeded(facts, limits) {
        return outcome(status);
    }
    if let Some(errno) = facts.not_executed {
        return not_executed(errno);
    }
    match (exit_code, signal) {
        // The caller did not see what was to be judged. No other verdict rests on the output.
        (Some(0), _) if facts.undelivered != [0, 0] => {
            let stream = if facts.undelivered[0] > 0 { 1 } else { 2 };
            let error = at(Step::Streams, Call::Write, Subject::Stream(stream))(Errno::TIMEDOUT);
            Outcome { error: Some(error), ..outcome(Status::SandboxError) }
        }
        (Some(0), _) => outcome(Status::Ok),
        (Some(_), _) => outcome(Status::NonzeroExit),
        // The kernel sends it to a process that writes past RLIMIT_FSIZE (setrlimit(2)).
        (None, Some(SIGXFSZ)) => outcome(Status::OutputLimit),
        // Without a listener the filter kills with it (seccomp.rs).
        (None, Some(SIGSYS)) if !facts.listened => outcome(Status::ForbiddenSyscall),
        (None, Some(_)) => outcome(Status::Signaled),
        // PID 1 died without a message, and we did not kill it.
        (None, None) => failed(at(Step::Supervise, Call::Died, Subject::None)(Errno::CHILD)),
    }
}

/// The outcome of a run whose command could not be started: the command's fault, or not.
fn not_executed(errno: Errno) -> Outcome {
    let error = at(Step::Exec, Call::Exec, Subject::Command)(errno);
    let (status, code) = match errno {
        Errno::NOENT | Errno::NOTDIR => (Status::NotFound, Some(exit_code::NOT_FOUND)),
        // The file's own fault, execve(2). All else (EMFILE, ENOMEM, E2BIG) is the machine's or the caller's.
        Errno::ACCESS
        | Errno::NOEXEC
        | Errno::PERM
        | Errno::ISDIR
        | Errno::LOOP
        | Errno::TXTBSY
        | Errno::INVAL
        | Errno::NAMETOOLONG => (Status::NotFound, Some(exit_code::NOT_EXECUTABLE)),
        _ => (Status::SandboxError, None),
    };
    Outcome { status, exit_code: code, signal: None, error: Some(error) }
}

/// The limit that the run went over, if any.
fn exceeded(facts: &Facts, limits: &Limits) -> Option<Status> {
    let over = |used: Option<u64>, limit: Option<u64>| matches!((used, limit), (Some(used), Some(limit)) if used > limit);
    let cpu_total = facts.cpu.map(|cpu| cpu.total);
    let idle = facts.idle();
    let checks = [
        (KillReason::Memory, facts.oom_kills.is_some_and(|kills| kills > 0), Status::MemoryLimit),
        (KillReason::CpuTime, over(cpu_total, limits.cpu_time), Status::CpuTimeLimit),
        (KillReason::WallTime, over(facts.wall, limits.wall_time), Status::WallTimeLimit),
        (KillReason::IdleTime, over(idle, limits.idle_time), Status::IdleTimeLimit),
        (KillReason::Output, facts.truncated, Status::OutputLimit),
    ];
    // What ended the run comes first, if the account bears it out or the main process did not end by itself.
    let killed_for = checks.iter().find(|(reason, ..)| facts.killed_for == Some(*reason));
    let killed = facts.end.is_none_or(|end| end.signal() == Some(SIGKILL));
    match killed_for {
        Some((_, over, status)) if *over || killed => Some(*status),
        _ => checks.iter().find(|(_, over, _)| *over).map(|(.., status)| *status),
    }
}

impl Outcome {
    /// Whether the caller needs no message about it: the program ended by itself, or the caller called the run off.
    pub(crate) fn is_expected(&self) -> bool {
        match self.status {
            Status::SandboxError => self.error.is_some_and(|error| error.errno() == Errno::CANCELED),
            status => matches!(status, Status::Ok | Status::NonzeroExit),
        }
    }

    /// The exit code of the supervisor.
    pub(crate) fn supervisor_code(&self) -> u8 {
        match self.status {
            Status::Ok => 0,
            Status::NonzeroExit | Status::NotFound => self.exit_code.unwrap_or(exit_code::SANDBOX_ERROR),
            Status::Signaled => self
                .signal
                .map_or(exit_code::SANDBOX_ERROR, |signal| signal.saturating_add(exit_code::SIGNALED)),
            Status::CpuTimeLimit | Status::WallTimeLimit | Status::IdleTimeLimit => exit_code::TIME_LIMIT,
            Status::MemoryLimit => exit_code::MEMORY_LIMIT,
            Status::OutputLimit => exit_code::OUTPUT_LIMIT,
            Status::ForbiddenSyscall => exit_code::FORBIDDEN_SYSCALL,
            Status::SandboxError => exit_code::SANDBOX_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { cpu_time: Some(100), wall_time: Some(1000), idle_time: Some(500), ..Limits::DEFAULT };

    fn exited(code: i32) -> Facts {
        let cpu = CpuTime { total: 50, user: 40 };
        Facts { end: Some(WaitStatus(code << 8)), cpu: Some(cpu), wall: Some(60), ..Facts::default() }
    }

    fn killed(signal: i32) -> Facts {
        Facts { end: Some(WaitStatus(signal)), ..exited(0) }
    }

    fn status(facts: Facts) -> (Status, u8) {
        let outcome = judge(&facts, &LIMITS);
        (outcome.status, outcome.supervisor_code())
    }

    #[test]
    fn a_program_that_ends_by_itself_is_judged_by_code_and_signal() {
        assert_eq!(status(exited(0)), (Status::Ok, 0));
        assert_eq!(status(exited(42)), (Status::NonzeroExit, 42));
        assert_eq!(status(killed(11)), (Status::Signaled, 139));
        assert_eq!(status(killed(9)), (Status::Signaled, 137));
        assert_eq!(status(killed(31)), (Status::ForbiddenSyscall, 159));
        assert_eq!(status(killed(25)), (Status::OutputLimit, 153));
    }

    #[test]
    fn a_raised_sigsys_is_a_signal_where_the_filter_has_a_listener() {
        assert_eq!(status(Facts { listened: true, ..killed(31) }), (Status::Signaled, 159));
    }

    #[test]
    fn exactly_the_limit_is_within_it_and_one_more_is_not() {
        let cpu = |total| Some(CpuTime { total, user: total });
        assert_eq!(status(Facts { cpu: cpu(100), ..exited(0) }), (Status::Ok, 0));
        assert_eq!(status(Facts { cpu: cpu(101), ..exited(0) }), (Status::CpuTimeLimit, 124));
        assert_eq!(status(Facts { wall: Some(1001), cpu: cpu(0), ..exited(0) }).0, Status::WallTimeLimit);
        assert_eq!(status(Facts { wall: Some(550), ..exited(0) }).0, Status::Ok);
        assert_eq!(status(Facts { wall: Some(551), ..exited(0) }).0, Status::IdleTimeLimit);
        assert_eq!(status(Facts { wall: Some(551), waited: Some(1), ..exited(0) }).0, Status::Ok);
    }

    #[test]
    fn a_run_that_we_ended_is_judged_by_our_reason() {
        // Whether PID 1 saw it die or was killed along with it.
        for end in [None, Some(WaitStatus(9))] {
            let ended = |reason| Facts { killed_for: Some(reason), end, ..exited(0) };
            assert_eq!(status(ended(KillReason::CpuTime)), (Status::CpuTimeLimit, 124));
            assert_eq!(status(ended(KillReason::WallTime)), (Status::WallTimeLimit, 124));
            assert_eq!(status(ended(KillReason::IdleTime)), (Status::IdleTimeLimit, 124));
            assert_eq!(status(ended(KillReason::Memory)), (Status::MemoryLimit, 137));
            assert_eq!(status(ended(KillReason::Output)), (Status::OutputLimit, 153));
            assert_eq!(status(ended(KillReason::Forbidden)), (Status::ForbiddenSyscall, 159));
        }
    }

    #[test]
    fn output_that_was_not_taken_is_never_ok_and_hides_no_other_verdict() {
        let untaken = |facts| status(Facts { undelivered: [0, 1], ..facts });
        assert_eq!(untaken(exited(0)), (Status::SandboxError, 125));
        assert_eq!(untaken(exited(3)), (Status::NonzeroExit, 3));
        assert_eq!(untaken(killed(11)), (Status::Signaled, 139));
        let killed = Facts { killed_for: Some(KillReason::WallTime), ..killed(9) };
        assert_eq!(untaken(killed), (Status::WallTimeLimit, 124));
    }

    #[test]
    fn an_end_within_the_limit_beats_a_kill_that_came_too_late() {
        assert_eq!(status(Facts { killed_for: Some(KillReason::CpuTime), ..exited(0) }), (Status::Ok, 0));
    }

    #[test]
    fn an_oom_kill_is_a_memory_limit_whatever_died_of_it() {
        assert_eq!(
            status(Facts { oom_kills: Some(1), oom_is_own: true, ..killed(9) }),
            (Status::MemoryLimit, 137)
        );
        assert_eq!(
            status(Facts { oom_kills: Some(1), oom_is_own: true, ..exited(0) }),
            (Status::MemoryLimit, 137)
        );
        let in_exec =
            Facts { oom_kills: Some(1), oom_is_own: true, not_executed: Some(Errno::NOMEM), ..exited(125) };
        assert_eq!(status(in_exec), (Status::MemoryLimit, 137));
    }

    #[test]
    fn an_oom_kill_for_memory_outside_the_run_is_no_verdict() {
        let outside = Facts { oom_kills: Some(1), ..killed(9) };
        assert_eq!(status(outside), (Status::SandboxError, 125));
        // The rest of the run may have waited for the lost process until a limit.
        let waited = Facts { wall: Some(1001), killed_for: Some(KillReason::WallTime), ..outside };
        assert_eq!(status(waited), (Status::SandboxError, 125));
        // A run that reached its own limit without an OOM kill had memory reclaimed for it.
        assert_eq!(status(Facts { oom_kills: Some(0), oom_is_own: true, ..exited(0) }), (Status::Ok, 0));
    }

    /// Each limit, reached by far: the look that found it came late, or none did.
    fn overrun() -> Vec<(KillReason, Status, Facts)> {
        const LATE: u64 = 1 << 40;
        let cpu = |total| Some(CpuTime { total, user: total });
        let (wall, none) = (Some(LATE), Facts { cpu: cpu(0), wall: Some(0), ..exited(0) });
        vec![
            (KillReason::CpuTime, Status::CpuTimeLimit, Facts { cpu: cpu(LATE), wall, ..none }),
            (KillReason::WallTime, Status::WallTimeLimit, Facts { cpu: cpu(99), waited: wall, wall, ..none }),
            (KillReason::IdleTime, Status::IdleTimeLimit, Facts { wall: Some(999), ..none }),
            (
                KillReason::Memory,
                Status::MemoryLimit,
                Facts { oom_kills: Some(1000), oom_is_own: true, ..none },
            ),
            (KillReason::Output, Status::OutputLimit, Facts { truncated: true, ..none }),
        ]
    }

    /// All that a submission can bring about itself, next to a limit that it has reached.
    #[test]
    fn no_submission_turns_its_own_limit_into_a_failure_of_the_sandbox() {
        for (reason, expected, reached) in overrun() {
            for end in [None, Some(WaitStatus(9)), Some(WaitStatus(0)), Some(WaitStatus(3 << 8))] {
                for killed_for in [None, Some(reason)] {
                    let facts = Facts { end, killed_for, ..reached };
                    for facts in [
                        facts,
                        Facts { undelivered: [1 << 30, 1], ..facts },
                        Facts { not_executed: Some(Errno::NOMEM), ..facts },
                        Facts { not_executed: Some(Errno::AGAIN), listened: true, ..facts },
                    ] {
                        let outcome = judge(&facts, &LIMITS);
                        assert_eq!((outcome.status, outcome.error), (expected, None), "{reason:?} {end:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_limit_is_a_failure_of_the_sandbox_only_for_a_cause_outside_of_the_run() {
        let outer = at(Step::Supervise, Call::OomKill, Subject::OuterMemory)(Errno::NOMEM);
        let host = at(Step::Streams, Call::Write, Subject::Stream(1))(Errno::NOSPC);
        for (reason, _, reached) in overrun() {
            let facts = Facts { killed_for: Some(reason), end: Some(WaitStatus(9)), ..reached };
            for (facts, error) in [
                (Facts { oom_kills: Some(1), oom_is_own: false, ..facts }, outer),
                (Facts { error: Some(host), ..facts }, host),
            ] {
                let outcome = judge(&facts, &LIMITS);
                assert_eq!(
                    (outcome.status, outcome.error),
                    (Status::SandboxError, Some(error)),
                    "{reason:?}"
                );
            }
        }
    }

    #[test]
    fn a_program_that_cannot_be_executed_is_126_or_127_and_never_a_sandbox_error() {
        let failed = |errno| Facts { not_executed: Some(errno), ..exited(125) };
        assert_eq!(status(failed(Errno::NOENT)), (Status::NotFound, 127));
        assert_eq!(status(failed(Errno::ACCESS)), (Status::NotFound, 126));
        assert_eq!(status(failed(Errno::NOEXEC)), (Status::NotFound, 126));
        assert_eq!(status(failed(Errno::NOMEM)), (Status::SandboxError, 125));
    }

    #[test]
    fn a_sandbox_that_failed_never_gives_a_verdict() {
        let error = at(Step::Mounts, Call::Mount, Subject::None)(Errno::PERM);
        assert_eq!(status(Facts { error: Some(error), ..exited(0) }), (Status::SandboxError, 125));
        assert_eq!(status(Facts { end: None, ..exited(0) }), (Status::SandboxError, 125));
    }
}
