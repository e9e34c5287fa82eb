//! Resource limits that the kernel holds for each process (setrlimit(2)): what the options ask for, what stands in for a
//! missing cgroup, and no limit of the caller's.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, State};
use crate::limits::Limits;
use crate::setup::Setup;
use crate::text;

/// RLIM_INFINITY, getrlimit(2).
const NO_LIMIT: u64 = u64::MAX;

/// Soft and hard limit alike: nothing here is the submission's to raise.
struct Setting {
    resource: Resource,
    value: fn(&Limits) -> Option<u64>,
    /// The cgroup's guard in whose place this limit stands: elsewhere there is none.
    instead_of: Option<Guard>,
    /// The least that the caller's hard limit must allow, where it cannot be raised (CAP_SYS_RESOURCE).
    least: Least,
}

#[derive(Clone, Copy)]
enum Least {
    /// The value itself: a lower limit would end programs that keep to the options.
    Value,
    /// Processes of the user on the whole machine: as many as the run may have. Every system sets a limit of some
    /// thousands, which is not the caller's.
    Pids,
    /// Every system sets one, or it ends no program.
    Any,
}

/// Declares the settings, and as lines in the same order their names in getrlimit(2), the subject of an error.
macro_rules! settings {
    ($($setting:expr => $name:literal),* $(,)?) => {
        const SETTINGS: &[Setting] = &[$($setting),*];
        const NAMES: &str = concat!($($name, "\n"),*);
    };
}

settings! {
    row(Resource::Cpu, |_| None, Least::Value) => "RLIMIT_CPU",
    row(Resource::Fsize, |limits| limits.output, Least::Value) => "RLIMIT_FSIZE",
    // Private writable memory, of one process only; not RLIMIT_AS, which counts what the JVM or Go merely reserve.
    row(Resource::Data, |limits| limits.memory, Least::Value).instead_of(Guard::Memory) => "RLIMIT_DATA",
    row(Resource::Stack, |limits| limits.stack, Least::Value) => "RLIMIT_STACK",
    // A core file is unwanted output, and a core_pattern pipe would start a program of the host's (core(5)).
    row(Resource::Core, |_| Some(0), Least::Value) => "RLIMIT_CORE",
    row(Resource::Rss, |_| None, Least::Any) => "RLIMIT_RSS", // no effect since Linux 2.4.30
    // The kernel counts the processes of the user on the whole machine, not those of the run (setrlimit(2)).
    row(Resource::Nproc, |limits| limits.pids, Least::Pids).instead_of(Guard::Pids) => "RLIMIT_NPROC",
    // `none` is as many as the caller may have: the kernel allows no more than fs.nr_open.
    row(Resource::Nofile, |limits| limits.open_files, Least::Value) => "RLIMIT_NOFILE",
    // Locked pages cannot be reclaimed; the page that a runtime locks for a secret fits.
    row(Resource::Memlock, |_| Some(64 << 10), Least::Value) => "RLIMIT_MEMLOCK",
    row(Resource::As, |_| None, Least::Value) => "RLIMIT_AS",
    row(Resource::Locks, |_| None, Least::Any) => "RLIMIT_LOCKS", // no effect since Linux 2.4.25
    // Queued signals and timers are memory of the kernel's, which Linux 5.15 and later count for the run.
    row(Resource::Sigpending, |_| Some(4 << 10), Least::Any) => "RLIMIT_SIGPENDING",
    row(Resource::Msgqueue, |_| Some(800 << 10), Least::Any) => "RLIMIT_MSGQUEUE", // the kernel's default
    // Neither nice values below 0 nor real-time priorities.
    row(Resource::Nice, |_| Some(0), Least::Value) => "RLIMIT_NICE",
    row(Resource::Rtprio, |_| Some(0), Least::Value) => "RLIMIT_RTPRIO",
    row(Resource::Rttime, |_| None, Least::Any) => "RLIMIT_RTTIME", // for real-time policies only
}

const fn row(resource: Resource, value: fn(&Limits) -> Option<u64>, least: Least) -> Setting {
    Setting { resource, value, instead_of: None, least }
}

impl Setting {
    const fn instead_of(self, guard: Guard) -> Setting {
        Setting { instead_of: Some(guard), ..self }
    }

    /// The limit of this run, and the least that will do.
    fn wanted(&self, setup: &Setup<'_>) -> (u64, u64) {
        let limits = &setup.options.limits;
        let value = match self.instead_of.map(|guard| setup.guards.state(guard)) {
            None | Some(State::Unavailable(_)) => (self.value)(limits),
            Some(State::On | State::Off) => None,
        };
        let is_open_files = matches!(self.resource, Resource::Nofile);
        let least = match (value, self.least) {
            (_, Least::Any) => 0,
            (None, Least::Pids) => limits.pids.unwrap_or(0).min(1 << 10),
            (None, _) if is_open_files => 0,
            (value, _) => value.unwrap_or(NO_LIMIT),
        };
        (value.unwrap_or(NO_LIMIT), least)
    }
}

/// The name of the resource limit with this index.
pub(crate) fn name(index: u8) -> Option<&'static [u8]> {
    Some(text::line(NAMES.as_bytes(), usize::from(index)))
}

/// The caller's hard limit of the resource with this index, as an error tells it.
pub(crate) fn callers_hard_limit(index: u8) -> Option<u64> {
    SETTINGS.get(usize::from(index)).and_then(|setting| getrlimit(setting.resource).maximum)
}

/// The caller's limits that would hold for the supervisor and for the user namespace, which keeps a copy of some of them
/// (`create_user_ns` in kernel/user_namespace.c): raised as far as this process may.
pub(crate) fn lift() {
    let lifted =
        [Resource::Cpu, Resource::Fsize, Resource::Data, Resource::Nproc, Resource::Nofile, Resource::As];
    for resource in lifted {
        // What cannot be lifted is judged when the submission's limits are set.
        if set(resource, NO_LIMIT).is_err() {
            let _ = set(resource, hard_limit(resource));
        }
    }
}

/// Sets them for this process and all that it starts.
///
/// # Errors
/// EPERM: a hard limit of the caller's is lower than what the options ask for, and cannot be raised.
pub(crate) fn apply(setup: &Setup<'_>) -> Result<(), Error> {
    if !setup.has(Guard::Rlimits) {
        return Ok(());
    }
    for (index, setting) in SETTINGS.iter().enumerate() {
        let (value, least) = setting.wanted(setup);
        let mut result = set(setting.resource, value);
        if result == Err(Errno::PERM) {
            let hard = hard_limit(setting.resource);
            if hard >= least {
                result = set(setting.resource, hard);
            }
        }
        result.map_err(at(Step::Limits, Call::Setrlimit, Subject::Resource(index as u8)))?;
    }
    Ok(())
}

fn set(resource: Resource, value: u64) -> Result<(), Errno> {
    let value = Some(value).filter(|value| *value != NO_LIMIT);
    setrlimit(resource, Rlimit { current: value, maximum: value })
}

fn hard_limit(resource: Resource) -> u64 {
    getrlimit(resource).maximum.unwrap_or(NO_LIMIT)
}
