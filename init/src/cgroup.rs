//! The run's cgroup: found, made, limited, measured and removed, on version 2 and on version 1.
//!
//! The supervisor opens the parent directories first, then starts the sandbox, then makes the directory of the
//! run: each of the two processes knows all that is needed to remove it after the other's death ([`Place::remove`]).
//! Only the submission is in it, neither supervisor nor PID 1: what it measures is the submission's alone.

pub(crate) mod handed;
mod name;
mod v1;
mod v2;

use core::ffi::CStr;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

pub use self::name::{PREFIX, RunName};
use crate::error::{Call, Error, Step, Subject, at};
use crate::guard::{Guard, Reason};
use crate::limits::Limits;
use crate::options::{CgroupChoice, Options};
use crate::setup::Setup;
use crate::sys::fd::Fd;
use crate::text::{Parts, Strings, Text, parse_number, strip_prefix};
use crate::{clock, kernel_file};

/// Files that a failure can be about.
const FILES: &[u8] = b"(the cgroup's directory)\0\
    memory.max\0\
    memory.swap.max\0\
    memory.oom.group\0\
    pids.max\0\
    memory.limit_in_bytes\0\
    memory.memsw.limit_in_bytes\0\
    tasks\0\
    cpuset.cpus\0\
    cpuset.mems\0\
    cpu.max\0\
    cpu.cfs_quota_us\0";

/// The file with this index.
pub(crate) fn file(index: u8) -> &'static CStr {
    Strings(FILES).nth(index.into()).unwrap_or_default()
}

const DIRECTORY: Subject = Subject::CgroupFile(0);
const TASKS: Subject = Subject::CgroupFile(7);
const CPUS: Subject = Subject::CgroupFile(8);
const MEMS: Subject = Subject::CgroupFile(9);
const QUOTA_V2: u8 = 10;
const QUOTA_V1: u8 = 11;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// One hierarchy; the submission is born into it (clone3(2), CLONE_INTO_CGROUP).
    V2,
    /// A hierarchy for each controller; the submission joins each before exec.
    V1,
}

/// Hierarchies that a run may need: in version 1 one for each controller, in version 2 the first alone.
const SLOTS: usize = 5;

/// Where the run's directory goes, decided before the sandbox starts.
pub(crate) struct Place {
    pub(crate) version: Version,
    parents: [Option<Fd>; SLOTS],
    /// The slot of `parents` in which the run's CPUs are set, if they are.
    cpuset: Option<usize>,
    /// The slot in which the run's share of them is set, if it is.
    quota: Option<usize>,
    /// Ended by a NUL.
    name: [u8; name::LEN],
}

/// A limit to write: whose guard it is, in which slot of `Place`, to which of [`FILES`].
struct Setting {
    guard: Guard,
    slot: usize,
    file: u8,
    value: fn(&Limits) -> Option<u64>,
    /// Whether the kernel may be without this file (no swap accounting): then the guard is not available.
    optional: bool,
}

impl Place {
    /// Looks for a hierarchy that can hold the run. Guards that it cannot give are marked unavailable.
    ///
    /// # Errors
    /// ENOENT: the version that the options demand is not available.
    pub(crate) fn find(setup: &mut Setup<'_>) -> Result<Option<Place>, Error> {
        let mut memberships = [0; 4096];
        let memberships = kernel_file::read(CWD, c"/proc/self/cgroup", &mut memberships).unwrap_or_default();
        let choice = setup.options.cgroup;
        let guards = &setup.guards;
        let found = match choice {
            CgroupChoice::None => None,
            CgroupChoice::V2 => v2::find(memberships, guards),
            CgroupChoice::V1 => v1::find(memberships, guards),
            CgroupChoice::Auto => v2::find(memberships, guards).or_else(|| v1::find(memberships, guards)),
        };
        if found.is_none() && matches!(choice, CgroupChoice::V1 | CgroupChoice::V2) {
            return Err(at(Step::Cgroup, Call::Open, DIRECTORY)(Errno::NOENT));
        }
        mark_missing(setup, found.as_ref());
        Ok(found)
    }

