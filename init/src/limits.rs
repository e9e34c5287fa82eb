//! Resource limits that the kernel holds for each process (setrlimit(2)), and what stands in for a missing cgroup.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, State};
use crate::options::{Limits, Options};

/// Soft and hard limit alike: nothing here is the submission's to raise.
struct Setting {
    resource: Resource,
    value: fn(&Limits) -> Option<u64>,
    /// The cgroup's guard in whose place this limit stands: it is set only where that guard cannot be had.
    instead_of: Option<Guard>,
}

const SETTINGS: &[Setting] = &[
    // A core file is output that nobody asked for, and a core_pattern pipe would start a program of the host's.
    Setting { resource: Resource::Core, value: |_| Some(0), instead_of: None },
    Setting { resource: Resource::Stack, value: |limits| limits.stack, instead_of: None },
    Setting { resource: Resource::Nofile, value: |limits| limits.open_files, instead_of: None },
    Setting { resource: Resource::Fsize, value: |limits| limits.output, instead_of: None },
    // Locked pages cannot be reclaimed; what runtimes lock (a page for a secret) fits.
    Setting { resource: Resource::Memlock, value: |_| Some(64 << 10), instead_of: None },
    // Neither nice values below 0 nor real-time priorities.
    Setting { resource: Resource::Nice, value: |_| Some(0), instead_of: None },
    Setting { resource: Resource::Rtprio, value: |_| Some(0), instead_of: None },
    // Private writable memory, of one process only; not RLIMIT_AS, which counts what the JVM or Go merely reserve.
    Setting { resource: Resource::Data, value: |limits| limits.memory, instead_of: Some(Guard::Memory) },
    // Of the user, not of the run.
    Setting { resource: Resource::Nproc, value: |limits| limits.pids, instead_of: Some(Guard::Pids) },
];

/// Sets them for this process and all that it starts.
pub fn apply(options: &Options<'_>) -> Result<(), Error> {
    if !options.guards.has(Guard::Rlimits) {
        return Ok(());
    }
    for setting in SETTINGS {
        let wanted = match setting.instead_of.map(|guard| options.guards.state(guard)) {
            None | Some(State::Unavailable(_)) => (setting.value)(&options.limits),
            Some(State::On | State::Off) => None,
        };
        if let Some(limit) = wanted {
            setrlimit(setting.resource, Rlimit { current: Some(limit), maximum: Some(limit) })
                .map_err(at(Step::Limits, Call::Setrlimit, Subject::None))?;
        }
    }
    Ok(())
}
