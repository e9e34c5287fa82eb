//! From what was seen of a run to its verdict. Pure: facts in, one status out.

use rustix::io::Errno;

use crate::cgroup::CpuTime;
use crate::error::{Call, Error, Step, Subject, at, named};
use crate::options::Limits;

named! {
    /// The verdict.
    Status {
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

/// The limits that the supervisor itself enforces, by ending the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// CPU time.
    CpuTime,
    /// Wall time.
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
pub struct WaitStatus(pub i32);

impl WaitStatus {
    /// The exit code, if the process exited by itself.
    pub fn exit_code(self) -> Option<u8> {
        (self.0 & 0x7f == 0).then_some((self.0 >> 8) as u8)
    }

    /// The signal that ended the process, if one did.
    pub fn signal(self) -> Option<u8> {
        Some((self.0 & 0x7f) as u8).filter(|signal| *signal != 0)
    }
}

/// What was seen of a run.
#[derive(Clone, Copy, Default)]
pub struct Facts {
    /// The sandbox failed.
    pub error: Option<Error>,
    /// execve(2) failed.
    pub not_executed: Option<Errno>,
    /// Why the supervisor ended the run, if it did.
    pub ended_for: Option<Cause>,
    /// How the main process ended.
    pub end: Option<WaitStatus>,
    /// CPU time from exec to the end of the last process.
    pub cpu: Option<CpuTime>,
    /// Wall time from exec to the main process's exit, in nanoseconds.
    pub wall: Option<u64>,
    /// How many processes the OOM killer ended.
    pub oom_kills: Option<u64>,
    /// Whether the filter tells of forbidden calls, so that a SIGSYS is nothing but a signal.
    pub listened: bool,
    /// Whether a stream had more than its cap.
    pub truncated: bool,
}

/// A verdict with the two numbers that go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The verdict.
    pub status: Status,
    /// The main process's exit code, if it exited.
    pub exit_code: Option<u8>,
    /// The signal that ended it, if one did.
    pub signal: Option<u8>,
    /// What failed, for `sandbox-error` and `not-found`.
    pub error: Option<Error>,
}

const SIGKILL: u8 = 9;
const SIGXFSZ: u8 = 25;
const SIGSYS: u8 = 31;

/// Judges. The first cause wins; a limit counts as exceeded only if the final account says so.
pub fn judge(facts: &Facts, limits: &Limits) -> Outcome {
    let exit_code = facts.end.and_then(WaitStatus::exit_code);
    let signal = facts.end.and_then(WaitStatus::signal);
    let outcome = |status| Outcome { status, exit_code, signal, error: None };
    if let Some(error) = facts.error {
        return Outcome {
            error: Some(error),
            exit_code: None,
            signal: None,
            ..outcome(Status::SandboxError)
        };
    }
    if facts.ended_for == Some(Cause::Forbidden) {
        return outcome(Status::ForbiddenSyscall);
    }
    if let Some(status) = exceeded(facts, limits) {
        return outcome(status);
    }
    if let Some(errno) = facts.not_executed {
        let error = at(Step::Exec, Call::Exec, Subject::Command)(errno);
        let (status, code) = match errno {
            Errno::NOENT | Errno::NOTDIR => (Status::NotFound, Some(127)),
            Errno::ACCESS
            | Errno::NOEXEC
            | Errno::PERM
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::TXTBSY
            | Errno::INVAL
            | Errno::NAMETOOLONG => (Status::NotFound, Some(126)),
            _ => (Status::SandboxError, None),
        };
        return Outcome { status, exit_code: code, signal: None, error: Some(error) };
    }
    match (exit_code, signal) {
        (Some(0), _) => outcome(Status::Ok),
        (Some(_), _) => outcome(Status::NonzeroExit),
        (None, Some(SIGXFSZ)) => outcome(Status::OutputLimit),
        (None, Some(SIGSYS)) if !facts.listened => outcome(Status::ForbiddenSyscall),
        (None, Some(_)) => outcome(Status::Signaled),
        (None, None) => {
            // PID 1 died without a word, and not by our hand.
            let error = at(Step::Supervise, Call::Died, Subject::None)(Errno::CHILD);
            Outcome { error: Some(error), ..outcome(Status::SandboxError) }
        }
    }
}

/// The limit that the run went over, if any.
fn exceeded(facts: &Facts, limits: &Limits) -> Option<Status> {
    let over = |used: Option<u64>, limit: Option<u64>| matches!((used, limit), (Some(used), Some(limit)) if used > limit);
    let cpu_total = facts.cpu.map(|cpu| cpu.total);
    let idle = facts.wall.map(|wall| wall.saturating_sub(cpu_total.unwrap_or(0)));
    let checks = [
        (Cause::Memory, facts.oom_kills.is_some_and(|kills| kills > 0), Status::MemoryLimit),
        (Cause::CpuTime, over(cpu_total, limits.cpu_time), Status::CpuTimeLimit),
        (Cause::WallTime, over(facts.wall, limits.wall_time), Status::WallTimeLimit),
        (Cause::IdleTime, over(idle, limits.idle_time), Status::IdleTimeLimit),
        (Cause::Output, facts.truncated, Status::OutputLimit),
    ];
    // What ended the run comes first, if the account bears it out or the main process did not end by itself.
    let ended_for = checks.iter().find(|(cause, ..)| facts.ended_for == Some(*cause));
    let killed = facts.end.is_none_or(|end| end.signal() == Some(SIGKILL));
    match ended_for {
        Some((_, over, status)) if *over || killed => Some(*status),
        _ => checks.iter().find(|(_, over, _)| *over).map(|(.., status)| *status),
    }
}

impl Outcome {
    /// Whether the caller needs no word about it: a program that ended by itself, or a run that it called off.
    pub fn is_expected(&self) -> bool {
        match self.status {
            Status::SandboxError => self.error.is_some_and(|error| error.errno() == Errno::CANCELED),
            status => matches!(status, Status::Ok | Status::NonzeroExit),
        }
    }

    /// The exit code of the supervisor, as timeout(1), env(1) and docker have it.
    pub fn supervisor_code(&self) -> u8 {
        match self.status {
            Status::Ok => 0,
            Status::NonzeroExit | Status::NotFound => self.exit_code.unwrap_or(125),
            Status::Signaled => self.signal.map_or(125, |signal| signal.saturating_add(128)),
            Status::CpuTimeLimit | Status::WallTimeLimit | Status::IdleTimeLimit => 124,
            Status::MemoryLimit => 137,
            Status::OutputLimit => 153,
            Status::ForbiddenSyscall => 159,
            Status::SandboxError => 125,
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
    fn a_program_that_ends_by_itself_is_told_by_code_and_signal() {
        assert_eq!(status(exited(0)), (Status::Ok, 0));
        assert_eq!(status(exited(42)), (Status::NonzeroExit, 42));
        assert_eq!(status(killed(11)), (Status::Signaled, 139));
        assert_eq!(status(killed(9)), (Status::Signaled, 137));
        assert_eq!(status(killed(31)), (Status::ForbiddenSyscall, 159));
        assert_eq!(status(killed(25)), (Status::OutputLimit, 153));
    }

    #[test]
    fn a_raised_sigsys_is_a_signal_where_the_filter_tells_of_forbidden_calls() {
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
    }

    #[test]
    fn a_run_that_we_ended_is_told_by_our_cause() {
        // Whether PID 1 saw it die or was killed along with it.
        for end in [None, Some(WaitStatus(9))] {
            let ended = |cause| Facts { ended_for: Some(cause), end, ..exited(0) };
            assert_eq!(status(ended(Cause::CpuTime)), (Status::CpuTimeLimit, 124));
            assert_eq!(status(ended(Cause::WallTime)), (Status::WallTimeLimit, 124));
            assert_eq!(status(ended(Cause::IdleTime)), (Status::IdleTimeLimit, 124));
            assert_eq!(status(ended(Cause::Memory)), (Status::MemoryLimit, 137));
            assert_eq!(status(ended(Cause::Output)), (Status::OutputLimit, 153));
            assert_eq!(status(ended(Cause::Forbidden)), (Status::ForbiddenSyscall, 159));
        }
    }

    #[test]
    fn an_end_within_the_limit_beats_a_kill_that_came_too_late() {
        assert_eq!(status(Facts { ended_for: Some(Cause::CpuTime), ..exited(0) }), (Status::Ok, 0));
    }

    #[test]
    fn an_oom_kill_is_a_memory_limit_whatever_died_of_it() {
        assert_eq!(status(Facts { oom_kills: Some(1), ..killed(9) }), (Status::MemoryLimit, 137));
        assert_eq!(status(Facts { oom_kills: Some(1), ..exited(0) }), (Status::MemoryLimit, 137));
        let in_exec = Facts { oom_kills: Some(1), not_executed: Some(Errno::NOMEM), ..exited(125) };
        assert_eq!(status(in_exec), (Status::MemoryLimit, 137));
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