    /// Makes the run's directory and writes its limits. [`Place::remove`] takes away what was made, after a failure
    /// too.
    pub(crate) fn create(&self, setup: &mut Setup<'_>) -> Result<Cgroup, Error> {
        let mut directories = [const { None }; SLOTS];
        for (directory, parent) in directories.iter_mut().zip(&self.parents) {
            let Some(parent) = parent else { continue };
            let error = at(Step::Cgroup, Call::Mkdir, DIRECTORY);
            // EEXIST is an error, too: no other run may have this name.
            rustix::fs::mkdirat(parent, self.name(), Mode::from_raw_mode(0o755)).map_err(&error)?;
            *directory = Some(open_directory(parent.as_fd(), self.name()).map_err(&error)?);
        }
        let accounts = setup.has(Guard::CpuAccounting);
        let quota = self.quota.filter(|_| setup.options.limits.cpu_quota.is_some());
        let cgroup = Cgroup { version: self.version, directories, accounts, quota };
        let settings = if self.version == Version::V2 { v2::SETTINGS } else { v1::SETTINGS };
        for setting in settings {
            cgroup.apply(setting, setup)?;
        }
        if let Some(slot) = self.cpuset {
            cgroup.confine(slot, self.parents.get(slot), setup.options)?;
        }
        if let (Some(slot), Some(quota)) = (cgroup.quota, setup.options.limits.cpu_quota) {
            cgroup.throttle(slot, quota)?;
        }
        Ok(cgroup)
    }

    /// Opens the directory that [`Place::create`] made, for the submission to be born into (version 2).
    pub(crate) fn open(&self) -> Result<Fd, Error> {
        let parent = self.parents[v2::UNIFIED].as_ref().ok_or(Errno::NOENT);
        parent.and_then(|parent| open_directory(parent.as_fd(), self.name())).map_err(at(
            Step::Cgroup,
            Call::Open,
            DIRECTORY,
        ))
    }

    /// Moves the calling thread into each hierarchy (version 1).
    pub(crate) fn join(&self) -> Result<(), Error> {
        for parent in self.parents.iter().flatten() {
            let mut path = [0; 64];
            Text::new(&mut path).push(self.name().to_bytes()).push(b"/tasks");
            // 0 is the caller. `tasks` moves this one thread; `cgroup.procs` would move the process, and take the
            // machine-wide lock that keeps every process from forking meanwhile (cgroup_threadgroup_rwsem).
            let tasks = CStr::from_bytes_until_nul(&path).unwrap_or_default();
            let joined = kernel_file::write(parent.as_fd(), tasks, b"0");
            joined.map_err(at(Step::Cgroup, Call::Write, TASKS))?;
        }
        Ok(())
    }

    /// Removes the run's directories. All its processes are dead; a missing directory is as good as removed.
    pub(crate) fn remove(&self) {
        const TRIES: usize = 50;
        for parent in self.parents.iter().flatten() {
            for _ in 0..TRIES {
                match rustix::fs::unlinkat(parent, self.name(), AtFlags::REMOVEDIR) {
                    // A process leaves its cgroup late in its death, after wait(2) has reported it: the kernel may
                    // still be at it. A few times a millisecond is ample.
                    Err(Errno::BUSY) => clock::sleep_ms(1),
                    _ => break,
                }
            }
        }
    }

    /// Lets the host's directories be inherited.
    #[cfg(capsule_mutation = "keep-one-fd")]
    pub(crate) fn leak(&self) {
        for parent in self.parents.iter().flatten() {
            let _ = rustix::io::fcntl_setfd(parent, rustix::io::FdFlags::empty()); // then the mutant is not one
        }
    }

    fn name(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.name).unwrap_or_default()
    }

    fn new(
        version: Version,
        parents: [Option<Fd>; SLOTS],
        cpuset: Option<usize>,
        quota: Option<usize>,
    ) -> Place {
        let supervisor = rustix::process::getpid().as_raw_nonzero().get() as u32;
        let name = RunName { supervisor, made_at: clock::now() }.render();
        Place { version, parents, cpuset, quota, name }
    }
}

