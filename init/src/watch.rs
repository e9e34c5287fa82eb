//! The limits that only a clock can hold: how much was used, and when to look again.
//!
//! Exact, not polled: the next look is at the first moment at which a limit could be reached, given how many CPUs
//! could be at work on it.

use core::num::NonZeroU64;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::process::Pid;

use crate::cgroup::{Cgroup, CpuTime};
use crate::clock;
use crate::cpus::Cpus;
use crate::guard::Guard;
use crate::limits::Limits;
use crate::outcome::KillReason;
use crate::setup::Setup;
use crate::sys;
use crate::sys::fd::Fd;
use crate::text::Text;
use crate::waiting::{Waited, Waiting};

/// Below this, in nanoseconds, a new look would cost more than it could show.
const SHORTEST_SLEEP: u64 = 50_000;

/// The longest time between two timer ticks, in nanoseconds: CONFIG_HZ=100 (time(7)).
const LONGEST_TICK: u64 = 10_000_000;

/// Watches one submission.
pub(crate) struct Watch<'a> {
    limits: &'a Limits,
    cgroup: Option<Cgroup>,
    oom_notice: Option<Fd>,
    /// CPUs that can work for it, if it has a limit of CPU time: where it is not confined to some, all that the kernel gives
    /// to a process that asks.
    reach: Cpus,
    /// How many of them can work for it at one time.
    cpus: NonZeroU64,
    /// CPUs that the supervisor may run on.
    here: Cpus,
    running: Option<Running>,
    stopped: bool,
    /// Where waits for a CPU are found, if there is a limit of idle time and the kernel counts them.
    waiting: Option<Waiting>,
    /// The longest that the threads of the run were seen to have waited together, in nanoseconds.
    waited: u64,
    /// That they had waited when the clocks began to run.
    waited_before: u64,
    /// CPU time in user space of what warmed up.
    user_before: u64,
}

/// All CPUs that a process gets which asks. The mask of this one, `here`, may be narrower than what the submission can get:
/// it inherits ours, but may widen it up to its cpuset (sched_setaffinity(2)).
fn widest(here: &Cpus) -> Cpus {
    // The kernel takes the CPUs that exist and that our cpuset allows (sched_setaffinity(2), cpuset(7)).
    let _ = sys::set_affinity(&Cpus::ALL); // a failure leaves what we have
    let reach = sys::affinity();
    let _ = sys::set_affinity(here); // as before
    reach
}

/// Goes to each CPU, and returns what is used then, or what was when it was seen to be enough.
///
/// The kernel adds up all CPUs for each look at the account. A look at every CPU would cost the square of their number: so
/// looks come after 1, 2, 4, 8 … of them.
fn visit<T>(
    cpus: impl Iterator<Item = T>,
    enough: u64,
    mut go: impl FnMut(T),
    used: impl Fn() -> u64,
) -> u64 {
    for (count, there) in (1u32..).zip(cpus) {
        go(there);
        if count.is_power_of_two() {
            let used = used();
            if used >= enough {
                return used;
            }
        }
    }
    used()
}

/// A submission that has been let go.
#[derive(Clone, Copy)]
struct Running {
    /// CLOCK_MONOTONIC at exec.
    started: u64,
    /// CPU time in its account that was set-up, and what warmed up.
    setup_cpu: u64,
    /// Its main process, in our pid namespace.
    process: Option<Pid>,
}

impl<'a> Watch<'a> {
    /// Nothing runs yet.
    pub(crate) fn new(setup: &'a Setup<'_>, cgroup: Option<Cgroup>) -> Self {
        let limits = &setup.options.limits;
        let (mut here, mut reach) = (Cpus::NONE, Cpus::NONE);
        if limits.cpu_time.is_some() {
            here = sys::affinity();
            reach = setup.options.cpus.filter(|_| setup.has(Guard::Cpuset)).unwrap_or_else(|| widest(&here));
        }
        // No more CPUs work for a run than it may have tasks. Fewer of them mean fewer looks.
        let tasks = limits.pids.filter(|_| setup.has(Guard::Pids)).unwrap_or(u64::MAX);
        Watch {
            limits,
            oom_notice: cgroup.as_ref().and_then(Cgroup::oom_notice),
            cgroup,
            cpus: NonZeroU64::new(reach.count().min(tasks)).unwrap_or(NonZeroU64::MIN),
            reach,
            here,
            running: None,
            stopped: false,
            waiting: limits.idle_time.and_then(|_| Waiting::open()),
            waited: 0,
            waited_before: 0,
            user_before: 0,
        }
    }

