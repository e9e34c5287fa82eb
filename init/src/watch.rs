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
use crate::options::{Limits, Options};
use crate::outcome::Cause;
use crate::sys;
use crate::sys::fd::Fd;

/// Below this a new look would cost more than it could tell.
const SHORTEST_SLEEP: u64 = 50_000;

/// The longest time between two timer ticks: CONFIG_HZ=100.
const LONGEST_TICK: u64 = 10_000_000;

/// Watches one submission.
pub struct Watch<'a> {
    limits: &'a Limits,
    cgroup: Option<Cgroup>,
    oom_notice: Option<Fd>,
    /// CPUs that can work for it: where it is not confined to some, all that the kernel would give to whoever asks.
    reach: Cpus,
    /// How many those are.
    cpus: NonZeroU64,
    /// CPUs that the supervisor may run on.
    here: Cpus,
    running: Option<Running>,
    stopped: bool,
}

/// A submission that has been let go.
#[derive(Clone, Copy)]
struct Running {
    /// CLOCK_MONOTONIC at exec.
    started: u64,
    /// CPU time in its cgroup that was set-up.
    setup_cpu: u64,
    /// Its main process, in our pid namespace.
    process: Option<Pid>,
}

impl<'a> Watch<'a> {
    /// Nothing runs yet.
    pub fn new(options: &'a Options<'_>, cgroup: Option<Cgroup>) -> Self {
        let here = sys::affinity();
        let reach = options.cpus.filter(|_| options.guards.has(Guard::Cpuset)).unwrap_or_else(|| {
            let _ = sys::set_affinity(&Cpus::ALL); // asks for more than there is, and gets what there is
            let reach = sys::affinity();
            let _ = sys::set_affinity(&here); // as before
            reach
        });
        let limits = &options.limits;
        if limits.cpu_time.or(limits.wall_time).or(limits.idle_time).is_some() {
            sys::shorten_slice(); // or on a busy machine a limit would be noticed a timer tick late
        }
        Watch {
            limits,
            oom_notice: cgroup.as_ref().and_then(Cgroup::oom_notice),
            cgroup,
            cpus: NonZeroU64::new(reach.count()).unwrap_or(NonZeroU64::MIN),
            reach,
            here,
            running: None,
            stopped: false,
        }
    }

    /// The clocks run from `started` on.
    pub fn start(&mut self, started: u64, setup_cpu: u64, process: Option<Pid>) {
        self.running = Some(Running { started, setup_cpu, process });
    }

    /// No limit is looked at any more.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether the clocks run.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// When it was started.
    pub fn started_at(&self) -> Option<u64> {
        self.running.map(|running| running.started)
    }

    /// The first limit that is reached, or when to look again (`None`: never).
    pub fn look(&self, now: u64) -> Result<Option<u64>, Cause> {
        let (Some(running), false) = (self.running, self.stopped) else { return Ok(None) };
        let wall = now.saturating_sub(running.started);
        let mut wake = None;
        let mut sooner = |at: u64| wake = Some(wake.map_or(at, |other: u64| other.min(at)));
        if let Some(limit) = self.limits.wall_time {
            if wall >= limit {
                return Err(Cause::WallTime);
            }
            sooner(now + (limit - wall));
        }
        if self.limits.cpu_time.is_none() && self.limits.idle_time.is_none() {
            return Ok(wake);
        }
        let used = self.cpu_used_now(running);
        if let Some(limit) = self.limits.cpu_time {
            if used >= limit {
                return Err(Cause::CpuTime);
            }
            sooner(now + ((limit - used) / self.cpus).max(SHORTEST_SLEEP));
        }
        if let Some(limit) = self.limits.idle_time {
            let idle = wall.saturating_sub(used);
            if idle >= limit {
                return Err(Cause::IdleTime);
            }
            sooner(now + (limit - idle).max(SHORTEST_SLEEP));
        }
        Ok(wake)
    }

    /// CPU time since exec, right now, exact where it matters: near the limit.
    fn cpu_used_now(&self, running: Running) -> u64 {
        let used = self.cpu_account(running);
        match self.limits.cpu_time {
            Some(limit) if used + LONGEST_TICK * self.cpus.get() >= limit => self.settle(running, limit),
            _ => used,
        }
    }

    /// Makes the kernel account for what runs at this moment, which it else does at timer ticks only: it must when
    /// another task comes to a CPU, so this process visits each, until it has seen enough.
    fn settle(&self, running: Running, enough: u64) -> u64 {
        let mut used = 0;
        for there in self.reach.each() {
            let _ = sys::set_affinity(&there); // a CPU that is not there runs nothing
            used = self.cpu_account(running);
            if used >= enough {
                break;
            }
        }
        let _ = sys::set_affinity(&self.here); // as before
        used
    }

    fn cpu_account(&self, running: Running) -> u64 {
        let in_cgroup = || Some(self.cgroup.as_ref()?.cpu_time()?.total);
        let of_process = || clock::cpu_time_of(running.process?);
        in_cgroup().or_else(of_process).unwrap_or(0).saturating_sub(running.setup_cpu)
    }

    /// CPU time since exec; without a cgroup it cannot be known from here.
    pub fn cpu_time(&self) -> Option<CpuTime> {
        let setup = self.running?.setup_cpu;
        let cpu = self.cgroup.as_ref()?.cpu_time()?;
        // Set-up is system calls: it is taken off the kernel's part.
        let total = cpu.total.saturating_sub(setup);
        Some(CpuTime { total, user: cpu.user.min(total) })
    }

    /// See [`Cgroup::oom_kills`].
    pub fn oom_kills(&self) -> Option<u64> {
        self.cgroup.as_ref()?.oom_kills()
    }

    /// See [`Cgroup::memory_peak`].
    pub fn memory_peak(&self) -> Option<u64> {
        self.cgroup.as_ref()?.memory_peak()
    }

    /// See [`Cgroup::pids_peak`].
    pub fn pids_peak(&self) -> Option<u64> {
        self.cgroup.as_ref()?.pids_peak()
    }

    /// See [`Cgroup::oom_notice`].
    pub fn oom_notice(&self) -> Option<BorrowedFd<'_>> {
        self.oom_notice.as_ref().map(AsFd::as_fd)
    }
}