/// Marks each guard that `found` cannot give, with the reason.
pub(crate) fn mark_missing(setup: &mut Setup<'_>, found: Option<&Place>) {
    let guards = &mut setup.guards;
    let why = match (found, setup.options.cgroup) {
        (Some(_), _) => Reason::NoController,
        (None, CgroupChoice::None) => Reason::CgroupNone,
        (None, _) => Reason::NoCgroup,
    };
    let has = |slot: usize| {
        found.is_some_and(|place| {
            place.version == Version::V2 || place.parents.get(slot).is_some_and(Option::is_some)
        })
    };
    const NEEDS: &[(Guard, usize)] = &[
        (Guard::Memory, v1::MEMORY),
        (Guard::Swap, v1::MEMORY),
        (Guard::OomGroup, v1::MEMORY),
        (Guard::Pids, v1::PIDS),
        (Guard::CpuAccounting, v1::CPUACCT),
    ];
    for (guard, slot) in NEEDS {
        if !has(*slot) {
            guards.mark_unavailable(*guard, why);
        }
    }
    if found.is_none_or(|place| place.cpuset.is_none()) {
        guards.mark_unavailable(Guard::Cpuset, why);
    }
    if found.is_none_or(|place| place.quota.is_none()) {
        guards.mark_unavailable(Guard::CpuQuota, why);
    }
    if found.is_some_and(|place| place.version == Version::V1) {
        guards.mark_unavailable(Guard::OomGroup, Reason::KillsOne);
    }
}

/// A cgroup's path, then that of each above it, up to the root's.
fn self_and_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::successors(Some(path), |path| {
        let end = path.iter().rposition(|byte| *byte == b'/').filter(|_| path.len() > 1)?;
        path.get(..end.max(1))
    })
}

/// Our own path in the hierarchy of `controller` (version 2: empty), from the lines `ID:CONTROLLERS:PATH` of
/// /proc/self/cgroup (cgroups(7)).
fn membership<'a>(memberships: &'a [u8], controller: &[u8]) -> Option<&'a [u8]> {
    Parts::new(memberships, b'\n').find_map(|line| {
        let mut fields = Parts::new(line, b':');
        let controllers = fields.nth(1)?;
        Parts::new(controllers, b',').any(|name| name == controller).then_some(fields.rest()?)
    })
}

/// The run's cgroup.
pub(crate) struct Cgroup {
    version: Version,
    directories: [Option<Fd>; SLOTS],
    /// Whether its CPU account counts (`--without cpu-accounting`).
    accounts: bool,
    /// The slot whose directory holds the quota; `None` without a quota.
    quota: Option<usize>,
}

/// CPU time used, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CpuTime {
    pub(crate) total: u64,
    /// The part of `total` that was spent in user space; the rest was spent in the kernel.
    pub(crate) user: u64,
}

impl Cgroup {
    fn apply(&self, setting: &Setting, setup: &mut Setup<'_>) -> Result<(), Error> {
        let Some(Some(directory)) = self.directories.get(setting.slot) else { return Ok(()) };
        let is_forgotten = cfg!(capsule_mutation = "swap") && setting.guard == Guard::Swap
            || cfg!(capsule_mutation = "no-pids-limit") && setting.guard == Guard::Pids;
        if !setup.has(setting.guard) || is_forgotten {
            return Ok(());
        }
        let Some(value) = (setting.value)(&setup.options.limits) else { return Ok(()) };
        let mut digits = [0; 20];
        let mut text = Text::new(&mut digits);
        text.number(value);
        let file = file(setting.file);
        if self.version == Version::V1 && setting.guard == Guard::Swap && !setup.has(Guard::Memory) {
            // Version 1 limits memory and swap together, and that not below the limit of memory alone.
            setup.guards.mark_unavailable(Guard::Swap, Reason::SwapAlone);
            return Ok(());
        }
        match kernel_file::write(directory.as_fd(), file, text.as_bytes()) {
            Err(Errno::NOENT) if setting.optional => {
                setup.guards.mark_unavailable(setting.guard, Reason::NoSwapAccount);
                Ok(())
            }
            result => result.map_err(at(Step::Cgroup, Call::Write, Subject::CgroupFile(setting.file))),
        }
    }