    /// The clocks run from `started` on.
    pub(crate) fn start(&mut self, started: u64, setup_cpu: u64, process: Option<Pid>) {
        self.running = Some(Running { started, setup_cpu, process });
    }

    /// No limit is looked at any more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether the clocks run.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// When it was started.
    pub(crate) fn started_at(&self) -> Option<u64> {
        self.running.map(|running| running.started)
    }

    /// The first limit that is reached, or when to look again (`None`: never).
    pub(crate) fn look(&mut self, now: u64) -> Result<Option<u64>, KillReason> {
        let (Some(running), false) = (self.running, self.stopped) else { return Ok(None) };
        let wall = now.saturating_sub(running.started);
        let mut wake = None;
        let mut sooner = |at: u64| wake = Some(wake.map_or(at, |other: u64| other.min(at)));
        if let Some(limit) = self.limits.wall_time {
            if wall >= limit {
                return Err(KillReason::WallTime);
            }
            sooner(now + (limit - wall));
        }
        if self.limits.cpu_time.is_none() && self.limits.idle_time.is_none() {
            return Ok(wake);
        }
        let used = self.cpu_used_now(running);
        if let Some(limit) = self.limits.cpu_time {
            if used >= limit {
                return Err(KillReason::CpuTime);
            }
            // No sooner can it be reached: every CPU would have to work for it all the time.
            sooner(now + ((limit - used) / self.cpus).max(SHORTEST_SLEEP));
        }
        if let Some(limit) = self.limits.idle_time {
            let busy = used + self.waited;
            let mut left = limit.saturating_sub(wall.saturating_sub(busy));
            if left == 0 {
                left = self.idle_left(running, wall.saturating_sub(used), limit);
            }
            if left == 0 {
                return Err(KillReason::IdleTime);
            }
            sooner(now + left.max(SHORTEST_SLEEP));
        }
        Ok(wake)
    }

    /// How long the run may still be idle that was without a CPU for this long.
    fn idle_left(&mut self, running: Running, without_cpu: u64, limit: u64) -> u64 {
        let Some(waited) = self.waited_by_now(running.process) else { return 0 };
        // Threads that have ended take theirs along.
        self.waited = self.waited.max(waited.time.saturating_sub(self.waited_before));
        let left = limit.saturating_sub(without_cpu.saturating_sub(self.waited));
        // A wait that goes on is not counted yet.
        if waited.is_runnable { left.max(LONGEST_TICK) } else { left }
    }

    fn waited_by_now(&self, process: Option<Pid>) -> Option<Waited> {
        let waiting = self.waiting.as_ref()?;
        let mut buffer = [0; 4096];
        let threads = match &self.cgroup {
            Some(cgroup) => cgroup.threads(&mut buffer),
            // The main process is all that can be found from here.
            None => {
                let process = process.map_or(0, |process| process.as_raw_nonzero().get());
                Text::new(&mut buffer).number(process as u64).as_bytes().len()
            }
        };
        Some(waiting.of(buffer.get(..threads).unwrap_or_default()))
    }

    /// How long the run's threads were seen to wait for a CPU, in nanoseconds; `None` where that cannot be known.
    pub(crate) fn waited(&self) -> Option<u64> {
        self.waiting.as_ref().map(|_| self.waited)
    }

    /// CPU time since exec, right now, exact where it matters: near the limit.
    fn cpu_used_now(&self, running: Running) -> u64 {
        let used = self.cpu_account(running);
        // Each CPU may be in the middle of a tick that the account does not show yet. Far from the limit that does not
        // matter, and visiting every CPU would disturb what runs there.
        match self.limits.cpu_time {
            Some(limit) if used + LONGEST_TICK * self.cpus.get() >= limit => {
                self.force_accounting(running, limit)
            }
            _ => used,
        }
    }