    /// Sets the CPUs.
    fn confine(&self, slot: usize, parent: Option<&Option<Fd>>, options: &Options<'_>) -> Result<(), Error> {
        let (Some(Some(directory)), Some(Some(parent))) = (self.directories.get(slot), parent) else {
            return Ok(());
        };
        if self.version == Version::V1 {
            v1::copy_memory_nodes(parent.as_fd(), directory.as_fd()).map_err(at(
                Step::Cgroup,
                Call::Write,
                MEMS,
            ))?;
        }
        // As the caller wrote it: the kernel has the same grammar of lists (cpuset(7), "List format").
        let written = kernel_file::write(directory.as_fd(), c"cpuset.cpus", options.cpus_list);
        written.map_err(at(Step::Cgroup, Call::Write, CPUS))
    }

    /// Sets the CPU time of each period, in nanoseconds.
    fn throttle(&self, slot: usize, quota: u64) -> Result<(), Error> {
        let Some(Some(directory)) = self.directories.get(slot) else { return Ok(()) };
        let number = if self.version == Version::V2 { QUOTA_V2 } else { QUOTA_V1 };
        let mut digits = [0; 20];
        let mut text = Text::new(&mut digits);
        text.number(quota / 1_000);
        let written = kernel_file::write(directory.as_fd(), file(number), text.as_bytes());
        written.map_err(at(Step::Cgroup, Call::Write, Subject::CgroupFile(number)))
    }

    /// CPU time of all processes that were ever in it, unless the account is not to count. Exact up to the last timer
    /// tick of what runs now.
    pub(crate) fn cpu_time(&self) -> Option<CpuTime> {
        if !self.accounts {
            return None;
        }
        match self.version {
            Version::V2 => {
                let mut buffer = [0; 512];
                v2::cpu_time(self.read(v2::UNIFIED, c"cpu.stat", &mut buffer)?)
            }
            Version::V1 => {
                let total = self.number(v1::CPUACCT, c"cpuacct.usage")?;
                // These two are sampled at ticks and need not add up to the exact total: only their ratio is used.
                let user = self.number(v1::CPUACCT, c"cpuacct.usage_user")?;
                let system = self.number(v1::CPUACCT, c"cpuacct.usage_sys")?;
                Some(CpuTime { total, user: v1::share(total, user, system) })
            }
        }
    }

    /// Writes the ids of its threads, one a line, and returns their length; those that do not fit are left out.
    pub(crate) fn threads(&self, buffer: &mut [u8]) -> usize {
        let file = if self.version == Version::V2 { c"cgroup.threads" } else { c"tasks" };
        // They are in all of its directories.
        let directory = self.directories.iter().flatten().next();
        let threads = directory.and_then(|directory| kernel_file::read(directory.as_fd(), file, buffer).ok());
        threads.map_or(0, |threads| threads.len())
    }

    /// The most memory that it ever held, in bytes. Version 2: Linux 5.19 or later.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        match self.version {
            Version::V2 => self.number(v2::UNIFIED, c"memory.peak"),
            Version::V1 => self.number(v1::MEMORY, c"memory.max_usage_in_bytes"),
        }
    }

    /// How many processes the OOM killer ended in it.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let (slot, file) = match self.version {
            Version::V2 => (v2::UNIFIED, c"memory.events"),
            Version::V1 => (v1::MEMORY, c"memory.oom_control"),
        };
        let mut buffer = [0; 512];
        keyed(self.read(slot, file, &mut buffer)?, b"oom_kill")
    }

    /// Whether it reached its own memory limit, so that an OOM kill in it came from that limit and not from one above it
    /// or from the machine's.
    pub(crate) fn oom_is_own(&self) -> bool {
        match self.version {
            Version::V2 => {
                // Counts where the limit was, unlike `oom_kill`, which counts where the process was. Not `max`: an
                // allocation that succeeded after reclaim counts there too (cgroup-v2.rst, "memory.events.local").
                let mut buffer = [0; 512];
                let events = self.read(v2::UNIFIED, c"memory.events.local", &mut buffer);
                events.and_then(|events| keyed(events, b"oom")).is_some_and(|count| count > 0)
            }
            Version::V1 => v1::PEAKS.iter().any(|(peak, limit)| {
                let [peak, limit] = [*peak, *limit].map(|file| self.number(v1::MEMORY, file));
                peak.zip(limit).is_some_and(|(peak, limit)| v1::is_full(peak, limit))
            }),
        }
    }

    /// The most tasks that were ever in it at one time. Linux 6.1 or later.
    pub(crate) fn pids_peak(&self) -> Option<u64> {
        self.number(if self.version == Version::V2 { v2::UNIFIED } else { v1::PIDS }, c"pids.peak")
    }

    /// How long its quota throttled it, in microseconds; `None` without a quota.
    pub(crate) fn throttled(&self) -> Option<u64> {
        let mut buffer = [0; 512];
        let stat = self.read(self.quota?, c"cpu.stat", &mut buffer)?;
        // Version 1 has another key, and counts nanoseconds.
        keyed(stat, b"throttled_usec").or_else(|| Some(keyed(stat, b"throttled_time")? / 1_000))
    }

    /// A descriptor that becomes readable when the OOM killer strikes in it. Version 1 only: version 2 kills the
    /// whole group by itself (memory.oom.group).
    pub(crate) fn oom_notice(&self) -> Option<Fd> {
        let directory = self.directories[v1::MEMORY].as_ref().filter(|_| self.version == Version::V1)?;
        v1::oom_notice(directory.as_fd())
    }

    fn read<'b>(&self, slot: usize, file: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        kernel_file::read(self.directories.get(slot)?.as_ref()?.as_fd(), file, buffer).ok()
    }

    fn number(&self, slot: usize, file: &CStr) -> Option<u64> {
        let mut buffer = [0; 32];
        parse_number(self.read(slot, file, &mut buffer)?.trim_ascii_end())
    }
}

/// The number after `key` in lines of `KEY NUMBER`.
fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    Parts::new(text, b'\n').find_map(|line| parse_number(strip_prefix(strip_prefix(line, key)?, b" ")?))
}

/// Whether this process may write a file, as access(2) with the effective ids says.
fn writable(directory: BorrowedFd<'_>, file: &CStr) -> bool {
    rustix::fs::accessat(directory, file, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<Fd, Errno> {
    kernel_file::open(parent, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERSHIPS: &[u8] = b"9:name=systemd:/\n4:memory:/judge/a\n2:cpu,cpuacct:/b\n0::/user.slice\n";

    #[test]
    fn our_own_cgroup_is_found_by_controller() {
        assert_eq!(membership(MEMBERSHIPS, b"memory"), Some(&b"/judge/a"[..]));
        assert_eq!(membership(MEMBERSHIPS, b"cpuacct"), Some(&b"/b"[..]));
        assert_eq!(membership(MEMBERSHIPS, b"pids"), None);
        assert_eq!(membership(MEMBERSHIPS, b""), Some(&b"/user.slice"[..]));
    }

    #[test]
    fn above_a_cgroup_are_its_parents_up_to_the_root() {
        let all = |path: &'static [u8]| self_and_above(path).collect::<Vec<_>>();
        assert_eq!(all(b"/judge/a"), [&b"/judge/a"[..], b"/judge", b"/"]);
        assert_eq!(all(b"/"), [b"/"]);
    }

    #[test]
    fn a_key_is_matched_whole() {
        let events = b"low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(keyed(events, b"oom_kill"), Some(2));
        assert_eq!(keyed(events, b"oom"), Some(3));
        assert_eq!(keyed(events, b"kill"), None);
    }
}