    /// Makes the kernel account for what runs at this moment. It does so at a timer tick, and when another task comes
    /// to the CPU: so this process visits each of them, until it has seen enough.
    fn force_accounting(&self, running: Running, enough: u64) -> u64 {
        let used = visit(
            self.reach.each(),
            enough,
            |there| {
                let _ = sys::set_affinity(&there); // EINVAL: an absent CPU runs nothing
            },
            || self.cpu_account(running),
        );
        let _ = sys::set_affinity(&self.here); // as before
        used
    }

    fn cpu_account(&self, running: Running) -> u64 {
        // Without a cgroup the clock of the main process is all that can be read from here; what its descendants use is
        // known when they are reaped (getrusage(2)).
        let in_cgroup = || Some(self.cgroup.as_ref()?.cpu_time()?.total);
        let of_process = || clock::cpu_time_of(running.process?);
        in_cgroup().or_else(of_process).unwrap_or(0).saturating_sub(running.setup_cpu)
    }

    /// What a submission has used that has warmed up and is stopped. It comes off what the run uses.
    pub(crate) fn warmed_up(&mut self, process: Option<Pid>) -> u64 {
        self.waited_before = self.waited_by_now(process).map_or(0, |waited| waited.time);
        let in_cgroup = self.cgroup.as_ref().and_then(Cgroup::cpu_time);
        let of_process = || Some(CpuTime { total: clock::cpu_time_of(process?)?, user: 0 });
        let used = in_cgroup.or_else(of_process).unwrap_or_default();
        self.user_before = used.user;
        used.total
    }

    /// CPU time since exec; without a cgroup it cannot be known from here.
    pub(crate) fn cpu_time(&self) -> Option<CpuTime> {
        let setup = self.running?.setup_cpu;
        let cpu = self.cgroup.as_ref()?.cpu_time()?;
        Some(self.since_start(setup, cpu))
    }

    /// The part of a run's CPU time that is its own. Set-up is system calls: it is taken off the kernel's part.
    pub(crate) fn since_start(&self, setup: u64, cpu: CpuTime) -> CpuTime {
        let total = cpu.total.saturating_sub(setup);
        let user = if cfg!(feature = "serve") { cpu.user.saturating_sub(self.user_before) } else { cpu.user };
        CpuTime { total, user: user.min(total) }
    }

    /// See [`Cgroup::oom_kills`].
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        self.cgroup.as_ref()?.oom_kills()
    }

    /// See [`Cgroup::oom_is_own`].
    pub(crate) fn oom_is_own(&self) -> bool {
        self.cgroup.as_ref().is_some_and(Cgroup::oom_is_own)
    }

    /// See [`Cgroup::memory_peak`].
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        self.cgroup.as_ref()?.memory_peak()
    }

    /// See [`Cgroup::pids_peak`].
    pub(crate) fn pids_peak(&self) -> Option<u64> {
        self.cgroup.as_ref()?.pids_peak()
    }

    /// See [`Cgroup::throttled`].
    pub(crate) fn throttled(&self) -> Option<u64> {
        self.cgroup.as_ref()?.throttled()
    }

    /// See [`Cgroup::oom_notice`].
    pub(crate) fn oom_notice(&self) -> Option<BorrowedFd<'_>> {
        self.oom_notice.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Visits and looks of one check of the watch.
    fn cost(cpus: u32, used: u64) -> (u32, u32) {
        let (visits, looks) = (Cell::new(0), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            used
        };
        visit(0..cpus, 100, |_| visits.set(visits.get() + 1), look);
        (visits.get(), looks.get())
    }

    #[test]
    fn a_check_visits_each_cpu_once_and_looks_at_the_account_a_few_times() {
        for (cpus, looks) in [(1, 2), (2, 3), (16, 6), (64, 8), (255, 9), (1024, 12)] {
            assert_eq!(cost(cpus, 99), (cpus, looks), "{cpus}");
        }
    }

    #[test]
    fn a_check_ends_when_it_has_seen_enough() {
        assert_eq!(cost(255, 100), (1, 1));
    }
}
